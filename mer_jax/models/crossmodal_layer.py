"""A layer of MulT's encoders: attention to given frames, then a feed-forward net (section 3)."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Bool, Float, Num

from mer_jax.models import modality_encoders
from mer_jax.models.layers import product
from mer_jax.models.transformer import LayerNorm

_WIDER = 4  # the feed-forward net's inner width, in widths of the encoder
Rate = Num[Array, ""] | float


class Sight(NamedTuple):
    """Which frames each frame may look at, and which frame of a clip stands for it at the end."""

    visible: Array  # bool [B or 1, Lq, Lk]
    last: Array | None = None  # int [B]: only this frame's result is wanted


# The backward pass would draw the mask of a frame's gradient three times.
dropped = functools.partial(modality_encoders.dropped, stored=True)


class XavierDense(nn.Module):
    """x W + b with Xavier's uniform initialisation and a bias of zeros."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch H"]:
        """Maps the last axis to `features`."""
        xavier = nn.initializers.xavier_uniform()
        kernel = self.param("kernel", xavier, (x.shape[-1], self.features))
        y = (product if x.shape[-1] <= self.features else _narrowing_product)(x, kernel)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return y + jnp.broadcast_to(bias, y.shape)


def _narrowing_product(
    x: Float[Array, "*batch D"], kernel: Float[Array, "D H"]
) -> Float[Array, "*batch H"]:
    """As `product`, for D larger than H: the backward pass does not transpose x either."""
    return _narrowed(x.reshape(-1, x.shape[-1]), kernel).reshape(*x.shape[:-1], -1)


@jax.custom_vjp
def _narrowed(x_RxD, kernel_DxH):
    return x_RxD @ kernel_DxH


def _narrowed_backward(operands, gradient_RxH):
    # XLA would turn the kernel's gradient back to x^T g and copy x transposed, which is the larger
    # factor. It cannot across a rounding, here one to the type that the numbers have.
    x_RxD, kernel_DxH = operands
    held = jnp.finfo(x_RxD.dtype)
    of_kernel_HxD = lax.reduce_precision(gradient_RxH.T @ x_RxD, held.nexp, held.nmant)
    return (kernel_DxH @ gradient_RxH.T).T, of_kernel_HxD.T


_narrowed.defvjp(lambda *operands: (_narrowed(*operands), operands), _narrowed_backward)


class _Attention(nn.Module):
    """Multi-head attention with PyTorch's parameters; also gives the weights."""

    heads: int

    @nn.compact
    def __call__(
        self,
        query: Float[Array, "B Q D"],
        sources: tuple[Array, ...],
        visible: Bool[Array, "_ Q K"],
        rate: Rate,
        train: bool,
    ) -> tuple[Float[Array, "B Q D"], Float[Array, "B h Q K"]]:
        """`sources` are [B, K, D]: one for keys and values, or one for each."""
        width = query.shape[-1]
        xavier = nn.initializers.xavier_uniform()
        kernel = self.param("in_proj_kernel", xavier, (width, 3 * width))
        bias = self.param("in_proj_bias", nn.initializers.zeros, (3 * width,))

        def projected(x: Array, first: int, last: int) -> list[Array]:
            """Queries, keys and values of x, those from `first` to `last`, by head."""
            y = product(x, kernel[:, first * width : last * width])
            y += jnp.broadcast_to(bias[first * width : last * width], y.shape)
            shape = (*x.shape[:2], self.heads, width // self.heads)
            return [part.reshape(shape) for part in jnp.split(y, last - first, axis=-1)]

        if len(sources) == 1 and sources[0] is query:
            q, k, v = projected(query, 0, 3)
        else:
            (q,) = projected(query, 0, 1)
            if len(sources) == 1:
                k, v = projected(sources[0], 1, 3)
            else:
                (k,), (v,) = projected(sources[0], 1, 2), projected(sources[1], 2, 3)
        shape = (len(q), self.heads, q.shape[1], k.shape[1])
        share = dropped(self, jnp.ones(shape, q.dtype), rate, train) if train else None
        scaled = q * (width // self.heads) ** -0.5
        gathered, weight = _gathered(scaled, k, v, visible, share)
        return XavierDense(width, name="out_proj")(gathered.reshape(query.shape)), weight


@jax.custom_vjp
def _gathered(q, k, v, visible, share):
    """What queries [B, Q, h, d] gather of v by keys, both [B, K, h, d], and the weights.

    `share` is what dropout leaves of each weight [B, h, Q, K], None: all. The weights have no
    gradient.
    """
    score = jnp.einsum("bqhd,bkhd->bhqk", q, k)
    never = jnp.finfo(score.dtype).min / 2  # finite: a frame that sees none stays without NaN
    weight = nn.softmax(jnp.where(visible[:, None], score, never))
    kept = weight if share is None else weight * share
    return jnp.einsum("bhqk,bkhd->bqhd", kept, v), weight


def _gathered_forward(q, k, v, visible, share):
    gathered, weight = _gathered(q, k, v, visible, share)
    return (gathered, weight), (q, k, v, visible, share, gathered, weight)


def _gathered_backward(held, gradient):
    # The softmax's sum over keys of weight times gradient is that of what was gathered over d, as
    # FlashAttention (Dao et al. 2022) has it: short rows of keys are slow to sum on a CPU. The
    # products are written as XLA computes them fastest there; autodiff's of k takes four times it.
    q, k, v, visible, share, gathered, weight = held
    gradient, _ = gradient
    kept = weight if share is None else weight * share
    of_kept = jnp.einsum("bqhd,bkhd->bhqk", gradient, v)
    total_BxhxQx1 = jnp.einsum("bqhd,bqhd->bhq", gradient, gathered)[..., None]
    of_score = kept * of_kept - weight * total_BxhxQx1
    of_score = jnp.where(visible[:, None], of_score, 0)
    of_q = jnp.einsum("bhqk,bkhd->bqhd", of_score, k)
    of_k = jnp.einsum("bhqk,bqhd->bkhd", of_score, q)
    of_v = jnp.einsum("bhqk,bqhd->bkhd", kept, gradient)
    return of_q, of_k, of_v, None, None


_gathered.defvjp(_gathered_forward, _gathered_backward)


class Layer(nn.Module):
    """Attention, then a feed-forward net, a LayerNorm before each, both residual."""

    heads: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B Q D"], sources: tuple, sight: Sight, rate: Rate, train: bool
    ) -> tuple[Float[Array, "B _ D"], Float[Array, "B h _ K"]]:
        """`sources` are the keys' and values' standardised vectors, none for x itself.

        Also the weights.
        """
        norm = LayerNorm(name="layer_norms.0")
        query, visible = norm(x), sight.visible
        sources = tuple(norm(source, is_standard=True) for source in sources) or (query,)
        if sight.last is not None:
            rows = jnp.arange(len(x))
            query, x = (each[rows, sight.last][:, None] for each in (query, x))
            visible = jnp.broadcast_to(visible, (len(x), *visible.shape[1:]))
            visible = visible[rows, sight.last][:, None]
        attention = _Attention(self.heads, name="self_attn")
        gathered, weight = attention(query, sources, visible, rate, train)
        x = x + dropped(self, gathered, rate, train)
        width = x.shape[-1]
        inner = XavierDense(_WIDER * width, name="fc1")(LayerNorm(name="layer_norms.1")(x))
        inner = dropped(self, nn.relu(inner), rate, train)
        fed = XavierDense(width, name="fc2")(inner)
        return x + dropped(self, fed, rate, train), weight
