"""A dense layer over the outer product of two vectors, of which single entries are dropped."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key, Num

from mer_jax import random_bits


class Dropping(NamedTuple):
    """How entries are dropped; no gradient goes to it."""

    rate: Num[Array, ""] | float
    key: Key[Array, ""]


@jax.custom_vjp
def dense_of_dropped_outer(
    x_BxI: Float[Array, "B I"],
    y_BxP: Float[Array, "B P"],
    kernel_IxPxH: Float[Array, "I P H"],
    dropping: Dropping,
) -> Float[Array, "B H"]:
    """The sum over i and p of x[b, i] y[b, p] kernel[i, p], single products x y of it dropped.

    The mask is that of `dropout` over the products as an array [B, I, P]. One i follows the other,
    so that of the I P products of a clip, 275,000 in a tensor fusion, only P are there at once.
    """
    return _forward(x_BxI, y_BxP, kernel_IxPxH, dropping)[0]


def _forward(x_BxI, y_BxP, kernel_IxPxH, dropping):
    rows, parts, places = *x_BxI.shape, y_BxP.shape[1]
    keep = 1 - dropping.rate
    # The numbers of the entries of a [B, I, P] mask at i = 0.
    row_Bx1 = jnp.arange(rows, dtype=jnp.uint32)[:, None] * jnp.uint32(parts * places)
    first_BxP = row_Bx1 + jnp.arange(places, dtype=jnp.uint32)[None]

    def add(sum_BxH, of_part):
        part, x_B, kernel_PxH = of_part
        number_BxP = first_BxP + part * jnp.uint32(places)
        kept_BxP = random_bits.bernoulli_at(dropping.key, keep, number_BxP)
        dropped_BxP = jnp.where(kept_BxP, x_B[:, None] * y_BxP / keep, 0)
        return sum_BxH + dropped_BxP @ kernel_PxH, kept_BxP

    start_BxH = jnp.zeros((rows, kernel_IxPxH.shape[-1]), y_BxP.dtype)
    of_parts = (jnp.arange(parts, dtype=jnp.uint32), x_BxI.T, kernel_IxPxH)
    out_BxH, kept_IxBxP = lax.scan(add, start_BxH, of_parts)
    return out_BxH, (x_BxI, y_BxP, kernel_IxPxH, kept_IxBxP, keep)


def _backward(saved, gradient_BxH):
    x_BxI, y_BxP, kernel_IxPxH, kept_IxBxP, keep = saved

    def add(y_gradient_BxP, of_part):
        x_B, kernel_PxH, kept_BxP = of_part
        scaled_BxP = jnp.where(kept_BxP, y_BxP / keep, 0)
        kernel_gradient_PxH = (scaled_BxP * x_B[:, None]).T @ gradient_BxH
        gradient_BxP = (kernel_PxH @ gradient_BxH.T).T
        x_gradient_B = jnp.einsum("bp,bp->b", gradient_BxP, scaled_BxP)
        y_gradient_BxP += jnp.where(kept_BxP, gradient_BxP * x_B[:, None] / keep, 0)
        return y_gradient_BxP, (x_gradient_B, kernel_gradient_PxH)

    of_parts = (x_BxI.T, kernel_IxPxH, kept_IxBxP)
    y_gradient_BxP, (x_gradient_IxB, kernel_gradient_IxPxH) = lax.scan(
        add, jnp.zeros_like(y_BxP), of_parts
    )
    return x_gradient_IxB.T, y_gradient_BxP, kernel_gradient_IxPxH, None


dense_of_dropped_outer.defvjp(_forward, _backward)
