"""Classic pseudo-labelling by classes: MER 2023's Algorithm 1, thresholds set once an epoch."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mer_jax.semi.method import (
    Chosen,
    EpochStart,
    Method,
    Weak,
    confidence,
    setting,
    traced_setting,
)
from mer_jax.settings import AT_LEAST_0, SHARE

ETA = traced_setting(
    "eta", 0.8, SHARE, "pseudo_label: quantile of the correct ones' confidence, by class"
)
TOP_K = setting(
    "top_k", 0, AT_LEAST_0, "pseudo_label: as many by class in an epoch instead; 0: quantile"
)


class PseudoLabel(Method):
    """A clip counts where its largest probability exceeds the threshold of its class.

    The state is the thresholds. Quantiles are taken on the run's validation rows, which the
    weights have not seen: confidences on the training rows are near 1. With `top_k` on the epoch's
    own clips of the pool.
    """

    SETTINGS: ClassVar = (ETA, TOP_K)
    VALIDATES = True

    @staticmethod
    def init(classes: int, own: Bool[Array, "P"]) -> Any:
        """Thresholds that nothing passes."""
        del own
        return jnp.full(classes, jnp.inf, jnp.float32)

    @staticmethod
    def each_epoch(state: Any, epoch: EpochStart, settings: dict[str, Any]) -> Any:
        """Sets the thresholds."""
        del state
        if settings["top_k"]:
            return top_k_thresholds(epoch.pool_probability(), settings["top_k"])
        return quantile_thresholds(*epoch.validated(), settings["eta"])

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Those whose largest probability exceeds the threshold of their class."""
        del settings
        largest, predicted = confidence(weak)
        return Chosen((largest > state[predicted]).astype(jnp.float32), state, state)


def quantile_thresholds(
    probability: Float[Array, "N C"],
    emotion: Int[Array, "N"],
    weight: Float[Array, "N"],
    eta: Float[Array, ""],
) -> Float[Array, "C"]:
    """Algorithm 1's lambda by class: the eta-quantile of the confidence of correct predictions.

    Linear interpolation, as `numpy.quantile`; infinite for a class without a correct one. Rows
    of weight 0 are left out.
    """
    classes = probability.shape[1]
    largest, predicted = probability.max(-1), probability.argmax(-1)
    correct_CxN = ((predicted == emotion) & (weight > 0))[None, :] & (
        predicted[None, :] == jnp.arange(classes)[:, None]
    )
    sorted_CxN = jnp.sort(jnp.where(correct_CxN, largest[None, :], jnp.inf), axis=1)
    count_C = correct_CxN.sum(1)
    place_C = eta * jnp.maximum(count_C - 1, 0)
    low_C = jnp.floor(place_C).astype(jnp.int32)
    high_C = jnp.minimum(low_C + 1, jnp.maximum(count_C - 1, 0))
    rows = jnp.arange(classes)
    at_low, at_high = sorted_CxN[rows, low_C], sorted_CxN[rows, high_C]
    between = at_low + (place_C - low_C) * jnp.where(count_C > 0, at_high - at_low, 0)
    return jnp.where(count_C > 0, between, jnp.inf)


def top_k_thresholds(probability: Float[Array, "E C"], k: int) -> Float[Array, "C"]:
    """By class the threshold that the k most confident clips predicted as it exceed.

    0 for a class with k or fewer.
    """
    classes = probability.shape[1]
    largest, predicted = probability.max(-1), probability.argmax(-1)
    own_CxE = predicted[None, :] == jnp.arange(classes)[:, None]
    kept_CxE = jnp.where(own_CxE, largest[None, :], 0)
    if k >= kept_CxE.shape[1]:
        return jnp.zeros(classes)
    return jax.lax.top_k(kept_CxE, k + 1)[0][:, -1]
