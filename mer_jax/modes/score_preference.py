"""--mode=score_preference: scores which of two descriptions a model prefers."""

import pathlib

from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax.scoring import preference_report

    preference_report.report(arguments.flags).deliver(arguments["out"])


MODE = Mode(
    name="score_preference",
    help="Scores preferences between two descriptions: track 3 of MER2026.",
    run=_run,
    example="--mode=score_preference --labels=preferences.csv --responses=answers.csv",
    flags=(
        flags.LABELS,
        flags.RESPONSES,
        Flag("swap", "Responses to the same clips with a1 and a2 exchanged.", pathlib.Path),
        flags.RESAMPLES,
        flags.SEED,
        flags.OUT_FOLDER,
    ),
    needs=(("labels",), ("responses",)),
)
