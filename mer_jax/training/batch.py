"""The one place that makes a Batch: rows of samples or of the pool, scaled as a fold says."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key, Num

from mer_jax.data import views
from mer_jax.data.arrays import Labels
from mer_jax.data.framing import Framing
from mer_jax.data.views import Others
from mer_jax.models.layers import Batch
from mer_jax.semi.graph import NEIGHBOURS
from mer_jax.semi.step import Clips
from mer_jax.training.frames import DeviceFrames, HostFrames
from mer_jax.training.host_rows import fetch
from mer_jax.training.order import Step
from mer_jax.training.state import Given

_OF_NEIGHBOURS = 4  # of a step's key: 1 to 3 are of views, of the pool and of mixup
Scaler = dict[str, tuple[Array, Array]]  # by modality: mean and deviation [D]
Masks = dict[str, Array]  # by frame-level modality: bool [B, T]


class FromHost(NamedTuple):
    """A step's rows that come from the host, by modality; empty where all are on the device."""

    labelled: dict[str, Array]  # [B, D]
    of_pool: dict[str, Array] | None = None  # [U, D]; None: supervised


def of_features(
    features: dict[str, Array],
    weight: Float[Array, "B"] | None = None,
    frame_mask: Masks | None = None,
) -> Batch:
    """The batch of some features by modality, [B, D] or [B, T, D] with a mask.

    Without a weight every row counts.
    """
    if weight is None:
        weight = jnp.ones(len(next(iter(features.values()))))
    return Batch(features, frame_mask or {}, weight)


def of_one_row(features: dict[str, Any]) -> Batch:
    """A batch of one row of `features`, to initialise a model with; frames as zeros."""
    rows, masks = {}, {}
    for modality, x in features.items():
        if isinstance(x, DeviceFrames | HostFrames):
            rows[modality], masks[modality] = (
                jnp.zeros((1, *x.shape[1:])),
                jnp.ones((1, x.shape[1]), bool),
            )
        else:
            rows[modality] = x[:1]
    return of_features(rows, frame_mask=masks)


def of_rows(
    given: Given,
    index: Int[Array, "B"],
    weight: Float[Array, "B"],
    longest: dict[str, int] | None = None,
    fetched: dict[str, Array] | None = None,
) -> tuple[Batch, Labels]:
    """The batch of some rows of the samples, padded to so many frames, and their labels.

    `fetched` are the features of the host, where they have been fetched before.
    """
    samples = given.samples
    labels = samples.labels.rows(index)
    features, masks = _taken(samples.features, index, longest or {}, fetched)
    features = scaled(features, given.fold.scaler, masks)
    batch = of_features(features, weight, shown(masks, given.static.framing))
    if given.static.task.targets:  # several numbers have no one sign
        return batch, labels
    known = (weight > 0) & labels.valence_mask
    return batch._replace(sign=jnp.where(known, jnp.sign(labels.valence), 0)), labels


def of_pool(
    given: Given,
    rows: Int[Array, "U"],
    key: Key[Array, ""] | None = None,
    fetched: dict[str, Array] | None = None,
) -> Clips:
    """Some rows of the pool, scaled as the labelled ones are.

    With the `key` of a step each with one of its neighbours, where a view takes them; `fetched` as
    for `of_rows`.
    """
    pool = given.samples.pool
    features, masks = _taken(pool.features, rows, {}, fetched)
    number, spread = pool.number[rows], given.fold.spread
    return Clips(
        scaled(features, given.fold.scaler, masks),
        number,
        pool.emotion[rows],
        pool.emotion_mask[rows],
        shown(masks, given.static.framing),
        None if spread is None else spread[number],
        neighbour=None if key is None else _neighbours(given, rows, key),
    )


def from_host(given: Given, step: Step) -> FromHost:
    """What a step takes of vectors on the host; frames are fetched by the step itself."""
    labelled = fetch(given.samples.features, step.index)
    if step.pool_rows is None:
        return FromHost(labelled)
    return FromHost(labelled, fetch(given.samples.pool.features, step.pool_rows))


