"""Algorithm 1 by itself: the unlabelled clips whose confidence passes their class's threshold."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.evaluation.ensemble import Predictions
from mer_jax.semi import pseudo_label
from mer_jax.task import Task
from mer_jax.training.state import Fold

LOG = logging.getLogger("mer_jax")
COLUMNS = ("name", "discrete", "confidence", "threshold")


class Selected(NamedTuple):
    """The clips that pass, in the pool's order."""

    row: np.ndarray  # int [S], rows of the pool
    emotion: np.ndarray  # int [S], the predicted class
    confidence: np.ndarray  # float32 [S]
    threshold: np.ndarray  # float32 [C], infinite for a class without a correct labelled clip


def probabilities(predictions: Predictions) -> np.ndarray:
    """Softmax of each run's logits: float32 [R, N, C]."""
    return np.asarray(jax.nn.softmax(predictions.emotion))


def out_of_fold(
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


def validation_rows(fold: Fold) -> np.ndarray:
    """The rows that a fold validates on, without its padding: int [V]."""
    return fold.validation_index[fold.validation_weight > 0]


def select(
    task: Task,
    labelled: np.ndarray,
    emotion: np.ndarray,
    known: np.ndarray,
    pool: np.ndarray,
    eta: float,
) -> Selected:
    """The clips of the pool whose largest probability exceeds the threshold of its class.

    `labelled` [N, C] are out-of-fold probabilities, `emotion` [N] the true classes where `known`;
    `pool` [P, C]. The threshold of a class is the eta-quantile of the confidence of its correctly
    classified clips (section 2.3, Algorithm 1); a class without any selects nothing (a warning).
    """
    arrays: tuple[Any, ...] = (labelled, emotion, known)
    dtypes = (jnp.float32, jnp.int32, jnp.float32)
    threshold = np.asarray(
        pseudo_label.quantile_thresholds(
            *(jnp.asarray(x, dtype) for x, dtype in zip(arrays, dtypes, strict=True)),
            jnp.float32(eta),
        )
    )
    for name, value in zip(task.classes, threshold, strict=True):
        if np.isinf(value):
            LOG.warning("no clip of %s is classified correctly, so none is selected for it", name)
    confidence, predicted = pool.max(-1).astype(np.float32), pool.argmax(-1)
    row = np.flatnonzero(confidence > threshold[predicted])
    return Selected(row, predicted[row], confidence[row], threshold)
