"""Semi-supervised methods: which unlabelled clips count, how much, and towards which target.

A method looks at the weak view's probabilities and keeps a state in the run's carry; the loss of
the strong view is the same for all. Letters: U unlabelled clips of a step, C classes, P clips of
the pool. Nothing here carries a gradient but `consistency` and `fairness`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

_EPSILON = 1e-12
_SOFT_N = 2.0  # SoftMatch's n: the width of its Gaussian in deviations


class Weak(NamedTuple):
    """What a method sees of a step."""

    probability: Float[Array, "U C"]  # of the weak view
    clip: Int[Array, "U"]  # number in the pool


class Chosen(NamedTuple):
    """What a method makes of it."""

    weight: Float[Array, "U"]  # of each clip in the loss, 0 for those left out
    threshold: Float[Array, "C"]  # by class, for the log
    state: Any


class FixMatch:
    """Sohn et al., NeurIPS 2020: a clip counts where its largest probability reaches tau."""

    TRACED = ("threshold",)

    @staticmethod
    def init(classes: int, pool: int) -> Any:
        """No state."""
        del classes, pool
        return ()

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Array]) -> Chosen:
        """The mask of Eq. 4."""
        threshold_C = jnp.full(weak.probability.shape[1], settings["threshold"])
        return Chosen(_mask(weak, threshold_C), threshold_C, state)


class FlexMatch:
    """Zhang et al., NeurIPS 2021: a class that is learnt slowly gets a lower threshold.

    The state is each pool clip's last confident class, -1 before it had one. Unused clips count
    in the warm-up (Eq. 11), the mapping is beta / (2 - beta) (Eq. 12).
    """

    TRACED = ("threshold",)

    @staticmethod
    def init(classes: int, pool: int) -> Any:
        """int32 [P], all unused."""
        del classes
        return jnp.full(pool, -1, jnp.int32)

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Array]) -> Chosen:
        """Masks by the counts before the step, then counts the step's confident clips."""
        classes = weak.probability.shape[1]
        used = (state[:, None] == jnp.arange(classes)[None, :]).sum(0)
        unused = (state < 0).sum()
        beta_C = used / jnp.maximum(jnp.maximum(used.max(), unused), 1)
        threshold_C = settings["threshold"] * beta_C / (2 - beta_C)
        confidence, predicted = _confidence(weak)
        outside = state.shape[0]  # a number that no clip has: not written
        clip = jnp.where(confidence >= settings["threshold"], weak.clip, outside)
        return Chosen(
            _mask(weak, threshold_C), threshold_C, state.at[clip].set(predicted, mode="drop")
        )


class _Running(NamedTuple):
    """Exponential moving averages over steps."""

    confidence: Float[Array, ""]
    probability: Float[Array, "C"]
    histogram: Float[Array, "C"]  # of the predicted classes


class FreeMatch:
    """Wang et al., ICLR 2023: thresholds that follow the model's own confidence.

    Global threshold: EMA of the mean largest probability (Eq. 5); by class: times the class's EMA
    over the largest class's (Eq. 6 to 8). Uses the averages after the step.
    """

    TRACED = ("momentum", "fairness_weight")

    @staticmethod
    def init(classes: int, pool: int) -> Any:
        """Uniform averages."""
        del pool
        uniform_C = jnp.full(classes, 1 / classes, jnp.float32)
        return _Running(jnp.float32(1 / classes), uniform_C, uniform_C)

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Array]) -> Chosen:
        """Updates the averages and masks by them."""
        confidence, predicted = _confidence(weak)
        one_hot = jax.nn.one_hot(predicted, weak.probability.shape[1])
        state = _Running(
            *(
                _ema(old, new, settings["momentum"])
                for old, new in zip(
                    state,
                    (
                        confidence.mean(),
                        weak.probability.mean(0),
                        one_hot.mean(0),
                    ),
                    strict=True,
                )
            )
        )
        threshold_C = state.confidence * state.probability / state.probability.max()
        return Chosen(_mask(weak, threshold_C), threshold_C, state)


class _SoftState(NamedTuple):
    """SoftMatch's averages over steps."""

    mean: Float[Array, ""]
    variance: Float[Array, ""]
    probability: Float[Array, "C"]


