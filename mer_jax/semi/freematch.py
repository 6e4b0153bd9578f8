"""FreeMatch: thresholds that follow the model's own confidence, and a fairness loss."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mer_jax.semi.method import (
    MOMENTUM,
    Chosen,
    Method,
    Weak,
    confidence,
    mask,
    moving_average,
    traced_setting,
)
from mer_jax.settings import AT_LEAST_0

FAIRNESS_WEIGHT = traced_setting("fairness_weight", 0.001, AT_LEAST_0, "freematch")
_EPSILON = 1e-12


class Running(NamedTuple):
    """Exponential moving averages over steps."""

    confidence: Float[Array, ""]
    probability: Float[Array, "C"]
    histogram: Float[Array, "C"]  # of the predicted classes


class FreeMatch(Method):
    """Wang et al., ICLR 2023: self-adaptive thresholds and fairness.

    Global threshold: EMA of the mean largest probability (Eq. 5); by class: times the class's EMA
    over the largest class's (Eq. 6 to 8). Uses the averages after the step.
    """

    SETTINGS: ClassVar = (MOMENTUM, FAIRNESS_WEIGHT)

    @staticmethod
    def init(classes: int, own: Bool[Array, "P"]) -> Any:
        """Uniform averages."""
        del own
        uniform_C = jnp.full(classes, 1 / classes, jnp.float32)
        return Running(jnp.float32(1 / classes), uniform_C, uniform_C)

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Updates the averages and masks by them."""
        largest, predicted = confidence(weak)
        one_hot = jax.nn.one_hot(predicted, weak.probability.shape[1])
        latest = Running(largest.mean(), weak.probability.mean(0), one_hot.mean(0))
        state = Running(
            *(
                moving_average(old, new, settings["momentum"])
                for old, new in zip(state, latest, strict=True)
            )
        )
        threshold_C = state.confidence * state.probability / state.probability.max()
        return Chosen(mask(weak, threshold_C), threshold_C, state)

    @staticmethod
    def extra_loss(
        chosen: Chosen, strong_logits: Float[Array, "U C"], settings: dict[str, Any]
    ) -> Float[Array, ""]:
        """The fairness loss by its weight."""
        fair = fairness(strong_logits, chosen.weight, chosen.state)
        return settings["fairness_weight"] * fair


def fairness(
    strong_logits: Float[Array, "U C"], weight: Float[Array, "U"], state: Running
) -> Float[Array, ""]:
    """Self-adaptive fairness (Eq. 9 to 11): sum of A log B.

    A is the running mean probability over the running histogram, B the same of the strong view's
    masked batch, both normalised to 1; a class that neither batch nor history holds has share 0.
    0 where nothing is masked in.
    """
    probability = jax.nn.softmax(strong_logits)
    one_hot = jax.nn.one_hot(probability.argmax(-1), probability.shape[-1])
    total = jnp.maximum(weight.sum(), _EPSILON)
    histogram_C = (weight[:, None] * one_hot).sum(0) / total
    mean_C = (weight[:, None] * probability).sum(0) / total
    history_C = _normalised(_over(state.probability, state.histogram))
    batch_C = _normalised(_over(mean_C, histogram_C))
    return jnp.where(weight.sum() > 0, (history_C * jnp.log(batch_C + _EPSILON)).sum(), 0.0)


def _over(a: Array, b: Array) -> Array:
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)


def _normalised(x: Array) -> Array:
    return x / jnp.maximum(x.sum(), _EPSILON)
