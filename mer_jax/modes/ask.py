"""--mode=ask: asks an OpenAI-compatible server about clips, and records every answer."""

import pathlib

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax.asking import command, inputs, prompts

    prompt = prompts.find(arguments["prompt"], bool(arguments["candidates"]))
    question = command.question_of(arguments.flags, prompt)
    asked = inputs.read_inputs(arguments["inputs"], prompt.columns, prompt.needs_media)
    batch = min(arguments["batch"] or prompt.batch, prompt.batch)
    outcome = command.ask(
        question, asked, arguments["out"], batch, arguments.flags, count=arguments.display().count
    )
    print("\n".join(command.summary(outcome)))
    print(f"Answers: {arguments['out']}")
    if prompt.scored_by:
        how = "--predictions" if prompt.scored_by == "score_open" else "--responses"
        more = f" --candidates={','.join(question.candidates)}" if prompt.ranks else ""
        print(
            f"Score them: python -m mer_jax.main --mode={prompt.scored_by} "
            f"{how}={arguments['out']}{more} --labels=FILE"
        )


def _check(arguments: Arguments) -> None:
    if arguments["out"].suffix != ".jsonl":
        raise InputError(f"--out={arguments['out']}: answers are JSONL; name a file NAME.jsonl")


MODE = Mode(
    name="ask",
    help="Asks an OpenAI-compatible server about images, videos and texts.",
    run=_run,
    example="--mode=ask --server=http://localhost:8000/v1 --model=NAME --inputs=inputs.csv "
    "--prompt=expression --candidates=happy,sad,angry --out=answers.jsonl",
    flags=(
        Flag("inputs", "A CSV with name and text, image, images, frames or video.", pathlib.Path),
        Flag("prompt", "expression, evoked, micro_expression, sentiment_text, video, "
             "video_and_text, describe, labels, group, prefer, or a file.", value_name="ID"),
        flags.CANDIDATES,
        Flag("batch", "Inputs in a request; none: as many as the prompt takes.", int, least=1),
        Flag("frames", "Of a video, evenly.", int, default=3, least=1),
        Flag("max_side", "Shrinks images to it, in pixels; 0: as they are.", int, default=0,
             least=0),
        *flags.ASKING,
        flags.OUT_FILE,
    ),
    needs=(("server",), ("model",), ("inputs",), ("prompt",), ("out",)),
    check=_check,
)  # fmt: skip
