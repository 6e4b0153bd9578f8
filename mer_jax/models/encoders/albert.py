"""ALBERT (Lan et al. 2020): BERT's encoder whose layers share their weights."""

import re
from typing import NamedTuple

from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from mer_jax.models.encoders import text
from mer_jax.models.encoders.encoder import Part, Plan
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import Attention, LayerNorm, Linear, feed_forward


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults."""

    vocab_size: int = 30000
    embedding_size: int = 128
    hidden_size: int = 4096
    num_hidden_layers: int = 12
    num_hidden_groups: int = 1  # of layers with the same weights
    inner_group_num: int = 1  # layers of a group that is run once
    num_attention_heads: int = 64
    intermediate_size: int = 16384
    hidden_act: str = "gelu_new"
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12


class Front(nn.Module):
    """Narrow vectors of tokens, positions and the first segment, normalised and widened."""

    settings: Settings

    @nn.compact
    def __call__(self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]):
        """The first layer's input [B, T, D] and its mask."""
        settings = self.settings
        counts = text.Tables(
            settings.vocab_size, settings.type_vocab_size, settings.max_position_embeddings
        )
        x = text.embedded(tokens, counts, settings.embedding_size)
        x = LayerNorm(settings.layer_norm_eps, name="embeddings.LayerNorm")(x)
        return Linear(settings.hidden_size, name="encoder.embedding_hidden_mapping_in")(x), mask


class Group(nn.Module):
    """Layers of attention and two dense ones, each added to its input and normalised."""

    settings: Settings

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """The next hidden state."""
        for i in range(self.settings.inner_group_num):
            x = self._layer(f"albert_layers.{i}", x, mask)
        return x

    def _layer(self, name, x, mask):
        settings = self.settings
        epsilon = settings.layer_norm_eps
        attention = Attention(
            settings.num_attention_heads,
            names=("query", "key", "value", "dense"),
            name=f"{name}.attention",
        )
        x = LayerNorm(epsilon, name=f"{name}.attention.LayerNorm")(x + attention(x, mask))
        names = f"{name}.ffn", f"{name}.ffn_output"
        dense = feed_forward(x, settings.intermediate_size, settings.hidden_act, names)
        return LayerNorm(epsilon, name=f"{name}.full_layer_layer_norm")(x + dense)


def plan(settings: Settings) -> Plan:
    """The encoder's parts, of which many have the same weights."""
    groups, layers = settings.num_hidden_groups, settings.num_hidden_layers
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(
            Part(Group(settings), f"encoder.albert_layer_groups.{i * groups // layers}.")
            for i in range(layers)
        ),
        size=settings.hidden_size,
        longest=settings.max_position_embeddings,
        example=text.EXAMPLE,
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("albert.",),
    unused=re.compile(
        r"embeddings\.(position|token_type)_ids"
        r"|(pooler|predictions|sop_classifier|classifier|qa_outputs)\b.*"
    ),
    prepare=text.prepare,
)
