"""Additive attention (Bahdanau et al. 2015) as a step of a loop asks it, with a backward pass."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float


def attended(
    asked_NxH: Float[Array, "N H"],
    keys_NxSxH: Float[Array, "N S H"],
    score_H: Float[Array, "H"],
    values_NxSxH: Float[Array, "N S H"],
    mask_NxS: Bool[Array, "N S"] | None = None,
) -> Float[Array, "N H"]:
    """The sum over s of values by softmax(score tanh(asked + keys)); without a mask all count.

    All sums are written as products: XLA's reductions over an array of this size take ten times as
    long on a CPU. The backward pass computes the tanh again, which is faster than keeping it for
    every step of a loop.
    """
    return _attended(asked_NxH, keys_NxSxH, score_H, values_NxSxH, mask_NxS)


@jax.custom_vjp
def _attended(asked_NxH, keys_NxSxH, score_H, values_NxSxH, mask_NxS):
    return _forward(asked_NxH, keys_NxSxH, score_H, values_NxSxH, mask_NxS)[0]


def _forward(asked_NxH, keys_NxSxH, score_H, values_NxSxH, mask_NxS):
    score_NxS = jnp.einsum("nsh,h->ns", jnp.tanh(asked_NxH[:, None] + keys_NxSxH), score_H)
    if mask_NxS is not None:  # finite: where none counts there is no NaN
        score_NxS = jnp.where(mask_NxS, score_NxS, jnp.finfo(score_NxS.dtype).min / 2)
    weight_NxS = nn.softmax(score_NxS)
    sum_NxH = jnp.einsum("ns,nsh->nh", weight_NxS, values_NxSxH)
    return sum_NxH, (asked_NxH, keys_NxSxH, score_H, values_NxSxH, mask_NxS, weight_NxS, sum_NxH)


def _backward(kept, gradient_NxH):
    asked_NxH, keys_NxSxH, score_H, values_NxSxH, mask_NxS, weight_NxS, sum_NxH = kept
    tanh_NxSxH = jnp.tanh(asked_NxH[:, None] + keys_NxSxH)
    of_weight_NxS = jnp.einsum("nh,nsh->ns", gradient_NxH, values_NxSxH)
    # The softmax's sum of weight times gradient is that of what was gathered (Dao et al. 2022).
    of_all_Nx1 = (gradient_NxH * sum_NxH).sum(-1, keepdims=True)
    of_score_NxS = weight_NxS * (of_weight_NxS - of_all_Nx1)
    if mask_NxS is not None:
        of_score_NxS = jnp.where(mask_NxS, of_score_NxS, 0)
    by_score = jnp.broadcast_to(score_H, tanh_NxSxH.shape) * of_score_NxS[..., None]
    of_keys_NxSxH = by_score * (1 - tanh_NxSxH**2)
    of_asked_NxH = jnp.einsum("ns,nsh->nh", jnp.ones_like(of_score_NxS), of_keys_NxSxH)
    of_score_H = jnp.einsum("ns,nsh->h", of_score_NxS, tanh_NxSxH)
    of_values_NxSxH = weight_NxS[..., None] * gradient_NxH[:, None]
    return of_asked_NxH, of_keys_NxSxH, of_score_H, of_values_NxSxH, None


_attended.defvjp(_forward, _backward)
