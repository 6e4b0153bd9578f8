"""--mode=score_deepfake: the three tracks of ADD 2023."""

import pathlib

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax.scoring import deepfake_report

    deepfake_report.report(arguments.flags).deliver(arguments["out"])


def _check(arguments: Arguments) -> None:
    second = [arguments[key] is not None for key in ("labels2", "predictions2")]
    if any(second) and (arguments["task"] != "fg" or not all(second)):
        raise InputError("--labels2 and --predictions2 go together, and with --task=fg")


MODE = Mode(
    name="score_deepfake",
    help="Scores ADD 2023: fake game (fg), manipulated regions (rl), algorithms (ar).",
    run=_run,
    example="--mode=score_deepfake --task=fg --labels=keys.txt --predictions=scores.txt",
    flags=(
        Flag("task", "The track.", choices=("fg", "rl", "ar")),
        flags.LABELS,
        flags.PREDICTIONS,
        Flag("labels2", "fg: the labels of round 2.", pathlib.Path),
        Flag("predictions2", "fg: the scores of round 2.", pathlib.Path),
        Flag("weights", "fg: of both rounds.", default="0.4,0.6", value_name="A,B"),
        flags.RESAMPLES,
        flags.SEED,
        flags.OUT_FOLDER,
    ),
    needs=(("task",), ("labels",), ("predictions",)),
    check=_check,
)
