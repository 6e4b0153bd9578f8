"""The unlabelled half of a step: two views of pool clips, their targets and their losses."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from mer_jax import random_bits
from mer_jax.data import views
from mer_jax.data.views import Others
from mer_jax.models.multitask import Output
from mer_jax.semi import METHODS, EpochStart, Weak
from mer_jax.semi.log import Diagnostics
from mer_jax.semi.method import Semi


class Clips(NamedTuple):
    """Unlabelled clips: a whole pool, the shard of an epoch, or those of a step.

    Their emotions, where they are known, feed the log alone.
    """

    # By modality: float32 [U, D]; in a large pool uint16, the bits of bfloat16.
    features: dict[str, Array]
    number: Int[Array, "U"]  # of the clip in the whole pool
    emotion: Int[Array, "U"]
    emotion_mask: Array  # bool [U]
    frame_mask: dict[str, Array] | None = None  # a Batch's, of the clips of a step; None: vectors
    spread: Float[Array, "U C"] | None = None  # of a step: what labels spread to each clip
    # Of a whole pool: each clip's nearest clips, the nearest first, as rows of the pool or, counted
    # on from its last, of the samples. None: no view takes neighbours.
    near: Int[Array, "U k"] | None = None
    neighbour: Others | None = None  # of a step: one of these for each clip, drawn at random


class SemiState(NamedTuple):
    """What a semi-supervised run carries beside a supervised one."""

    ema: Any  # averaged parameters: what validates and predicts
    step: Int[Array, ""]
    method: Any


def init(semi: Semi, classes: int, own: Bool[Array, "P"], params: Any) -> SemiState:
    """The state before the first step; `own` are the clips of the whole pool that the run draws."""
    return SemiState(params, jnp.int32(0), METHODS[semi.method].init(classes, own))


def each_epoch(
    semi: Semi, state: SemiState, epoch: EpochStart, settings: dict[str, Array]
) -> SemiState:
    """The state that an epoch begins with."""
    method = METHODS[semi.method]
    return state._replace(method=method.each_epoch(state.method, epoch, _all(semi, settings)))


def loss(
    semi: Semi,
    predict: Callable[[dict[str, Array], Key[Array, ""] | None], Output],
    settings: dict[str, Array],
    state: SemiState,
    clips: Clips,
    *,
    deviation: dict[str, Array],
    key: Key[Array, ""],
) -> tuple[Float[Array, ""], Any, Diagnostics]:
    """The unlabelled loss, the method's state after it, and what the log wants to know.

    `predict(features, key)` trains with a key (dropout) and evaluates without: the weak view's
    prediction, which is the target, is the undisturbed one, and no gradient flows through it.
    `deviation` is what noise is relative to, by modality [D].
    """
    weak_key, strong_key, dropout_key = jax.random.split(key, 3)

    def seen_through(view: views.View, key: Key[Array, ""]) -> dict[str, Array]:
        mask = clips.frame_mask or {}
        of_clips = (clips.features, mask, deviation, clips.neighbour)
        return views.apply(view, key, *of_clips, pairs=random_bits.hashed_pairs)

    weak = jax.lax.stop_gradient(predict(seen_through(semi.weak, weak_key), None))
    strong = predict(seen_through(semi.strong, strong_key), dropout_key)
    method, all_settings = METHODS[semi.method], _all(semi, settings)
    seen = Weak(jax.nn.softmax(weak.emotion), clips.number, clips.spread)
    chosen = method.choose(state.method, seen, all_settings)
    if chosen.target is None:
        target_U = weak.emotion.argmax(-1)
        of_views = consistency(strong.emotion, target_U, chosen.weight)
    else:
        target_U = chosen.target.argmax(-1)
        of_views = agreement(strong.emotion, chosen.target, chosen.weight)
    total = settings["weight"] * of_views
    if strong.valence is not None:
        squared = (strong.valence - weak.valence) ** 2
        squared_U = squared if squared.ndim == 1 else squared.mean(-1)  # of several targets
        error = (chosen.weight * squared_U).mean()
        total += settings["valence_weight"] * error
    total += method.extra_loss(chosen, strong.emotion, all_settings)
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


def consistency(
    strong_logits: Float[Array, "U C"],
    target: Int[Array, "U"],
    weight: Float[Array, "U"],
) -> Float[Array, ""]:
    """Mean over the unlabelled batch of weight x CE(strong view, target)."""
    loss_U = -jnp.take_along_axis(jax.nn.log_softmax(strong_logits), target[:, None], 1)[:, 0]
    return (weight * loss_U).mean()


def agreement(
    strong_logits: Float[Array, "U C"],
    target: Float[Array, "U C"],
    weight: Float[Array, "U"],
) -> Float[Array, ""]:
    """`consistency` towards a share of each class."""
    loss_U = -(target * jax.nn.log_softmax(strong_logits)).sum(-1)
    return (weight * loss_U).mean()


def ramped(settings: dict[str, Array], epoch: Int[Array, ""]) -> dict[str, Array]:
    """The settings of an epoch: both weights rise linearly from 0 over `warmup` epochs."""
    share = jnp.minimum(1, epoch / jnp.maximum(settings["warmup"], 1))
    share = jnp.where(settings["warmup"] > 0, share, 1)
    names = ("weight", "valence_weight")
    return {**settings, **{name: share * settings[name] for name in names}}


def after_step(state: SemiState, params: Any, method: Any, settings: dict[str, Array]) -> SemiState:
    """The state with the new parameters in their average, and the method's new state."""
    decay = ema_decay(settings["ema"], state.step)
    ema = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, state.ema, params)
    return SemiState(ema, state.step + 1, method)


def ema_decay(most: Float[Array, ""], step: Int[Array, ""]) -> Float[Array, ""]:
    """The decay of averaged weights after `step` steps: warmed up, since runs are short."""
    return jnp.minimum(most, (1 + step) / (10 + step))


def _all(semi: Semi, settings: dict[str, Array]) -> dict[str, Any]:
    """A method's settings: those that change the program and the traced ones."""
    return {**dict(semi.settings), **settings}
