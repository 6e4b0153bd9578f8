"""Predictions of the clips that a run validated on, which its weights have not seen; scores."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mer_jax import metrics
from mer_jax.data.arrays import Labels
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task
from mer_jax.training.state import Fold


def average(
    predicted: Any,
    repeat: np.ndarray,
    fold: np.ndarray,
    folds: Mapping[tuple[int, int], Fold],
) -> tuple[Any, np.ndarray]:
    """What is predicted of each clip by the runs that validated on it, and whether any did.

    `predicted` is an array [R, N, ...] or a tree of such, `repeat` and `fold` are the runs'; gives
    float64 [N, ...] and bool [N]. Averaged over repeats: one run a repeat has not seen the clip.
    Confidences on clips that a run was trained on are near 1.
    """
    leaves = jax.tree.leaves(predicted)
    validated = np.zeros(leaves[0].shape[:2], bool)
    for run, key in enumerate(zip(repeat.tolist(), fold.tolist(), strict=True)):
        validated[run, validation_rows(folds[key])] = True
    count = validated.sum(0)

    def mean(values):
        further = (1,) * (values.ndim - 2)
        total = np.where(validated.reshape(*validated.shape, *further), values, 0)
        return total.sum(0, dtype=np.float64) / np.maximum(count, 1).reshape(-1, *further)

    return jax.tree.map(mean, predicted), count > 0


def validated(
    predicted: Predictions,
    repeat: np.ndarray,
    fold: np.ndarray,
    folds: Mapping[tuple[int, int], Fold],
) -> tuple[Predictions, np.ndarray]:
    """What `average` gives of the clips that a run validated on, in float32; which: bool [N]."""
    mean, known = average(predicted, repeat, fold, folds)
    return jax.tree.map(np.float32, mean.rows(known)), known


def scores(
    task: Task,
    predicted: Predictions,
    repeat: np.ndarray,
    fold: np.ndarray,
    folds: Mapping[tuple[int, int], Fold],
    of_samples: Labels,
) -> dict[str, list[float]]:
    """The metrics that training does not compute every epoch, of the clips that a run validated on.

    `predicted` are the kept runs' raw predictions [R, N, ...], `repeat` and `fold` the runs'. Gives
    each repeat's mean over its folds, as the metrics of every epoch are averaged; NaN where a fold
    has no clip with the label.
    """
    by_repeat: dict[int, list[dict[str, float]]] = {}
    for run, key in enumerate(zip(repeat.tolist(), fold.tolist(), strict=True)):
        rows = validation_rows(folds[key])
        emotion, valence = (None if x is None else x[run, rows] for x in predicted[:2])
        of_rows = of_samples.rows(rows)
        weight = np.ones(len(rows), np.float32)
        found = metrics.compute(
            task, emotion, valence, of_rows, weight, only=metrics.at_the_end(task)
        )
        by_repeat.setdefault(key[0], []).append(found)
    return {
        name: [
            float(np.mean([of_fold[name] for of_fold in by_repeat[r]])) for r in sorted(by_repeat)
        ]
        for name in metrics.at_the_end(task)
    }


def labels(of_samples: Labels, folds: Mapping[tuple[int, int], Fold]) -> Labels:
    """The labels that a repeat validates on, of the first repeat: others hide as many."""
    rows = [validation_rows(fold) for (repeat, _), fold in folds.items() if repeat == 0]
    known = np.unique(np.concatenate(rows))
    return of_samples.rows(known)


def validation_rows(fold: Fold) -> np.ndarray:
    """The rows that a fold validates on, without its padding: int [V]."""
    return fold.validation_index[fold.validation_weight > 0]


def fold_of(folds: Mapping[tuple[int, int], Fold], clips: int) -> np.ndarray:
    """The fold of the first repeat that validates each of N clips: int [N], -1 where none does."""
    found = np.full(clips, -1)
    for (repeat, number), fold in folds.items():
        if repeat == 0:
            found[validation_rows(fold)] = number
    return found
