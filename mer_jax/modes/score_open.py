"""--mode=score_open: scores lists of emotion words, by synonym groups or emotion wheels."""

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax.scoring import open_report

    open_report.report(arguments.flags).deliver(arguments["out"])


def _check(arguments: Arguments) -> None:
    if arguments["synonyms"] is not None and arguments["wheel"] is not None:
        raise InputError("--synonyms and --wheel are two scores; give one of them")
    if arguments["wheel"] is None and arguments["hit_rate"]:
        raise InputError("--hit_rate needs --wheel=PATH")
    if arguments["missing"] == "wrong":
        raise InputError("--missing=wrong goes with --mode=score_responses; here it is empty")


MODE = Mode(
    name="score_open",
    help="Scores open-vocabulary predictions: MER2024's groups, the wheels of MER2025 and 2026.",
    run=_run,
    example="--mode=score_open --labels=openset.csv --predictions=predicted.csv "
    "--synonyms=synonyms.json",
    flags=(
        flags.LABELS,
        flags.PREDICTIONS,
        flags.SYNONYMS,
        flags.WHEEL,
        Flag("wheel_levels", "Which levels of the wheels count.", default="both",
             choices=("level1", "level2", "both")),
        Flag("hit_rate", "Scores labels of one word by the hit rate on wheels.", bool,
             default=False),
        flags.LISTS,
        flags.MISSING,
        Flag("skip_empty_labels", "Leaves out clips whose list of labels is empty.", bool,
             default=False),
        flags.AGAINST,
        flags.RESAMPLES,
        flags.SEED,
        flags.OUT_FOLDER,
    ),
    needs=(("labels",), ("predictions",)),
    check=_check,
)  # fmt: skip
