"""The parts of a Transformer (Vaswani et al. 2017), with PyTorch's parameters and semantics."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Num

from mer_jax.models.layers import TorchDense, product
from mer_jax.models.modality_encoders import dropped

_EPSILON = 1e-5  # of LayerNorm


@jax.custom_vjp
def standardised(x: Float[Array, "*batch D"]) -> Float[Array, "*batch D"]:
    """Each vector with zero mean and unit variance over its entries."""
    return _standardised(x)[0]


def _standardised(x):
    x = x - _mean(x)
    deviation = jnp.sqrt(_mean(x * x) + _EPSILON)
    return x / deviation, (x / deviation, deviation)


def _standardised_backward(kept, gradient):
    # Two means, where autodiff takes four: a mean over the last axis is slow on a CPU.
    y, deviation = kept
    return ((gradient - _mean(gradient) - y * _mean(gradient * y)) / deviation,)


standardised.defvjp(_standardised, _standardised_backward)


class LayerNorm(nn.Module):
    """Zero mean and unit variance over the last axis, then an affine map."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "*batch D"], is_standard: bool = False
    ) -> Float[Array, "*batch D"]:
        """Normalises each vector; of vectors that are `standardised` only the map is left."""
        scale_D = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        bias_D = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        if not is_standard:
            x = standardised(x)
        return x * jnp.broadcast_to(scale_D, x.shape) + jnp.broadcast_to(bias_D, x.shape)


def _mean(x: Float[Array, "*batch D"]) -> Float[Array, "*batch 1"]:
    return x.mean(-1, keepdims=True)


class SelfAttention(nn.Module):
    """Multi-head attention of tokens to each other, as `torch.nn.MultiheadAttention`."""

    heads: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B N D"], rate: Num[Array, ""] | float, train: bool
    ) -> Float[Array, "B N D"]:
        """What every token gathers; dropout acts on the weights."""
        batch, tokens, width = x.shape
        xavier = nn.initializers.xavier_uniform()
        kernel_Dx3D = self.param("in_proj_kernel", xavier, (width, 3 * width))
        bias_3D = self.param("in_proj_bias", nn.initializers.zeros, (3 * width,))
        projected = product(x, kernel_Dx3D)
        projected += jnp.broadcast_to(bias_3D, projected.shape)
        by_head = (batch, tokens, self.heads, width // self.heads)
        q, k, v = (part.reshape(by_head) for part in jnp.split(projected, 3, axis=-1))
        score_BxhxNxN = jnp.einsum("bqhd,bkhd->bhqk", q, k) * (width // self.heads) ** -0.5
        weight_BxhxNxN = nn.softmax(score_BxhxNxN)
        weight_BxhxNxN = dropped(self, weight_BxhxNxN, rate, train)
        gathered = jnp.einsum("bhqk,bkhd->bqhd", weight_BxhxNxN, v).reshape(x.shape)
        return TorchDense(width, name="out_proj")(gathered)


class PostNormLayer(nn.Module):
    """Attention, then a feed-forward net, a LayerNorm after each sum: the paper's first form.

    As `torch.nn.TransformerEncoderLayer` with its defaults.
    """

    heads: int
    inner: int  # width of the feed-forward net

    @nn.compact
    def __call__(
        self, x: Float[Array, "B N D"], rate: Num[Array, ""] | float, train: bool
    ) -> Float[Array, "B N D"]:
        """The tokens after the layer; dropout acts in four places."""
        attended = SelfAttention(self.heads, name="self_attn")(x, rate, train)
        x = LayerNorm(name="norm1")(x + dropped(self, attended, rate, train))
        hidden = dropped(self, nn.relu(TorchDense(self.inner, name="linear1")(x)), rate, train)
        fed = TorchDense(x.shape[-1], name="linear2")(hidden)
        return LayerNorm(name="norm2")(x + dropped(self, fed, rate, train))
