"""Random search: trains trials drawn at random, then the best of them anew with more repeats.

MERBench's protocol (Lian et al. 2024): 50 random trials, the best by validation, six repeats of it.
"""

import logging
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import experiment, lock, metrics
from mer_jax.errors import InputError
from mer_jax.evaluation import results as results_lib
from mer_jax.progress import SILENT, Display
from mer_jax.task import Task
from mer_jax.training import devices
from mer_jax.workdir import Workdir

LOG = logging.getLogger("mer_jax")
_SEEDS = 1 << 32  # the seeds that a config may have
_BEST = 10  # trials whose mean and deviation stand beside the best one's scores


def train(
    config: ConfigDict,
    folder: os.PathLike[str],
    repeated: pathlib.Path | None = None,
    display: Display = SILENT,
) -> None:
    """Trains the drawn trials in `search/` of a workdir, then the best one in the workdir itself.

    Started again it continues where it was. `repeated` is the config.json of an earlier search's
    best trial, which is repeated. Raises InputError for a workdir that holds another training.
    """
    workdir = Workdir(folder)
    trials = Workdir(workdir.search)
    if workdir.has_config and not trials.has_config:
        raise InputError(f"{workdir} holds a training without a search; use another --workdir")
    earlier = repeated and Workdir(Workdir(repeated.parent).search).config_file
    experiment.train(config, trials.folder, earlier, display)
    found = trials.finished()
    experiment.train(best_config(config, found.trial), workdir.folder, repeated, display)
    if devices.is_first():
        told = summary(config, found.results, found.task, found.trial)
        mean = told["best_ten"][found.task.selection]
        if mean is not None:
            LOG.info(
                "%s of the best %d of %d trials in cross-validation: %.4f, deviation %s",
                found.task.selection, len(mean["values"]), told["distinct"], mean["mean"],
                "none" if mean["std"] is None else f"{mean['std']:.4f}",
            )  # fmt: skip
        results = workdir.results(found.task)
        if results.get("search") != told:
            with lock.held(workdir):
                workdir.write_results({**results, "search": told})


def best_config(config: ConfigDict, trial: dict[str, Any]) -> ConfigDict:
    """The config of one trial alone, with the repeats and the seed that it is trained anew with.

    A key that the trial has no entry of, because it is off, is no axis any more.
    """
    chosen = ConfigDict(config.copy_and_resolve_references().to_dict())
    off = config_lib.flatten(config_lib.load_base())
    axes = {key: value for key, value in config_lib.flatten(config).items() if key not in trial}
    single = {
        key: off[key] if off[key] in axes[key] else axes[key][0]
        for key in axes
        if config_lib.declared()[key].grid and isinstance(axes[key], tuple)
    }
    pinned = {}
    if config_lib.is_semi_supervised(config):  # also where the best trial is not: as it was drawn
        pinned = {"train.steps": config_lib.least_steps(config), "semi.method": ""}
    with chosen.ignore_type():
        chosen.update_from_flattened_dict(
            {
                **single,
                **pinned,
                **trial,
                "search.trials": 0,
                "repeats": config.search.repeats,
                "seed": (config.seed + 1) % _SEEDS,  # other folds, weights and batches
            }
        )
    return config_lib.check(chosen)


def summary(
    config: ConfigDict, results: dict[str, Any], task: Task, best: dict[str, Any]
) -> dict[str, Any]:
    """What results.json says of a search: its trials, the best, and the mean of the best ten.

    A trial's score is the mean over its runs; one of which every run failed has none.
    """
    by_trial: dict[str, list[dict[str, Any]]] = {}
    for run in results["runs"]:
        by_trial.setdefault(repr(sorted(run["hparams"].items())), []).append(run)
    scores = [_scores(runs, task) for runs in by_trial.values()]
    sign = metrics.selection_sign(task)
    ranked = sorted(
        (score for score in scores if score[task.selection] is not None),
        key=lambda score: -sign * score[task.selection],
    )[:_BEST]
    return {
        "trials": config.search.trials,
        "distinct": len(scores),
        "best": best,
        "best_ten": {
            name: results_lib.over_repeats([score[name] for score in ranked])
            for name in metrics.every_epoch(task)
        },
    }


def _scores(runs: Sequence[dict[str, Any]], task: Task) -> dict[str, float | None]:
    """The mean of each metric over runs; those that failed, or have none, are left out."""
    scores = {}
    for name in metrics.every_epoch(task):
        values = [run["validation"].get(name) for run in runs if run["status"] == results_lib.OK]
        values = [value for value in values if value is not None]
        scores[name] = float(np.mean(values)) if values else None
    return scores