class SoftMatch:
    """Chen et al., ICLR 2023: a truncated Gaussian weight instead of a mask.

    Mean and variance of the largest probability by EMA (Eq. 9, the variance unbiased), after
    uniform alignment of the probabilities (Eq. 11), which acts on the weights alone.
    """

    TRACED = ("momentum",)

    @staticmethod
    def init(classes: int, pool: int) -> Any:
        """Mean 1/C, variance 1, uniform probabilities."""
        del pool
        return _SoftState(
            jnp.float32(1 / classes),
            jnp.float32(1),
            jnp.full(classes, 1 / classes, jnp.float32),
        )

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Array]) -> Chosen:
        """Updates the averages and weighs by them."""
        momentum = settings["momentum"]
        classes = weak.probability.shape[1]
        probability_C = _ema(state.probability, weak.probability.mean(0), momentum)
        aligned = weak.probability / jnp.broadcast_to(
            classes * probability_C, weak.probability.shape
        )
        confidence = (aligned / aligned.sum(-1, keepdims=True)).max(-1)
        state = _SoftState(
            _ema(state.mean, confidence.mean(), momentum),
            _ema(state.variance, confidence.var(ddof=1), momentum),
            probability_C,
        )
        below = jnp.minimum(confidence - state.mean, 0)
        weight = jnp.exp(-(below**2) / (2 * state.variance / _SOFT_N**2))
        return Chosen(weight, jnp.broadcast_to(state.mean, (classes,)), state)


class PseudoLabel:
    """Classic pseudo-labelling by classes (MER 2023, Algorithm 1), thresholds set once an epoch.

    `choose` masks by the state; `quantile_thresholds` and `top_k_thresholds` make it.
    """

    TRACED = ("eta",)

    @staticmethod
    def init(classes: int, pool: int) -> Any:
        """Thresholds that nothing passes."""
        del pool
        return jnp.full(classes, jnp.inf, jnp.float32)

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Array]) -> Chosen:
        """Those whose largest probability exceeds the threshold of their class."""
        del settings
        confidence, predicted = _confidence(weak)
        return Chosen((confidence > state[predicted]).astype(jnp.float32), state, state)


METHODS = {
    "fixmatch": FixMatch,
    "flexmatch": FlexMatch,
    "freematch": FreeMatch,
    "softmatch": SoftMatch,
    "pseudo_label": PseudoLabel,
}


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
    confidence, predicted = probability.max(-1), probability.argmax(-1)
    correct_CxN = ((predicted == emotion) & (weight > 0))[None, :] & (
        predicted[None, :] == jnp.arange(classes)[:, None]
    )
    sorted_CxN = jnp.sort(jnp.where(correct_CxN, confidence[None, :], jnp.inf), axis=1)
    count_C = correct_CxN.sum(1)
    place_C = eta * jnp.maximum(count_C - 1, 0)
    low_C = jnp.floor(place_C).astype(jnp.int32)
    high_C = jnp.minimum(low_C + 1, jnp.maximum(count_C - 1, 0))
    rows = jnp.arange(classes)
    at_low, at_high = sorted_CxN[rows, low_C], sorted_CxN[rows, high_C]
    between = at_low + (place_C - low_C) * jnp.where(count_C > 0, at_high - at_low, 0)
    return jnp.where(count_C > 0, between, jnp.inf)


def top_k_thresholds(probability: Float[Array, "P C"], k: int) -> Float[Array, "C"]:
    """By class the threshold that the k most confident clips predicted as it exceed.

    0 for a class with k or fewer.
    """
    classes = probability.shape[1]
    confidence, predicted = probability.max(-1), probability.argmax(-1)
    own_CxP = predicted[None, :] == jnp.arange(classes)[:, None]
    kept_CxP = jnp.where(own_CxP, confidence[None, :], 0)
    if k >= kept_CxP.shape[1]:
        return jnp.zeros(classes)
    return jax.lax.top_k(kept_CxP, k + 1)[0][:, -1]


def consistency(
    strong_logits: Float[Array, "U C"],
    target: Int[Array, "U"],
    weight: Float[Array, "U"],
) -> Float[Array, ""]:
    """Mean over the unlabelled batch of weight x CE(strong view, target)."""
    loss_U = -jnp.take_along_axis(jax.nn.log_softmax(strong_logits), target[:, None], 1)[:, 0]
    return (weight * loss_U).mean()


def fairness(
    strong_logits: Float[Array, "U C"], weight: Float[Array, "U"], state: Any
) -> Float[Array, ""]:
    """FreeMatch's self-adaptive fairness (Eq. 9 to 11): sum of A log B.

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


def ema_decay(most: Float[Array, ""], step: Int[Array, ""]) -> Float[Array, ""]:
    """The decay of averaged weights after `step` steps: warmed up, since runs are short."""
    return jnp.minimum(most, (1 + step) / (10 + step))


def _confidence(weak: Weak) -> tuple[Float[Array, "U"], Int[Array, "U"]]:
    return weak.probability.max(-1), weak.probability.argmax(-1).astype(jnp.int32)


def _mask(weak: Weak, threshold_C: Float[Array, "C"]) -> Float[Array, "U"]:
    confidence, predicted = _confidence(weak)
    return (confidence >= threshold_C[predicted]).astype(jnp.float32)


def _ema(old: Array, new: Array, momentum: Array) -> Array:
    return momentum * old + (1 - momentum) * new


def _over(a: Array, b: Array) -> Array:
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)


def _normalised(x: Array) -> Array:
    return x / jnp.maximum(x.sum(), _EPSILON)
