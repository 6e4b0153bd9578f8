"""Predictions of the clips that a run validated on, which its weights have not seen."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mer_jax.data.arrays import Labels
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


def labels(of_samples: Labels, folds: Mapping[tuple[int, int], Fold]) -> Labels:
    """The labels that a repeat validates on, of the first repeat: others hide as many."""
    rows = [validation_rows(fold) for (repeat, _), fold in folds.items() if repeat == 0]
    known = np.unique(np.concatenate(rows))
    return Labels(*(column[known] for column in of_samples))


def validation_rows(fold: Fold) -> np.ndarray:
    """The rows that a fold validates on, without its padding: int [V]."""
    return fold.validation_index[fold.validation_weight > 0]
