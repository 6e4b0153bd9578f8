"""GPT-2 (Radford et al. 2019): a transformer in which a token sees itself and those before it."""

import re
from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from mer_jax.models.encoders import text
from mer_jax.models.encoders.encoder import Part, Plan
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import (
    HIDDEN_FOREVER,
    Embedding,
    LayerNorm,
    activation,
    attend,
    draw,
)

_WIDENING = 4  # of the dense layers, where config.json does not say


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults."""

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int = 0  # 0: four times as wide as the hidden state
    activation_function: str = "gelu_new"
    layer_norm_epsilon: float = 1e-5
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False


class Dense(nn.Module):
    """x W + b over the last axis: the weights lie the other way round than Linear's."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T H"]:
        """Maps the last axis to `features`."""
        weight_DxH = self.param("weight", draw, (x.shape[-1], self.features))
        bias_H = self.param("bias", nn.initializers.zeros, (self.features,))
        return x @ weight_DxH + bias_H.reshape(1, 1, -1)


class Front(nn.Module):
    """A token's and its position's vectors, added."""

    settings: Settings

    @nn.compact
    def __call__(self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]):
        """The first layer's input [B, T, D] and its mask."""
        settings = self.settings
        words = Embedding(settings.vocab_size, settings.n_embd, name="wte")()
        positions = Embedding(settings.n_positions, settings.n_embd, name="wpe")()
        return words[tokens] + positions[: tokens.shape[1]][None], mask


class Layer(nn.Module):
    """Attention and two dense layers over normalised input, each added to its input."""

    settings: Settings
    scale: float  # of the queries

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """The next hidden state."""
        settings = self.settings
        size, epsilon = settings.n_embd, settings.layer_norm_epsilon
        projected = Dense(3 * size, name="attn.c_attn")(LayerNorm(epsilon, name="ln_1")(x))
        query, key, value = jnp.split(projected, 3, axis=-1)
        batch, length = mask.shape
        later_TxT = jnp.triu(jnp.full((length, length), HIDDEN_FOREVER), 1)
        later_Bx1xTxT = jnp.broadcast_to(later_TxT[None, None], (batch, 1, length, length))
        attended = attend(query * self.scale, key, value, settings.n_head, mask, later_Bx1xTxT)
        x = x + Dense(size, name="attn.c_proj")(attended)
        dense = Dense(settings.n_inner or _WIDENING * size, name="mlp.c_fc")(
            LayerNorm(epsilon, name="ln_2")(x)
        )
        dense = activation(settings.activation_function)(dense)
        return x + Dense(size, name="mlp.c_proj")(dense)


def plan(settings: Settings) -> Plan:
    """The parts."""
    whole = 1.0 if settings.scale_attn_weights else (settings.n_embd / settings.n_head) ** 0.5

    def scale(layer):
        return whole / (layer + 1) if settings.scale_attn_by_inverse_layer_idx else whole

    return Plan(
        front=Part(Front(settings)),
        layers=tuple(Part(Layer(settings, scale(i)), f"h.{i}.") for i in range(settings.n_layer)),
        last=Part(LayerNorm(settings.layer_norm_epsilon), "ln_f."),
        size=settings.n_embd,
        longest=settings.n_positions,
        example=text.EXAMPLE,
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("transformer.",),
    unused=re.compile(r"h\.\d+\.attn\.(masked_)?bias|(lm_head|score|multiple_choice_head)\b.*"),
)
