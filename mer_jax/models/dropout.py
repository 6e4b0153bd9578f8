"""Dropout whose rate may be traced."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from mer_jax import random_bits


def dropout(x: Float[Array, "..."], rate: Num[Array, ""] | float, key: Key[Array, ""]) -> Array:
    """Zeroes each value with probability `rate`, which may be traced, and rescales the others."""
    return jnp.where(random_bits.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def stored_dropout(
    x: Float[Array, "..."], rate: Num[Array, ""] | float, key: Key[Array, ""]
) -> Array:
    """As `dropout`, but the mask is drawn once and stored for the backward pass.

    For large masks: XLA on CPUs draws one again wherever the backward pass reads it, three times
    where a gradient is cut in three.
    """
    kept = random_bits.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(random_bits.materialised(key, kept), x / (1 - rate), 0)
