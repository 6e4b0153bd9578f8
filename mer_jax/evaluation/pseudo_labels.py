"""Algorithm 1 by itself: the unlabelled clips whose confidence passes their class's threshold."""

import logging
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from mer_jax.semi import pseudo_label
from mer_jax.task import Task

LOG = logging.getLogger("mer_jax")
COLUMNS = ("name", "discrete", "confidence", "threshold")


class PseudoLabels(NamedTuple):
    """The clips that pass, in the pool's order."""

    row: np.ndarray  # int [S], rows of the pool
    emotion: np.ndarray  # int [S], the predicted class
    confidence: np.ndarray  # float32 [S]
    threshold: np.ndarray  # float32 [C], infinite for a class without a correct labelled clip


def select(
    task: Task,
    labelled: np.ndarray,
    emotion: np.ndarray,
    known: np.ndarray,
    pool_probability: np.ndarray,
    eta: float,
) -> PseudoLabels:
    """The clips of the pool whose largest probability exceeds the threshold of its class.

    `labelled` [N, C] are out-of-fold probabilities, `emotion` [N] the true classes where `known`;
    `pool_probability` [P, C]. The threshold of a class is the eta-quantile of the confidence of its
    correctly classified clips (MER 2023, section 2.3, Algorithm 1). A class without any selects
    nothing, with a warning.
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
    confidence, predicted = pool_probability.max(-1).astype(np.float32), pool_probability.argmax(-1)
    row = np.flatnonzero(confidence > threshold[predicted])
    return PseudoLabels(row, predicted[row], confidence[row], threshold)
