"""--mode=compare: the paired bootstrap of two runs on the same clips."""

from __future__ import annotations

import logging
import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display
from mer_jax.task import TRAIN

if TYPE_CHECKING:
    import numpy as np
    from ml_collections import ConfigDict

LOG = logging.getLogger("mer_jax")


def compare(
    config: ConfigDict,
    workdir: pathlib.Path,
    against: pathlib.Path,
    labels: pathlib.Path | None,
    display: Display = SILENT,
) -> None:
    """The paired bootstrap of two runs' written predictions: a table, and compare.json.

    Of the test splits with labels, and of train where both predict its same clips out of fold.
    """
    from mer_jax import files, metrics
    from mer_jax.data.arrays import Split
    from mer_jax.evaluation import bootstrap, counts, kept, submission, terminal
    from mer_jax.workdir import Workdir

    resamples = config.evaluate.bootstrap
    if not resamples:
        raise InputError("--mode=compare needs config.evaluate.bootstrap above 0")
    corpus, splits = kept.labelled_splits(config, workdir, labels, display)
    found, clips = {}, {}
    of_train = corpus.splits[TRAIN]
    if (rows := _validated(of_train.names, workdir, against)) is not None:
        validated = Split(of_train.names[rows], {}, of_train.labels.rows(rows))
        splits = {kept.OUT_OF_FOLD: validated, **splits}
    for name, split in splits.items():
        if split.labels.known.any():
            pair = [
                submission.read(
                    Workdir(folder).predictions_file(name), split.names.tolist(), corpus.task
                )
                for folder in (workdir, against)
            ]
            found[name] = bootstrap.compare(
                corpus.task, *pair, split.labels, resamples, config.seed
            )
            clips[name] = counts.of_labels(corpus.task, split.labels)
    if not found:
        raise InputError(
            "no test clip has a label, so nothing can be compared; give labels with --labels=FILE"
        )
    content = {"against": str(against), "resamples": resamples, "splits": found, "clips": clips}
    path = Workdir(workdir).comparison_file
    files.write_json(path, content)
    print(terminal.comparison(content, metrics.shown(corpus.task, config.evaluate.metrics)))
    print(f"Comparison: {path}")


def _validated(names: np.ndarray, *workdirs: pathlib.Path) -> np.ndarray | None:
    """Which of train's clips both runs predict out of fold: int [n]; None where they differ."""
    import numpy as np

    from mer_jax.data import label_csv
    from mer_jax.evaluation import kept
    from mer_jax.workdir import Workdir

    paths = [Workdir(folder).predictions_file(kept.OUT_OF_FOLD) for folder in workdirs]
    if not all(path.is_file() for path in paths):
        return None
    ours, theirs = (sorted(label_csv.read(path)) for path in paths)
    if ours != theirs or not np.isin(ours, names).all():
        LOG.info("%s is left out: the runs predict other clips of %s", kept.OUT_OF_FOLD, TRAIN)
        return None
    return np.flatnonzero(np.isin(names, ours))


def _run(arguments: Arguments) -> None:
    compare(
        arguments.config,
        arguments.workdir,
        arguments["against"],
        arguments["labels"],
        arguments.display(),
    )


MODE = Mode(
    name="compare",
    help="Compares two runs on the same clips by a paired bootstrap.",
    run=_run,
    example="--mode=compare --workdir=runs/multi --against=runs/other",
    flags=(
        flags.AGAINST,
        flags.LABELS,
    ),
    needs_config=True,
    needs_workdir=True,
    needs=(("against",),),
)
