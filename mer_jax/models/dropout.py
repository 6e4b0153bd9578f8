"""Dropout whose rate may be traced."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from mer_jax import random_bits


def dropout(
    x: Float[Array, "..."],
    rate: Num[Array, ""] | float,
    key: Key[Array, ""],
    is_stored: bool = False,
) -> Array:
    """Zeroes each value with probability `rate`, which may be traced, and rescales the others.

    Where `is_stored` the mask is computed once: what is wide pays for drawing it again in the
    backward pass, transposed for the next layer's gradient as well.
    """
    kept = random_bits.bernoulli(key, 1 - rate, x.shape)
    if is_stored:
        kept = random_bits.materialised(key, kept)
    return jnp.where(kept, x / (1 - rate), 0)
