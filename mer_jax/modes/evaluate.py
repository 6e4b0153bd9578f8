"""--mode=evaluate: predicts and scores the test splits of a trained workdir anew."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from mer_jax.evaluation.decoding import Fitted


def evaluate(
    config: ConfigDict,
    workdir: pathlib.Path,
    labels: pathlib.Path | None,
    display: Display = SILENT,
) -> None:
    """Predicts and scores the test splits anew, with the labels of a file where one is given.

    Rewrites the predictions, the report, and the parts `test`, `ensemble`, `interval` and `clips`
    of results.json; adds to it what the config asks for and it lacks (`joint_decoding`).
    """
    from mer_jax.evaluation import decoding, kept
    from mer_jax.evaluation import results as results_lib
    from mer_jax.evaluation.model import restore
    from mer_jax.reporting import written
    from mer_jax.workdir import Workdir

    place = Workdir(workdir)
    results, model = restore(config, workdir)
    _, splits = kept.labelled_splits(config, workdir, labels, display)
    of_results = decoding.restore(results, config, model.static.task)
    if of_results is None:
        fitted = _fitted(config, workdir, display)
        of_results, results = fitted.decoding, {**results, **fitted.recorded}
    scored = kept.predict_and_score(model, splits, config, place, display, of_results)
    results = results_lib.with_scores(results, scored)
    reported = config.report or written.is_written(workdir)
    written.discard(workdir)
    place.write_results(results)
    kept.show(results, config, place)
    if reported:
        written.ensure(config, workdir, labels, display)


def _fitted(config: ConfigDict, workdir: pathlib.Path, display: Display) -> Fitted:
    """The decoding that the config asks for, fitted to what is predicted out of fold."""
    from mer_jax.evaluation import decoding
    from mer_jax.reporting.run import load_run

    run = load_run(workdir, config=config, display=display)
    if not run.config.folds or run.out_of_fold not in run.splits:
        raise InputError(
            f"{workdir}: nothing is predicted out of fold, by which config.evaluate.calibrate and "
            "config.evaluate.joint_decoding are fitted; leave them out, or train with folds"
        )
    of = run.predicted(run.out_of_fold)
    return decoding.fit(run.task, config, of.predictions, of.labels, run.fold_of(of.names))


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
