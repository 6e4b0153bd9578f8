"""An ensemble of a grid's trials, which are trained anyway: members chosen greedily, and scored."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mer_jax import config as config_lib
from mer_jax import files
from mer_jax.data.arrays import Split
from mer_jax.evaluation import combining, ensemble, kept, out_of_fold, submission
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.model import Model, predict_runs
from mer_jax.progress import Display
from mer_jax.task import TRAIN
from mer_jax.training.plan import Plan
from mer_jax.workdir import Workdir

LOG = logging.getLogger("mer_jax")
ENSEMBLE = "{}_ensemble"  # the file of a split's predictions, beside that of the best trial


def write(
    models: Iterable[tuple[dict[str, Any], Model]],
    plan: Plan,
    names: np.ndarray,
    splits: Mapping[str, Split],
    workdir: Workdir,
    display: Display,
) -> None:
    """Writes ensemble.json, and what the trials predict together of train and of the test splits.

    `models` are the trials without failures and their models, made one at a time: the weights of
    all might not fit. `names` are those of train. Clips of train are predicted out of fold, each by
    members that were chosen on the other folds.
    """
    config, varied = plan.config, config_lib.varied(plan.trials)
    titles: list[str] = []
    of_train: list[Predictions] = []
    of_splits: dict[str, list[Predictions]] = {name: [] for name in splits}
    for trial, model in models:
        task = model.static.task
        title = title_of(trial, varied)
        titles.append(title)
        validated, known = kept.validated_by(model, plan, display, f"{TRAIN}, {title}")
        of_train.append(validated)
        for name, split in splits.items():
            runs = predict_runs(model, split.features, display, f"{name}, {title}")
            of_splits[name].append(ensemble.average(Predictions(*runs[:2])))
    labels = plan.samples.labels.rows(known)
    every = {TRAIN: combining.Split(names[known], of_train, labels, True)}
    for name, split in splits.items():
        every[name] = combining.Split(split.names, of_splits[name], split.labels, False)
    found = combining.combine(
        task,
        config.evaluate.ensemble,
        every,
        out_of_fold.fold_of(plan.folds, len(known))[known],
        resamples=config.evaluate.bootstrap,
        seed=config.seed,
    )
    for name, predictions in found.predictions.items():
        path = workdir.predictions_file(ENSEMBLE.format(name))
        submission.write(path, every[name].names, predictions, task, config.evaluate.probabilities)
    content = combining.content(titles, config.evaluate.ensemble, found, config.evaluate.bootstrap)
    files.write_json(workdir.ensemble_file, content)
    LOG.info("the ensemble of %d trials: %s", len(titles), workdir.ensemble_file)


def title_of(trial: Mapping[str, Any], varied: Iterable[str]) -> str:
    """What tells a trial from the others of its grid, such as `hidden 128, learning_rate 0.001`."""
    return (
        ", ".join(f"{key.rpartition('.')[2]} {trial[key]}" for key in varied if key in trial)
        or "all defaults"
    )
