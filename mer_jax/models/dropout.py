"""Dropout whose rate may be traced."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from mer_jax import random_bits


def dropout(
    x: Float[Array, "..."],
    rate: Num[Array, ""] | float,
    key: Key[Array, ""],
    stored: bool = False,
) -> Array:
    """Zeroes each value with probability `rate`, which may be traced, and rescales the others.

    With `stored` the mask is drawn once, where the kernels that read it would each draw it again.
    """
    kept = random_bits.bernoulli(key, 1 - rate, x.shape)
    if stored:
        kept = random_bits.materialised(key, kept)
    return jnp.where(kept, x / (1 - rate), 0)
