"""Whisper's encoder over log-mel frames (Radford et al. 2022), without its decoder.

The published model always sees 30 seconds. Here a clip may be as short as it is: padding is
masked, and the states are those of the clip alone.
"""

import re
from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import (
    Attention,
    Convolution,
    Embedding,
    LayerNorm,
    activation,
    feed_forward,
)


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults."""

    d_model: int = 384
    encoder_layers: int = 4
    encoder_attention_heads: int = 6
    encoder_ffn_dim: int = 1536
    num_mel_bins: int = 80
    max_source_positions: int = 1500
    activation_function: str = "gelu"


class Front(nn.Module):
    """Two convolutions over the log-mel frames, and a position's vector added to each."""

    settings: Settings

    @nn.compact
    def __call__(self, mel: Float[Array, "B M T"], mask: Bool[Array, "B T"]):
        """The first layer's input [B, T / 2, D] and its mask; T is at most twice the positions."""
        size = self.settings.d_model
        gelu = activation("gelu")
        table = Embedding(self.settings.max_source_positions, size, name="embed_positions")()
        x = jnp.where(mask[..., None], mel.transpose(0, 2, 1), 0)
        x = gelu(Convolution(size, (3,), padding=1, name="conv1")(x))
        x = jnp.where(mask[..., None], x, 0)
        x = Convolution(size, (3,), stride=2, padding=1, name="conv2")(x)
        x = gelu(x)
        return x + table[None, : x.shape[1]], mask[:, ::2]


class Layer(nn.Module):
    """Attention and two dense layers over normalised input, each added to its input."""

    settings: Settings

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """The next hidden state."""
        settings = self.settings
        attention = Attention(settings.encoder_attention_heads, key_bias=False, name="self_attn")
        x = x + attention(LayerNorm(name="self_attn_layer_norm")(x), mask)
        dense = LayerNorm(name="final_layer_norm")(x)
        names = "fc1", "fc2"
        act = settings.activation_function
        return x + feed_forward(dense, settings.encoder_ffn_dim, act, names)


def plan(settings: Settings) -> Plan:
    """The encoder's parts."""
    frames = 2 * settings.max_source_positions
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(Part(Layer(settings), f"layers.{i}.") for i in range(settings.encoder_layers)),
        last=Part(LayerNorm(), "layer_norm."),
        example=example(settings.num_mel_bins, frames),
        size=settings.d_model,
        longest=frames,
        frames=lambda mel_frames: (mel_frames + 1) // 2,
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("model.encoder.", "encoder."),
    unused=re.compile(r"proj_out\..*"),
)
