"""Algorithm 1 by itself: the unlabelled clips whose confidence passes their class's threshold."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.data.registry import Task
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.training import semi
from mer_jax.training.loop import Fold

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
    probability: np.ndarray,
    repeat: np.ndarray,
    fold: np.ndarray,
    folds: Mapping[tuple[int, int], Fold],
) -> tuple[np.ndarray, np.ndarray]:
    """Each clip's probability by the runs that validated on it: float64 [N, C], and whether any.

    `probability` is [R, N, C], `repeat` and `fold` are the runs'. Averaged over repeats: one run
    a repeat has not seen the clip. Confidences on clips that a run was trained on are near 1.
    """
    total = np.zeros(probability.shape[1:])
    count = np.zeros(probability.shape[1])
    for run, key in enumerate(zip(repeat.tolist(), fold.tolist(), strict=True)):
        of_run = folds[key]
        rows = of_run.validation_index[of_run.validation_weight > 0]
        total[rows] += probability[run, rows]
        count[rows] += 1
    return total / np.maximum(count, 1)[:, None], count > 0


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
    classified clips (section 2.3, Algorithm 1); a class without any selects nothing and is told.
    """
    arrays: tuple[Any, ...] = (labelled, emotion, known)
    dtypes = (jnp.float32, jnp.int32, jnp.float32)
    threshold = np.asarray(
        semi.quantile_thresholds(
            *(jnp.asarray(x, dtype) for x, dtype in zip(arrays, dtypes, strict=True)),
            jnp.float32(eta),
        )
    )
    for name, value in zip(task.classes, threshold, strict=True):
        if np.isinf(value):
            LOG.warning("no clip of %s is classified correctly; none is selected as it", name)
    confidence, predicted = pool.max(-1).astype(np.float32), pool.argmax(-1)
    row = np.flatnonzero(confidence > threshold[predicted])
    return Selected(row, predicted[row], confidence[row], threshold)
