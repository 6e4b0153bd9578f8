"""SoftMatch: a weight for each clip instead of a mask."""

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mer_jax.semi.method import MOMENTUM, Chosen, Method, Weak, moving_average

_WIDTH = 2.0  # the paper's n: the width of the Gaussian in deviations


class Running(NamedTuple):
    """Exponential moving averages over steps."""

    mean: Float[Array, ""]
    variance: Float[Array, ""]
    probability: Float[Array, "C"]


class SoftMatch(Method):
    """Chen et al., ICLR 2023: a truncated Gaussian weight instead of a mask.

    Mean and variance of the largest probability by EMA (Eq. 9, the variance unbiased), after
    uniform alignment of the probabilities (Eq. 11), which acts on the weights alone.
    """

    SETTINGS: ClassVar = (MOMENTUM,)

    @staticmethod
    def init(classes: int, own: Bool[Array, "P"]) -> Any:
        """Mean 1/C, variance 1, uniform probabilities."""
        del own
        uniform_C = jnp.full(classes, 1 / classes, jnp.float32)
        return Running(jnp.float32(1 / classes), jnp.float32(1), uniform_C)

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Updates the averages and weighs by them."""
        momentum = settings["momentum"]
        classes = weak.probability.shape[1]
        probability_C = moving_average(state.probability, weak.probability.mean(0), momentum)
        aligned = weak.probability / jnp.broadcast_to(
            classes * probability_C, weak.probability.shape
        )
        largest = (aligned / aligned.sum(-1, keepdims=True)).max(-1)
        state = Running(
            moving_average(state.mean, largest.mean(), momentum),
            moving_average(state.variance, largest.var(ddof=1), momentum),
            probability_C,
        )
        below = jnp.minimum(largest - state.mean, 0)
        weight = jnp.exp(-(below**2) / (2 * state.variance / _WIDTH**2))
        return Chosen(weight, jnp.broadcast_to(state.mean, (classes,)), state)
