"""Statistics over the rows of a batch that count: padded rows, of weight 0, reach none of them."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def row_mean(x: Float[Array, "B *rest"], weight: Float[Array, "B"]) -> Float[Array, "*rest"]:
    """The mean over the batch's weighted rows; 0 where none counts."""
    weight = weight.astype(x.dtype)
    total = jnp.tensordot(weight, x, axes=1)
    return total / jnp.maximum(weight.sum(), 1)


def centred(x: Float[Array, "B H"], weight: Float[Array, "B"]) -> Float[Array, "B H"]:
    """Deviations from the mean of the weighted rows; padded rows are zero."""
    counts_Bx1 = (weight > 0).astype(x.dtype)[:, None]
    return (x - row_mean(x, weight)[None]) * counts_Bx1


def norm(x: Float[Array, "*batch H"], epsilon: float) -> Float[Array, "*batch 1"]:
    """sqrt(|x|^2 + epsilon) over the last axis: with an epsilon its gradient is finite at 0."""
    return jnp.sqrt((x * x).sum(-1, keepdims=True) + epsilon)
