"""The one place that makes a Batch: rows of samples or of the pool, scaled as a fold says."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mer_jax.data.arrays import Labels
from mer_jax.models.layers import Batch
from mer_jax.semi.step import Clips
from mer_jax.training.state import Given

Scaler = dict[str, tuple[Array, Array]]  # by modality: mean and deviation [D]


def of_features(features: dict[str, Array], weight: Float[Array, "B"] | None = None) -> Batch:
    """The batch of some features by modality [B, D]; without a weight every row counts."""
    if weight is None:
        weight = jnp.ones(len(next(iter(features.values()))))
    return Batch(features, {}, weight)


def of_rows(
    given: Given, index: Int[Array, "B"], weight: Float[Array, "B"]
) -> tuple[Batch, Labels]:
    """The batch of some rows of the samples, and their labels."""
    samples = given.samples
    features = {modality: x[index] for modality, x in samples.features.items()}
    labels = Labels(*(column[index] for column in samples.labels))
    return of_features(scaled(features, given.fold.scaler), weight), labels


def of_pool(given: Given, rows: Int[Array, "U"]) -> Clips:
    """Some rows of the pool, scaled as the labelled ones are."""
    pool = given.samples.pool
    features = {m: x[rows].astype(jnp.float32) for m, x in pool.features.items()}
    return Clips(
        scaled(features, given.fold.scaler),
        pool.number[rows],
        pool.emotion[rows],
        pool.emotion_mask[rows],
    )


def scaled(features: dict[str, Array], scaler: Scaler) -> dict[str, Array]:
    """`(x - mean) / deviation` by column; a modality without a scaler as it is."""
    return {m: _scaled(x, scaler[m]) if m in scaler else x for m, x in features.items()}


def _scaled(x: Float[Array, "B D"], scaler: tuple[Array, Array]) -> Float[Array, "B D"]:
    mean, deviation = (jnp.broadcast_to(part, x.shape) for part in scaler)
    return (x - mean) / deviation
