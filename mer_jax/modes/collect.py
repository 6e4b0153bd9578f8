"""--mode=collect: cuts long videos into clips, as section 2.1 of the MER 2023 paper does."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError, counted
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode

if TYPE_CHECKING:
    from mer_jax.extraction.collection.rules import Rules
    from mer_jax.extraction.collection.run import Tools


def _run(arguments: Arguments) -> None:
    from mer_jax import lock
    from mer_jax.extraction import clips
    from mer_jax.extraction.collection import run, speakers
    from mer_jax.extraction.collection.rules import Rules, of_seconds

    shortest, longest = of_seconds(arguments["seconds"])
    rules = Rules(
        cut=arguments["cut"],
        shortest=shortest,
        longest=longest,
        similarity=arguments["similarity"],
        pause=arguments["pause"],
        persons=arguments["persons"],
    )
    media, out = arguments["media"], arguments["out"]
    if out.resolve().is_relative_to(media.resolve()):
        raise InputError(f"--out: {out} lies in --media, whose files are taken for videos")
    videos = clips.of_folder(media)
    cut_by = run.sources(videos, arguments["subtitles"] or media, rules)
    tools = _tools(arguments, rules, by_voice=None in cut_by.values())
    with lock.held(out, *flags.WRITING):
        failed = run.run(
            videos,
            cut_by,
            tools,
            rules,
            out,
            workers=arguments["workers"],
            count=arguments.display().count,
        )
    print("\n".join(run.summary(videos, out)))
    if isinstance(tools.embedder, speakers.MelStatistics):
        print("Speakers were told apart by mel statistics, no trained model: --speakers=FILE")
    if tools.faces is not None and tools.recogniser is None:
        print("Faces were counted and not compared: --models holds no *sface*.onnx")
    if failed:
        first = min(failed)
        raise InputError(
            f"{counted(len(failed), 'video')} failed, which {out / 'failures.csv'} lists; the "
            f"first: {first}: {failed[first]}"
        )


def _tools(arguments: Arguments, rules: Rules, by_voice: bool) -> Tools:
    """The models; InputError where one that is needed is missing."""
    from mer_jax.extraction import faces
    from mer_jax.extraction.collection import persons, run, speakers, voice
    from mer_jax.extraction.collection import rules as rules_lib

    models = arguments["models"]
    looks = rules.persons != rules_lib.ANY
    return run.Tools(
        embedder=speakers.of_flag(arguments["speakers"]),
        voice=voice.Silero(voice.find_weights(arguments["vad"])) if by_voice else None,
        faces=faces.YuNet(faces.find_weights(models)) if looks else None,
        recogniser=persons.find_recogniser(models) if looks else None,
    )


MODE = Mode(
    name="collect",
    help="Cuts long videos into clips of one speaker and one face.",
    run=_run,
    example="--mode=collect --media=videos --models=weights --out=collected",
    flags=(
        flags.MEDIA,
        Flag("subtitles", "The folder with the videos' subtitles; none: beside the videos.",
             pathlib.Path, value_name="DIR"),
        flags.MODELS,
        Flag("cut", "By what videos are cut; auto: by voice where there are no subtitles.",
             default="auto", choices=("auto", "subtitles", "voice")),
        Flag("vad", "Silero's ONNX file; none: the installed package's.", pathlib.Path),
        Flag("speakers", "Resemblyzer's weights, ge2e (the installed package's) or "
             "mel-statistics.", value_name="FILE"),
        Flag("similarity", "From which two voices are one speaker's; none: the model's own.",
             float, least=-1.0, most=1.0),
        Flag("pause", "The longest between merged pieces, in seconds.", float, default=1.0,
             least=0.0),
        Flag("seconds", "The lengths of kept pieces.", default="2:16", value_name="MIN:MAX"),
        Flag("persons", "In a kept piece: one, as the paper has it, or any number.",
             default="one", choices=("one", "any")),
        flags.WORKERS,
        flags.OUT_PIECES,
    ),
    needs=(("media",), ("out",)),
)  # fmt: skip
