"""--mode=score_responses: scores stored answers of a model that was asked without training."""

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax.scoring import response_report

    response_report.report(arguments.flags).deliver(arguments["out"])


def _check(arguments: Arguments) -> None:
    if arguments["benchmark"] and (arguments["candidates"] or arguments["rule"]):
        raise InputError("--benchmark has candidates and a rule of its own; leave these out")
    if arguments["missing"] == "empty":
        raise InputError("--missing=empty goes with --mode=score_open; here it is wrong")


MODE = Mode(
    name="score_responses",
    help="Scores stored answers, each a ranking of candidates of which the first counts.",
    run=_run,
    example="--mode=score_responses --responses=answers.csv --candidates=happy,sad,angry "
    "--labels=label.csv",
    flags=(
        flags.RESPONSES,
        Flag("benchmark", "A set of GPT-4V with Emotion: ckplus, ..., mer2023.",
             value_name="NAME"),
        flags.CANDIDATES,
        Flag("rule", "What an answer outside the candidates is.",
             choices=("wrong", "drop", "polarity", "sign")),
        flags.LABELS,
        Flag("column", "The CSV's column of answers; none: gpt4v, or discrete.",
             value_name="NAME"),
        Flag("alias", "Takes one word for another.", repeated=True, value_name="WORD=OTHER"),
        flags.MISSING,
        flags.AGAINST,
        flags.RESAMPLES,
        flags.SEED,
        flags.OUT_REPORT,
    ),
    needs=(("responses",), ("benchmark", "candidates")),
    check=_check,
)  # fmt: skip
