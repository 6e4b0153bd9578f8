"""MulT's Transformer encoder: one modality's frames ask another's, or their own (section 3)."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, Num

from mer_jax.models.layers import product
from mer_jax.models.modality_encoders import dropped
from mer_jax.models.transformer import LayerNorm

_WIDER = 4  # the feed-forward net's inner width, in widths of the encoder
_LONGEST_WAVE = 10000  # of the positions, in frames over 2 pi
Rate = Num[Array, ""] | float


class Sight(NamedTuple):
    """Which frames each frame may look at, and which frame of a clip stands for it at the end."""

    visible: Array  # bool [B or 1, Lq, Lk]
    last: Array | None = None  # int [B]: only this frame's result is wanted


class XavierDense(nn.Module):
    """x W + b with Xavier's uniform initialisation and a bias of zeros."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch H"]:
        """Maps the last axis to `features`."""
        xavier = nn.initializers.xavier_uniform()
        y = product(x, self.param("kernel", xavier, (x.shape[-1], self.features)))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return y + jnp.broadcast_to(bias, y.shape)


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
        score = jnp.einsum("bqhd,bkhd->bhqk", q * (width // self.heads) ** -0.5, k)
        never = jnp.finfo(score.dtype).min / 2  # finite: a frame that sees none stays without NaN
        weight = nn.softmax(jnp.where(visible[:, None], score, never))
        kept = dropped(self, weight, rate, train)
        gathered = jnp.einsum("bhqk,bkhd->bqhd", kept, v).reshape(query.shape)
        return XavierDense(width, name="out_proj")(gathered), weight


class _Layer(nn.Module):
    """Attention, then a feed-forward net, a LayerNorm before each, both residual."""

    heads: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B Q D"], sources: tuple, sight: Sight, rate: Rate, train: bool
    ) -> tuple[Float[Array, "B _ D"], Float[Array, "B h _ K"]]:
        """`sources` are the keys' and values' vectors, none for x itself. Also the weights."""
        norm = LayerNorm(name="layer_norms.0")
        query, visible = norm(x), sight.visible
        sources = tuple(norm(source) for source in sources) or (query,)
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


class CrossModalEncoder(nn.Module):
    """Layers in which x asks y, or itself, always y as it came in; a LayerNorm at the end."""

    layers: int
    heads: int
    twice: bool  # whether keys and values of y have dropout masks of their own, as in the release

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B Q D"],
        y: Float[Array, "B K D"] | None,
        sight: Sight,
        places: tuple[Array, Array] | None,
        rate: Rate,
        train: bool,
    ) -> tuple[Float[Array, "B _ D"], Float[Array, "B K"]]:
        """x after all layers, and the last layer's weights, averaged over queries and heads.

        `places` are the numbers of x's and y's frames in their clips, [B, L] each, for sinusoidal
        positions; without them there are none. With `sight.last` only that frame is given.
        """

        def embedded(z: Array, place: int) -> Array:
            z = math.sqrt(z.shape[-1]) * z
            if places is not None:
                z = z + positions(places[place], z.shape[-1]).astype(z.dtype)
            return dropped(self, z, rate, train)

        x = embedded(x, 0)
        sources = () if y is None else tuple(embedded(y, 1) for _ in range(1 + self.twice))
        weight = None
        for i in range(self.layers):
            here = sight if i == self.layers - 1 else sight._replace(last=None)
            x, weight = _Layer(self.heads, name=f"layers.{i}")(x, sources, here, rate, train)
        return LayerNorm(name="layer_norm")(x), weight.mean((1, 2))


def positions(place_BxL: Int[Array, "B L"], width: int) -> Float[Array, "B L D"]:
    """Sinusoidal positions of frames numbered from 1: sines, then cosines, as fairseq has them."""
    half = max(width // 2, 1)
    rate = jnp.asarray(np.exp(np.arange(half) * -(math.log(_LONGEST_WAVE) / max(half - 1, 1))))
    angle = place_BxL[..., None] * rate[None, None]
    waves = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
    return jnp.pad(waves, ((0, 0), (0, 0), (0, width - waves.shape[-1])))
