"""--mode=evaluate: predicts and scores the test splits of a trained workdir anew."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def evaluate(
    config: ConfigDict,
    workdir: pathlib.Path,
    labels: pathlib.Path | None,
    display: Display = SILENT,
) -> None:
    """Predicts and scores the test splits anew, with the labels of a file where one is given.

    Rewrites the predictions, the report, and the parts `test`, `ensemble`, `interval` and `clips`
    of results.json.
    """
    from mer_jax.evaluation import kept
    from mer_jax.evaluation import results as results_lib
    from mer_jax.evaluation.model import restore
    from mer_jax.reporting import written
    from mer_jax.workdir import Workdir

    place = Workdir(workdir)
    results, model = restore(config, workdir)
    _, splits = kept.labelled_splits(config, workdir, labels, display)
    scored = kept.predict_and_score(model, splits, config, place, display)
    results = results_lib.with_scores(results, scored)
    reported = config.report or written.is_written(workdir)
    written.discard(workdir)
    place.write_results(results)
    kept.show(results, config, place)
    if reported:
        written.ensure(config, workdir, labels, display)


def _run(arguments: Arguments) -> None:
    evaluate(arguments.config, arguments.workdir, arguments["labels"], arguments.display())


MODE = Mode(
    name="evaluate",
    help="Predicts and scores the test clips anew, by labels that came later.",
    run=_run,
    example="--mode=evaluate --workdir=runs/multi --labels=test1-label.csv",
    flags=(flags.LABELS,),
    needs_config=True,
    needs_workdir=True,
)
