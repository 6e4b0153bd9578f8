"""XLNet (Yang et al. 2019): a transformer that knows how far tokens are apart, not where they are.

Inputs are what its tokeniser makes of a text: the tokens, <sep>, and <cls> at the end, which is a
segment of its own.
"""

import re
from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from mer_jax.errors import InputError
from mer_jax.models.encoders import text
from mer_jax.models.encoders.encoder import Part, Plan
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import (
    Embedding,
    LayerNorm,
    attend,
    draw,
    feed_forward,
)

_LONGEST_WAVE = 10_000  # of the sines of distances (Vaswani et al. 2017)


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults."""

    vocab_size: int = 32000
    d_model: int = 1024
    n_layer: int = 24
    n_head: int = 16
    d_head: int = 0  # 0: so that all heads are as wide as the hidden state
    d_inner: int = 4096
    ff_activation: str = "gelu"
    attn_type: str = "bi"
    layer_norm_eps: float = 1e-12
    clamp_len: int = -1  # the farthest distance that is told apart; below 1: all are

    @property
    def head_size(self) -> int:
        """The size of a head."""
        return self.d_head or self.d_model // self.n_head


class Front(nn.Module):
    """The tokens' vectors, which of them are <cls>, and the vectors of all distances."""

    settings: Settings

    @nn.compact
    def __call__(self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]):
        """The first layer's input [B, T, D], its mask, each row's end [B, T], distances [P, D]."""
        settings = self.settings
        x = Embedding(settings.vocab_size, settings.d_model, name="word_embedding")()[tokens]
        length = tokens.shape[1]
        is_end_BxT = jnp.arange(length)[None] == mask.sum(1)[:, None] - 1
        distance_P = jnp.arange(1.0 - length, length)
        if settings.clamp_len > 0:
            distance_P = jnp.clip(distance_P, -settings.clamp_len, settings.clamp_len)
        step_D = jnp.arange(0, settings.d_model, 2) / settings.d_model
        angle_PxD = distance_P[:, None] / _LONGEST_WAVE ** step_D[None]
        return x, mask, is_end_BxT, jnp.concatenate([jnp.sin(angle_PxD), jnp.cos(angle_PxD)], -1)


class RelativeAttention(nn.Module):
    """Attention to what tokens are, how far away, and whether of the same segment."""

    settings: Settings

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        is_end: Bool[Array, "B T"],
        distances: Float[Array, "P D"],
    ) -> Float[Array, "B T D"]:
        """What is attended to, added to the input and normalised."""
        settings = self.settings
        heads, size = settings.n_head, settings.head_size
        inner = (settings.d_model, heads, size)

        def projected(name, values):
            return jnp.tensordot(values, self.param(name, draw, inner), 1)

        def biased(name):
            bias_HxD = self.param(name, nn.initializers.zeros, (heads, size))
            return query_BxTxHxD + bias_HxD[None, None]

        query_BxTxHxD = projected("q", x)
        key_BxTxHxD, value_BxTxHxD = projected("k", x), projected("v", x)
        away_BxHxTxP = jnp.einsum("bthd,phd->bhtp", biased("r_r_bias"), projected("r", distances))
        length = x.shape[1]
        which_TxT = jnp.arange(length)[:, None] - jnp.arange(length)[None] + length - 1
        score = jnp.take_along_axis(away_BxHxTxP, which_TxT[None, None], -1)
        segment_2xHxD = self.param("seg_embed", draw, (2, heads, size))
        same, other = jnp.einsum("bthd,shd->sbht", biased("r_s_bias"), segment_2xHxD)[..., None]
        is_other_BxTxT = is_end[:, :, None] != is_end[:, None, :]
        score = score + jnp.where(is_other_BxTxT[:, None], other, same)
        flat = (*x.shape[:2], heads * size)
        attended = attend(
            biased("r_w_bias").reshape(flat),
            key_BxTxHxD.reshape(flat),
            value_BxTxHxD.reshape(flat),
            heads,
            mask,
            score * size**-0.5,
        )
        output = self.param("o", draw, inner)
        attended = jnp.einsum("bthd,mhd->btm", attended.reshape(query_BxTxHxD.shape), output)
        return LayerNorm(settings.layer_norm_eps, name="layer_norm")(x + attended)


class Layer(nn.Module):
    """Attention and two dense layers, each added to its input and normalised."""

    settings: Settings

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        is_end: Bool[Array, "B T"],
        distances: Float[Array, "P D"],
    ) -> Float[Array, "B T D"]:
        """The next hidden state."""
        settings = self.settings
        x = RelativeAttention(settings, name="rel_attn")(x, mask, is_end, distances)
        names = "ff.layer_1", "ff.layer_2"
        dense = feed_forward(x, settings.d_inner, settings.ff_activation, names)
        return LayerNorm(settings.layer_norm_eps, name="ff.layer_norm")(x + dense)


def plan(settings: Settings) -> Plan:
    """The parts; raises InputError for attention in one direction, which Transformer-XL has."""
    if settings.attn_type != "bi":
        raise InputError(f"attn_type={settings.attn_type!r} is not here; of XLNet's there is 'bi'")
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(Part(Layer(settings), f"layer.{i}.") for i in range(settings.n_layer)),
        size=settings.d_model,
        example=text.EXAMPLE,
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("transformer.",),
    unused=re.compile(r"mask_emb|(lm_loss|sequence_summary|logits_proj|qa_outputs)\b.*"),
)