def _neighbours(given: Given, rows: Int[Array, "U"], key: Key[Array, ""]) -> Others | None:
    """For each of some rows of the pool one of its nearest clips, which may be a labelled one."""
    semi, pool = given.static.semi, given.samples.pool
    if not views.takes_neighbours(semi.weak, semi.strong):
        return None
    count = jnp.minimum(given.hparams.semi[NEIGHBOURS.name], pool.near.shape[1])
    draws_U = jax.random.uniform(jax.random.fold_in(key, _OF_NEIGHBOURS), rows.shape)
    drawn_U = jnp.floor(draws_U * count).astype(jnp.int32)
    near_U, size = pool.near[rows, drawn_U], len(pool.number)
    # Of frames as many as the pool's clips have: a frame moves towards the one at its place.
    longest = {m: x.shape[1] for m, x in pool.features.items() if len(x.shape) > 2}
    of_pool, masks = _taken(pool.features, jnp.minimum(near_U, size - 1), longest)
    of_samples, of_masks = _taken(given.samples.features, jnp.maximum(near_U - size, 0), longest)
    chosen = functools.partial(_chosen, near_U < size)
    features = {m: chosen(x.astype(jnp.float32), of_samples[m]) for m, x in of_pool.items()}
    masks = {m: chosen(mask, of_masks[m]) for m, mask in masks.items()}
    return Others(scaled(features, given.fold.scaler, masks), shown(masks, given.static.framing))


def _chosen(first_U: Array, one: Array, other: Array) -> Array:
    """By clip the one where it is the first, else the other."""
    return jnp.where(first_U.reshape(-1, *(1 for _ in one.shape[1:])), one, other)


def shown(frame_mask: Masks, framing: Framing | None) -> Masks:
    """The masks that a model sees: where padding counts as frames, nothing is masked."""
    if framing is None or not framing.pads_with_data:
        return frame_mask
    return {modality: jnp.ones_like(mask) for modality, mask in frame_mask.items()}


def _taken(
    features: dict[str, Any],
    index: Int[Array, "B"],
    longest: dict[str, int],
    fetched: dict[str, Array] | None = None,
) -> tuple[dict[str, Array], Masks]:
    """Some rows of each modality, and the masks of those that are frames."""
    rows, masks = {}, {}
    fetched = fetch(features, index) if fetched is None else fetched
    for modality, x in features.items():
        if isinstance(x, DeviceFrames | HostFrames):
            rows[modality], masks[modality] = x.padded(index, longest.get(modality, 0))
        elif modality in fetched:
            rows[modality] = fetched[modality]
        else:
            rows[modality] = _rows(x, index)
    return rows, masks


def _rows(x: Num[Array, "N D"], index: Int[Array, "B"]) -> Float[Array, "B D"]:
    """Some rows as float32; uint16 are the bits of bfloat16."""
    if x.dtype != jnp.uint16:
        return x[index]
    bits_of_float32 = x[index].astype(jnp.uint32) << 16  # whose first half a bfloat16 is
    return lax.bitcast_convert_type(bits_of_float32, jnp.float32)


def scaled(
    features: dict[str, Array], scaler: Scaler, frame_mask: Masks | None = None
) -> dict[str, Array]:
    """`(x - mean) / deviation` by column; a modality without a scaler as it is, padding zero."""
    masks = frame_mask or {}
    return {
        m: _scaled(x, scaler[m], masks.get(m)) if m in scaler else x for m, x in features.items()
    }


def _scaled(
    x: Float[Array, "B *T D"], scaler: tuple[Array, Array], mask: Array | None
) -> Float[Array, "B *T D"]:
    mean, deviation = (jnp.broadcast_to(part, x.shape) for part in scaler)
    x = (x - mean) / deviation
    return x if mask is None else jnp.where(mask[..., None], x, 0)
