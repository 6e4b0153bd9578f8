"""--mode=evaluate: predicts and scores the test splits of a trained workdir anew."""

from __future__ import annotations

import logging
import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError, first_few
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from mer_jax.evaluation.decoding import Fitted

LOG = logging.getLogger("mer_jax")


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
    corpus, splits = kept.labelled_splits(config, workdir, labels, display)
    of_results = decoding.restore(results, config, model.static.task)
    if of_results is None:
        fitted = _fitted(config, workdir, display)
        of_results, results = fitted.decoding, {**results, **fitted.recorded}
    scored, predicted = kept.predict_and_score(model, splits, config, place, display, of_results)
    results = results_lib.with_scores(results, scored)
    reported = config.report or written.is_written(workdir)
    written.discard(workdir)
    place.write_results(results)
    kept.show(results, config, place)
    if reported:
        written.ensure(config, workdir, labels, display, corpus, predicted)


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


def evaluate_table(
    config: ConfigDict,
    folder: pathlib.Path,
    labels: pathlib.Path | None,
    display: Display = SILENT,
) -> None:
    """Evaluates every training of a table, or below a folder, and writes their table anew.

    Each keeps its own config, save for what `config.evaluate` sets. A training that fails stops no
    other. Raises InputError, in the end, where one failed, and for labels of one corpus where there
    are trainings on several.
    """
    from mer_jax import config as config_lib
    from mer_jax.tables import gathering

    found = gathering.trained(config, folder)
    if not found:
        raise InputError(f"{folder}: nothing is trained below it yet")
    configs = {label: workdir.config() for label, workdir in found.items()}
    corpora = dict.fromkeys(of_row.data.corpus for of_row in configs.values())
    if labels is not None and len(corpora) > 1:
        raise InputError(
            f"--labels: {folder} has trainings on {', '.join(corpora)}; evaluate those of one "
            "corpus at a time, by the folder that holds them"
        )
    usual = config_lib.flatten(config_lib.load_base())
    given = {
        key: value
        for key, value in config_lib.flatten(config).items()
        if key.startswith("evaluate.") and value != usual[key]
    }
    failed = []
    for label, workdir in found.items():
        with configs[label].ignore_type():
            configs[label].update_from_flattened_dict(given)
        try:
            evaluate(config_lib.check(configs[label]), workdir.folder, labels, display)
        except InputError as error:
            LOG.error("%s failed: %s", label, error)
            failed.append(label)
    gathering.gather(config, folder)
    if failed:
        raise InputError(
            f"{len(failed)} of {len(found)} trainings failed, as the log says: {first_few(failed)}"
        )


def _run(arguments: Arguments) -> None:
    from mer_jax.tables import kinds
    from mer_jax.workdir import Workdir

    config, folder = arguments.config, arguments.workdir
    holds_others = not Workdir(folder).has_config and not Workdir(folder).has_results
    of_table = kinds.is_table(config) or holds_others
    run = evaluate_table if of_table else evaluate
    run(config, folder, arguments["labels"], arguments.display())


MODE = Mode(
    name="evaluate",
    help="Predicts and scores test clips anew, by labels that came later; a table's rows as well.",
    run=_run,
    example="--mode=evaluate --workdir=runs/multi --labels=test1-label.csv",
    flags=(flags.LABELS,),
    needs_config=True,
    needs_workdir=True,
    default_config="base",  # of a folder with workdirs, each of which has its own
)
