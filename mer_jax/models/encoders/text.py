"""BERT's encoder (Devlin et al. 2019), which RoBERTa, MacBERT, ELECTRA, LERT and PERT share.

They differ in training and in small things: RoBERTa counts positions from behind its padding
token, and the small ELECTRA has narrower embeddings.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from mer_jax.errors import InputError
from mer_jax.models.encoders.encoder import Part, Plan
from mer_jax.models.encoders.family import Family, Tensors
from mer_jax.models.encoders.layers import (
    Attention,
    Embedding,
    LayerNorm,
    Linear,
    feed_forward,
)


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults."""

    model_type: str = "bert"
    vocab_size: int = 30522
    hidden_size: int = 768
    embedding_size: int = 0  # ELECTRA's; 0: as the hidden size
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    position_embedding_type: str = "absolute"

    @property
    def first_position(self) -> int:
        """The first token's row of the position table."""
        return self.pad_token_id + 1 if self.model_type in _POSITIONS_BEHIND_PADDING else 0

    @property
    def longest(self) -> int:
        """The most tokens that have a position, the special ones among them."""
        return self.max_position_embeddings - self.first_position


_POSITIONS_BEHIND_PADDING = ("roberta", "xlm-roberta", "camembert")


EXAMPLE = jax.ShapeDtypeStruct((1, 8), jnp.int32), jax.ShapeDtypeStruct((1, 8), jnp.bool_)


class Tables(NamedTuple):
    """How many rows the tables of a text's vectors have; 0: there is no such table."""

    words: int
    segments: int
    positions: int


def embedded(
    tokens: Int[Array, "B T"], counts: Tables, size: int, first: int = 0
) -> Float[Array, "B T D"]:
    """The sum of a token's, the first segment's and its position's vectors, not yet normalised.

    The tables become submodules of the module that calls it; `first` is the first token's row of
    the positions.
    """

    def table(name, count):
        return Embedding(count, size, name=f"embeddings.{name}_embeddings")()

    x = table("word", counts.words)[tokens]
    if counts.segments:
        x = x + table("token_type", counts.segments)[0][None, None]
    if counts.positions:
        positions = table("position", counts.positions)
        x = x + positions[first : first + tokens.shape[1]][None]
    return x


def finished(settings, x: Float[Array, "B T D"], attended: Float[Array, "B T D"]):
    """What BERT's layer makes of its input and what that attends to: [B, T, D].

    The weights become submodules of the module that calls it.
    """
    epsilon = settings.layer_norm_eps
    x = LayerNorm(epsilon, name="attention.output.LayerNorm")(x + attended)
    dense = feed_forward(
        x, settings.intermediate_size, settings.hidden_act, ("intermediate.dense", "output.dense")
    )
    return LayerNorm(epsilon, name="output.LayerNorm")(x + dense)


class Front(nn.Module):
    """A token's, its position's and the first segment's vectors, added and normalised."""

    settings: Settings

    @nn.compact
    def __call__(self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]):
        """The first layer's input [B, T, D] and its mask."""
        settings = self.settings
        size = settings.embedding_size or settings.hidden_size
        counts = Tables(
            settings.vocab_size, settings.type_vocab_size, settings.max_position_embeddings
        )
        x = embedded(tokens, counts, size, settings.first_position)
        x = LayerNorm(settings.layer_norm_eps, name="embeddings.LayerNorm")(x)
        if size != settings.hidden_size:
            x = Linear(settings.hidden_size, name="embeddings_project")(x)
        return x, mask


class Layer(nn.Module):
    """Attention and two dense layers, each added to its input and normalised."""

    settings: Settings

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """The next hidden state."""
        attention = Attention(
            self.settings.num_attention_heads,
            names=("self.query", "self.key", "self.value", "output.dense"),
            name="attention",
        )
        return finished(self.settings, x, attention(x, mask))


def plan(settings: Settings) -> Plan:
    """The encoder's parts; raises InputError for positions that are not a table's."""
    if settings.position_embedding_type != "absolute":
        raise InputError(
            f"position_embedding_type={settings.position_embedding_type!r} is not here; of BERT's "
            "positions there are the absolute ones alone"
        )
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(
            Part(Layer(settings), f"encoder.layer.{i}.") for i in range(settings.num_hidden_layers)
        ),
        size=settings.hidden_size,
        longest=settings.longest,
        example=EXAMPLE,
    )


def prepare(tensors: Tensors) -> Tensors:
    """The weights by today's names: the oldest checkpoints have TensorFlow's gamma and beta."""
    return {
        re.sub(
            r"LayerNorm\.(gamma|beta)$",
            lambda found: f"LayerNorm.{'weight' if found[1] == 'gamma' else 'bias'}",
            name,
        ): tensor
        for name, tensor in tensors.items()
    }


_BEHIND_PADDING = {"pad_token_id": 1}
_DEFAULTS = {  # of transformers, where they are not BERT's
    **dict.fromkeys(_POSITIONS_BEHIND_PADDING, _BEHIND_PADDING),
    "electra": {
        "embedding_size": 128,
        "hidden_size": 256,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
    },
}


def with_defaults(config: Mapping, defaults: Mapping) -> Mapping:
    """What a config says, and not as null, over the defaults of its kind of model."""
    return {**defaults, **{key: value for key, value in config.items() if value is not None}}


def _with_own_defaults(config: Mapping, tensors: Tensors) -> Mapping:
    return with_defaults(config, _DEFAULTS.get(config["model_type"], {}))


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("bert.", "roberta.", "electra."),
    unused=re.compile(
        r"embeddings\.(position|token_type)_ids|(pooler|cls|lm_head|classifier|qa_outputs"
        r"|discriminator_predictions|generator_predictions|generator_lm_head)\b.*"
    ),
    prepare=prepare,
    config=_with_own_defaults,
)
