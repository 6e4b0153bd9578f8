"""--mode=compare: the paired bootstrap of two runs on the same clips."""

import pathlib

from ml_collections import ConfigDict

from mer_jax import files, metrics
from mer_jax.errors import InputError
from mer_jax.evaluation import bootstrap, submission, terminal
from mer_jax.modes.evaluate import labelled_splits
from mer_jax.progress import SILENT, Display

COMPARISON_FILE = "compare.json"


def compare(
    config: ConfigDict,
    workdir: pathlib.Path,
    against: pathlib.Path,
    labels: pathlib.Path | None,
    shown: Display = SILENT,
) -> None:
    """The paired bootstrap of two runs' written predictions: a table, and compare.json."""
    resamples = config.evaluate.bootstrap
    if not resamples:
        raise InputError("--mode=compare needs config.evaluate.bootstrap above 0")
    corpus, splits = labelled_splits(config, workdir, labels, shown)
    found = {}
    for name, split in splits.items():
        if split.labels.emotion_mask.any() or split.labels.valence_mask.any():
            pair = [
                submission.read(
                    folder / "predictions" / f"{name}.csv", split.names.tolist(), corpus.task
                )
                for folder in (workdir, against)
            ]
            found[name] = bootstrap.compare(
                corpus.task, *pair, split.labels, resamples, config.seed
            )
    if not found:
        raise InputError("no test clip has a label to compare by; give them with --labels=FILE")
    content = {"against": str(against), "resamples": resamples, "splits": found}
    files.write_json(workdir / COMPARISON_FILE, content)
    print(terminal.comparison(content, metrics.shown(corpus.task, config.evaluate.metrics)))
    print(f"Comparison: {workdir / COMPARISON_FILE}")
