"""The unlabelled half of a step: two views of pool clips, their targets and their losses."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from mer_jax.data import views
from mer_jax.models.multitask import Output
from mer_jax.training import semi
from mer_jax.training.program import Semi

SHARE, ACCURACY, BALANCE, THRESHOLD = "pool_share", "pool_accuracy", "pool_balance", "threshold"


class SemiState(NamedTuple):
    """What a semi-supervised run carries beside a supervised one."""

    ema: Any  # averaged parameters: what validates and predicts
    step: Int[Array, ""]
    method: Any


class Clips(NamedTuple):
    """The unlabelled clips of a step. Their emotions feed the log alone."""

    features: dict[str, Array]  # by modality: float32 [U, D]
    number: Int[Array, "U"]  # in the pool
    emotion: Int[Array, "U"]
    emotion_mask: Float[Array, "U"]


class Diagnostics(NamedTuple):
    """Sums over a step's clips, for the log."""

    clips: Float[Array, ""]
    weight: Float[Array, ""]
    known: Float[Array, ""]  # weight of those whose true emotion is known
    correct: Float[Array, ""]  # of these, weight of those with the right target
    balance: Float[Array, "C"]  # weight by target class
    threshold: Float[Array, "C"]


def init(method: Semi, classes: int, pool: int, params: Any) -> SemiState:
    """The state before the first step."""
    return SemiState(params, jnp.int32(0), semi.METHODS[method.method].init(classes, pool))


def loss(
    method: Semi,
    predict: Callable[[dict[str, Array], Key[Array, ""] | None], Output],
    settings: dict[str, Array],
    state: SemiState,
    clips: Clips,
    deviation: dict[str, Array],
    key: Key[Array, ""],
) -> tuple[Float[Array, ""], Any, Diagnostics]:
    """The unlabelled loss, the method's state after it, and what the log wants to know.

    `predict(features, key)` trains with a key (dropout) and evaluates without: the weak view's
    prediction, which is the target, is the undisturbed one, and no gradient flows through it.
    """
    weak_key, strong_key, dropout_key = jax.random.split(key, 3)
    weak = predict(views.apply(method.weak, weak_key, clips.features, deviation), None)
    weak = jax.lax.stop_gradient(weak)
    strong = predict(views.apply(method.strong, strong_key, clips.features, deviation), dropout_key)
    seen = semi.Weak(jax.nn.softmax(weak.emotion), clips.number)
    chosen = semi.METHODS[method.method].choose(state.method, seen, settings)
    target_U = weak.emotion.argmax(-1)
    total = settings["weight"] * semi.consistency(strong.emotion, target_U, chosen.weight)
    if strong.valence is not None:
        error = (chosen.weight * (strong.valence - weak.valence) ** 2).mean()
        total += settings["valence_weight"] * error
    if method.method == "freematch":
        fair = semi.fairness(strong.emotion, chosen.weight, chosen.state)
        total += settings["fairness_weight"] * fair
    known_U = chosen.weight * clips.emotion_mask
    one_hot = jax.nn.one_hot(target_U, weak.emotion.shape[-1])
    return (
        total,
        chosen.state,
        Diagnostics(
            clips=jnp.float32(len(target_U)),
            weight=chosen.weight.sum(),
            known=known_U.sum(),
            correct=(known_U * (target_U == clips.emotion)).sum(),
            balance=(chosen.weight[:, None] * one_hot).sum(0),
            threshold=chosen.threshold,
        ),
    )


def ramped(settings: dict[str, Array], epoch: Int[Array, ""]) -> dict[str, Array]:
    """The settings of an epoch: both weights rise linearly from 0 over `warmup` epochs."""
    share = jnp.minimum(1, epoch / jnp.maximum(settings["warmup"], 1))
    share = jnp.where(settings["warmup"] > 0, share, 1)
    names = ("weight", "valence_weight")
    return {**settings, **{name: share * settings[name] for name in names}}


def after_step(state: SemiState, params: Any, method: Any, settings: dict[str, Array]) -> SemiState:
    """The state with the step's parameters averaged in."""
    decay = semi.ema_decay(settings["ema"], state.step)
    ema = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, state.ema, params)
    return SemiState(ema, state.step + 1, method)


def summary(steps: Diagnostics) -> dict[str, Array]:
    """An epoch's log: share of the pool that counts, accuracy of its targets, and by class.

    `steps` has a leading axis of steps. Accuracy is NaN where no true emotion is known.
    """
    total = jax.tree.map(lambda x: x.sum(0), steps)
    return {
        SHARE: total.weight / total.clips,
        ACCURACY: total.correct / total.known,
        BALANCE: total.balance / total.weight,
        THRESHOLD: steps.threshold[-1],
    }


def empty_log(epochs: int, classes: int) -> dict[str, Array]:
    """The log's columns before the first epoch."""
    sizes = {SHARE: (), ACCURACY: (), BALANCE: (classes,), THRESHOLD: (classes,)}
    return {name: jnp.full((epochs, *shape), jnp.nan, jnp.float32) for name, shape in sizes.items()}
