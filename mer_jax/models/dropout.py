"""Dropout whose rate may be traced."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from mer_jax import random_bits

# From this many values on their mask is stored: the forward pass and both products of the backward
# one would each draw it again, which takes longer than reading it.
_STORED_SIZE = 2**18


def dropout(
    x: Float[Array, "..."],
    rate: Num[Array, ""] | float,
    key: Key[Array, ""],
    stored: bool | None = None,
) -> Array:
    """Zeroes each value with probability `rate`, which may be traced, and rescales the others.

    `stored` says whether the mask is drawn once and kept for the backward pass; None: by its size.
    Of nets that are computed side by side the size of one is seen here.
    """
    kept = random_bits.bernoulli(key, 1 - rate, x.shape)
    if stored or (stored is None and x.size >= _STORED_SIZE):
        kept = random_bits.materialised(key, kept)
    return jnp.where(kept, x / (1 - rate), 0)
