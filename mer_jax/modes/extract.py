"""--mode=extract: writes feature folders of raw clips, each decoded once for all sets."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError, counted, first_few
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode

if TYPE_CHECKING:
    from mer_jax.extraction.engine import Outcome
    from mer_jax.extraction.sets import Wanted
    from mer_jax.extraction.work import Workers

_LOCAL, _RAY = "threads", "ray"
_CLIPS = "clips.csv"  # the label file of the corpus that is written


def _run(arguments: Arguments) -> None:
    from mer_jax import lock
    from mer_jax.extraction import asr, corruption, engine, faces, sets, transcripts
    from mer_jax.extraction import clips as clips_lib
    from mer_jax.extraction.record import TEXT

    recipe = corruption.recipe_of(*(arguments[flag.name] for flag in flags.CORRUPTION))
    if recipe is not None and recipe.noise is not None:
        # It may be read by processes that work in another folder.
        recipe = dataclasses.replace(recipe, noise=recipe.noise.absolute())
    change = None if recipe is None else corruption.change(recipe)
    workers = _workers(arguments)
    recogniser = asr.of_flags(
        arguments["asr"], arguments["asr_command"], arguments["language"], arguments["models"]
    )
    settings = sets.Settings(
        models=arguments["models"],
        level=arguments["level"],
        layers=arguments["layers"],
        every=arguments["every"],
        batch=arguments["batch_clips"],
        change=change,
        transcripts=None if recogniser is None else transcripts.settings(recogniser, change),
    )
    wanted, follow = faces.with_faces(sets.wanted(arguments["sets"], settings), arguments["face"])
    if recogniser is not None and not any(each.extractor.needs == TEXT for each in wanted):
        raise InputError("--asr gives texts, of which none of --sets is extracted")
    clips = clips_lib.of_sets(
        wanted, arguments["clips"], arguments["media"], recogniser is not None
    )
    out, count = arguments["out"], arguments.display().count
    with lock.held(out, *flags.WRITING):
        if arguments["clips"] is not None:
            _copy(arguments["clips"], out / _CLIPS)
        if recipe is not None:
            corruption.write_choices(out, recipe, clips)
        if recogniser is not None:
            clips = transcripts.filled(
                recogniser, clips, out, change, workers=arguments["workers"], count=count
            )
        outcome = engine.run(wanted, clips, out, follow=follow, workers=workers, count=count)
    print("\n".join(_summary(wanted, outcome, out)))
    _refuse_failures(outcome, out)


def _workers(arguments: Arguments) -> Workers | int | None:
    """Who does the work: threads of this process, or a cluster."""
    if arguments["engine"] != _RAY:
        return arguments["workers"]
    from mer_jax.extraction.ray_engine import Cluster

    return Cluster(arguments["address"])


def _check(arguments: Arguments) -> None:
    """Refuses an engine without its address, and an address without its engine."""
    is_ray, has_address = arguments["engine"] == _RAY, arguments["address"] is not None
    if is_ray and not has_address:
        raise InputError("--engine=ray needs --address=HOST:PORT, of the cluster's head, or auto")
    if has_address and not is_ray:
        raise InputError("--address goes with --engine=ray")


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies the list of clips beside the features, whole or not at all."""
    from mer_jax import files

    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        files.write_bytes(target, content)


def _summary(wanted: list[Wanted], outcome: Outcome, out: pathlib.Path) -> list[str]:
    """What was done, a line each set; and which clips gave less than they should."""
    said = []
    for each in wanted:
        counts = [f"{outcome.written[each.folder]} written"]
        if outcome.there[each.folder]:
            counts.append(f"{outcome.there[each.folder]} there before")
        if outcome.failed[each.folder]:
            counts.append(f"{len(outcome.failed[each.folder])} failed")
        folder = out / "features" / each.folder
        said.append(f"{each.extractor.name}: {', '.join(counts)}: {folder}")
    if outcome.faceless:
        names = sorted(outcome.faceless)
        said.append(
            f"No face was found in {counted(len(names), 'clip')}, whose vectors are zeros: "
            f"{first_few(names)}"
        )
    if outcome.wordless:
        names = sorted(outcome.wordless)
        said.append(
            f"Nothing is said in {counted(len(names), 'clip')}, whose vectors of text are zeros: "
            f"{first_few(names)}"
        )
    if outcome.damaged:
        parts = [
            f"{name} ({packets.lost} of {packets.read} packets)"
            for name, packets in sorted(outcome.damaged.items())
        ]
        said.append(f"Damaged in part, and extracted without that: {first_few(parts)}")
    return said


def _refuse_failures(outcome: Outcome, out: pathlib.Path) -> None:
    """Ends with an InputError where clips failed; all others are done."""
    reasons = {name: why for of_set in outcome.failed.values() for name, why in of_set.items()}
    if reasons:
        first = next(iter(sorted(reasons)))
        raise InputError(
            f"{counted(len(reasons), 'clip')} failed, which {out / 'failures.csv'} lists; the "
            f"first: {first}: {reasons[first]}"
        )


MODE = Mode(
    name="extract",
    help="Extracts feature sets of raw clips: audio, text, faces and images.",
    run=_run,
    example='--mode=extract --media=clips --clips=clips.csv --sets="eGeMAPS, IS09" '
    "--out=my_corpus",
    flags=(
        flags.MEDIA,
        flags.CLIPS,
        Flag("sets", "Feature sets, by the paper's names; NAME=FOLDER takes other weights.",
             value_name="A,B,C"),
        flags.MODELS,
        Flag("level", "A vector a clip, or its frames.", default="UTT", choices=("UTT", "FRA")),
        Flag("layers", "Whose rule of a model's layers.", default="release",
             choices=("release", "merbench")),
        Flag("every", "Takes every N-th image of a video.", int, default=1, least=1),
        Flag("batch_clips", "Clips in a call of a model; none: each model's own.", int, least=1),
        Flag("face", "Of several faces: the one seen first, or each image's largest.",
             default="steady", choices=("steady", "largest")),
        *flags.CORRUPTION,
        flags.ASR,
        flags.ASR_COMMAND,
        flags.LANGUAGE,
        flags.WORKERS,
        Flag("engine", "Who does the work: threads of this process, or a Ray cluster.",
             default=_LOCAL, choices=(_LOCAL, _RAY)),
        Flag("address", "The head of the Ray cluster; auto: this machine's.",
             value_name="HOST:PORT"),
        flags.OUT_CORPUS,
    ),
    check=_check,
    needs=(("sets",), ("out",)),
)  # fmt: skip
