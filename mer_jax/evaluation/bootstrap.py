"""The bootstrap: how far scores and differences would move, had other clips been drawn.

Clips are drawn with replacement (Efron 1979), intervals are between percentiles. A drawing is the
number of times that each clip is in it, which is what the metrics take as its weight.
"""

import functools
from typing import Any

import jax
import numpy as np

from mer_jax import metrics
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import ensemble
from mer_jax.evaluation.ensemble import Predictions, number, programs
from mer_jax.resampling import drawings, interval, not_better
from mer_jax.task import Task

_AT_ONCE = 100  # drawings on the device: a large split's would not fit all together


def scores(
    task: Task, predictions: Predictions, labels: Labels, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Every metric of R resamples of the clips that have a label: float64 [R], NaN where undefined.

    `predictions` are of one ensemble: logits [N, C], valence [N] (targets: [N, V]). The same seed
    and labels give the same drawings, so that two ensembles' scores are paired.
    """
    known = np.flatnonzero(labels.known)
    if not len(known):
        return {name: np.full(resamples, np.nan) for name in metrics.names(task)}
    predictions = Predictions(*predictions[:2]).rows(known)
    counts_RxN = drawings(len(known), resamples, seed)
    return _compute(task, predictions, labels.rows(known), counts_RxN)


def compile_scores(task: Task, labels: Labels, resamples: int) -> None:
    """Compiles what `scores` takes for clips with labels such as these; computes nothing."""
    labels = labels.rows(labels.known)
    counts_RxN = np.zeros((resamples, len(labels.emotion)), np.float32)
    if counts_RxN.size:
        predictions = ensemble.blank(task, labels)
        for only in programs(task):
            _program(task, only).lower(predictions, labels, counts_RxN).compile()


def _compute(task, predictions, labels, counts_RxN) -> dict[str, np.ndarray]:
    """Every metric of each drawing: float64 [R]."""
    found: dict[str, Any] = {}
    for only in programs(task):
        found |= _program(task, only)(predictions, labels, counts_RxN)
    return {name: np.asarray(found[name], np.float64) for name in metrics.names(task)}


@functools.cache
def _program(task: Task, only: tuple[str, ...]):
    def compute(predictions, labels, counts_RxN):
        one = functools.partial(
            metrics.compute, task, predictions.emotion, predictions.valence, labels, only=only
        )
        return jax.lax.map(one, counts_RxN, batch_size=_AT_ONCE)

    return jax.jit(compute)


def intervals(
    task: Task, predictions: Predictions, labels: Labels, resamples: int, seed: int
) -> dict[str, list[float] | None]:
    """The interval of every metric of an ensemble."""
    found = scores(task, predictions, labels, resamples, seed)
    return {name: interval(values) for name, values in found.items()}


def compare(
    task: Task,
    ours: Predictions,
    theirs: Predictions,
    labels: Labels,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any] | None]:
    """The paired bootstrap of two ensembles on the same clips, by metric.

    Gives `{"difference", "interval", "not_better"}`: ours minus theirs, the interval of that, and
    the share of resamples in which ours is not better; None where the labels are missing.
    """
    once = np.ones((1, len(labels.emotion)), np.float32)
    whole = [_compute(task, predictions, labels, once) for predictions in (ours, theirs)]
    drawn = [scores(task, predictions, labels, resamples, seed) for predictions in (ours, theirs)]
    found: dict[str, dict[str, Any] | None] = {}
    for name in metrics.names(task):
        difference = number(float(whole[0][name][0]) - float(whole[1][name][0]))
        by_resample = drawn[0][name] - drawn[1][name]
        by_resample = by_resample[np.isfinite(by_resample)]
        found[name] = None
        if difference is not None and len(by_resample):
            found[name] = {
                "difference": difference,
                "interval": interval(by_resample),
                "not_better": not_better(by_resample, metrics.METRICS[name].sign),
            }
    return found
