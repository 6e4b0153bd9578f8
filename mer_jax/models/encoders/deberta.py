"""DeBERTa and DeBERTa-v2 (He et al. 2021): attention to what tokens are and how far apart."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from mer_jax.errors import InputError
from mer_jax.models.encoders import text
from mer_jax.models.encoders.encoder import Part, Plan
from mer_jax.models.encoders.family import Family, Tensors
from mer_jax.models.encoders.layers import (
    Convolution,
    Embedding,
    LayerNorm,
    Linear,
    activation,
    attend,
)

_CONTENT_TO_POSITION, _POSITION_TO_CONTENT = "c2p", "p2c"


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults."""

    model_type: str = "deberta"
    vocab_size: int = 50265
    embedding_size: int = 0  # 0: as the hidden size
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    max_position_embeddings: int = 512
    type_vocab_size: int = 0
    layer_norm_eps: float = 1e-7
    position_biased_input: bool = True
    relative_attention: bool = False
    max_relative_positions: int = -1  # below 1: as the positions
    pos_att_type: tuple[str, ...] = ()
    talking_head: bool = False
    # Of the second version alone:
    position_buckets: int = -1
    share_att_key: bool = False
    norm_rel_ebd: str = "none"
    conv_kernel_size: int = 0
    conv_groups: int = 1
    conv_act: str = "tanh"

    @property
    def is_second(self) -> bool:
        """Whether it is DeBERTa-v2, or v3, which has its form."""
        return self.model_type == "deberta-v2"

    @property
    def farthest(self) -> int:
        """The largest distance that is told apart, or put into a bucket of its own."""
        most = self.max_relative_positions
        return most if most > 0 else self.max_position_embeddings

    @property
    def is_bucketed(self) -> bool:
        """Whether far distances share rows of the table of distances."""
        return self.is_second and self.position_buckets > 0

    @property
    def span(self) -> int:
        """Half the rows of the table of distances."""
        return self.position_buckets if self.is_bucketed else self.farthest


class Front(nn.Module):
    """Vectors of tokens, normalised, and the table of distances that all layers take."""

    settings: Settings

    @nn.compact
    def __call__(self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]):
        """The first layer's input [B, T, D], its mask, and vectors of distances [P, D] if any."""
        settings = self.settings
        size, epsilon = settings.hidden_size, settings.layer_norm_eps
        positions = settings.max_position_embeddings if settings.position_biased_input else 0
        counts = text.Tables(settings.vocab_size, settings.type_vocab_size, positions)
        narrow = settings.embedding_size or size
        x = text.embedded(tokens, counts, narrow)
        if narrow != size:
            x = Linear(size, use_bias=False, name="embeddings.embed_proj")(x)
        x = LayerNorm(epsilon, name="embeddings.LayerNorm")(x)
        x = jnp.where(mask[..., None], x, 0)
        if not settings.relative_attention:
            return x, mask
        distances = Embedding(2 * settings.span, size, name="encoder.rel_embeddings")()
        if settings.is_second and "layer_norm" in settings.norm_rel_ebd.lower():
            distances = LayerNorm(epsilon, name="encoder.LayerNorm")(distances)
        return x, mask, distances


def rows_of_distances(length: int, settings: Settings) -> np.ndarray:
    """The table's row for each pair of a token that attends and one attended to: [T, T]."""
    distance = np.arange(length)[:, None] - np.arange(length)[None]
    if settings.is_bucketed:  # the wider the farther
        half = settings.span // 2
        away = np.maximum(np.abs(distance), half).astype(np.float32)
        widest = np.log(np.float32((settings.farthest - 1) / half))
        bucket = np.ceil(np.log(away / half) / widest * (half - 1)) + half
        distance = np.where(np.abs(distance) <= half, distance, bucket * np.sign(distance))
    return np.clip(distance + settings.span, 0, 2 * settings.span - 1).astype(np.int32)


class DisentangledAttention(nn.Module):
    """Attention by content, by the distance for the content, and by the content for the distance.

    Equation 4 of the paper, with the projections of either version.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        distances: Float[Array, "P D"] | None = None,
    ) -> Float[Array, "B T D"]:
        """What is attended to, before the output's projection."""
        settings = self.settings
        kinds = settings.pos_att_type
        if settings.is_second:
            kinds = {_CONTENT_TO_POSITION, _POSITION_TO_CONTENT} & set(kinds)
        heads = settings.num_attention_heads
        damping = (1 + len(kinds)) ** -0.5
        projections = self._second if settings.is_second else self._first
        query, key, value, of_keys, of_queries = projections(x, distances)
        scores = []
        rows_1x1xTxT = rows_of_distances(x.shape[1], settings)[None, None]
        if of_keys is not None:
            score = self._by_head(query, of_keys)
            scores.append(jnp.take_along_axis(score, rows_1x1xTxT, -1))
        if of_queries is not None:
            score = self._by_head(key, of_queries)
            score = jnp.take_along_axis(score, rows_1x1xTxT.swapaxes(-1, -2), -1)
            scores.append(score.swapaxes(-1, -2))
        bias = sum(scores) * damping * (x.shape[-1] / heads) ** -0.5 if scores else None
        return attend(query * damping, key, value, heads, mask, bias)

    def _by_head(self, x, distances):
        """Each head's products of a token and a distance: [B, H, T, P]."""
        heads = self.settings.num_attention_heads
        x_BxTxHxD = x.reshape(*x.shape[:2], heads, -1)
        return jnp.einsum("bthd,phd->bhtp", x_BxTxHxD, distances.reshape(len(distances), heads, -1))

    def _first(self, x, distances):
        size, heads = self.settings.hidden_size, self.settings.num_attention_heads

        def bias(name):
            return self.param(name, nn.initializers.zeros, (size,))[None, None]

        joint = Linear(3 * size, use_bias=False, name="in_proj")(x)
        joint = joint.reshape(*x.shape[:2], heads, 3, -1)
        query, key, value = (joint[..., i, :].reshape(x.shape) for i in range(3))
        of_keys = of_queries = None
        if distances is not None and _CONTENT_TO_POSITION in self.settings.pos_att_type:
            of_keys = Linear(size, use_bias=False, name="pos_proj")(distances)
        if distances is not None and _POSITION_TO_CONTENT in self.settings.pos_att_type:
            of_queries = Linear(size, name="pos_q_proj")(distances)
        return query + bias("q_bias"), key, value + bias("v_bias"), of_keys, of_queries

    def _second(self, x, distances):
        settings = self.settings

        def linear(name):
            return Linear(settings.hidden_size, name=name)

        of_query, of_key = linear("query_proj"), linear("key_proj")
        of_keys = of_queries = None
        if distances is not None and _CONTENT_TO_POSITION in settings.pos_att_type:
            project = of_key if settings.share_att_key else linear("pos_key_proj")
            of_keys = project(distances)
        if distances is not None and _POSITION_TO_CONTENT in settings.pos_att_type:
            project = of_query if settings.share_att_key else linear("pos_query_proj")
            of_queries = project(distances)
        return of_query(x), of_key(x), linear("value_proj")(x), of_keys, of_queries


class Layer(nn.Module):
    """BERT's layer with disentangled attention."""

    settings: Settings

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        distances: Float[Array, "P D"] | None = None,
    ) -> Float[Array, "B T D"]:
        """The next hidden state."""
        attention = DisentangledAttention(self.settings, name="attention.self")
        output = Linear(self.settings.hidden_size, name="attention.output.dense")
        return text.finished(self.settings, x, output(attention(x, mask, distances)))


class ConvolvedLayer(nn.Module):
    """The first layer of a DeBERTa-v2 that convolves what comes into it."""

    settings: Settings
    name_in_files: str

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        distances: Float[Array, "P D"] | None = None,
    ) -> Float[Array, "B T D"]:
        """The next hidden state, 0 where nothing is."""
        settings = self.settings
        after = Layer(settings, name=self.name_in_files)(x, mask, distances)
        kernel = settings.conv_kernel_size
        near = Convolution(
            settings.hidden_size,
            (kernel,),
            padding=(kernel - 1) // 2,
            groups=settings.conv_groups,
            name="encoder.conv.conv",
        )(x)
        near = activation(settings.conv_act)(jnp.where(mask[..., None], near, 0))
        x = LayerNorm(settings.layer_norm_eps, name="encoder.conv.LayerNorm")(after + near)
        return jnp.where(mask[..., None], x, 0)


def plan(settings: Settings) -> Plan:
    """The encoder's parts; raises InputError for talking heads, which no published model has."""
    if settings.talking_head:
        raise InputError("talking_head=True is not here; DeBERTa's published models have none")
    names = [f"encoder.layer.{i}" for i in range(settings.num_hidden_layers)]
    layers = [Part(Layer(settings), f"{name}.") for name in names]
    if settings.is_second and settings.conv_kernel_size > 0:
        layers[0] = Part(ConvolvedLayer(settings, names[0]))
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(layers),
        size=settings.hidden_size,
        longest=settings.max_position_embeddings,
        example=text.EXAMPLE,
    )


_SECOND = {  # transformers' defaults of the second version, where they are not the first's
    "vocab_size": 128100,
    "hidden_size": 1536,
    "num_hidden_layers": 24,
    "num_attention_heads": 24,
    "intermediate_size": 6144,
}


def _with_defaults(config: Mapping, tensors: Tensors) -> Mapping:
    said = text.with_defaults(config, _SECOND if config["model_type"] == "deberta-v2" else {})
    kinds = said.get("pos_att_type", ())
    if isinstance(kinds, str):
        kinds = [kind.strip() for kind in kinds.lower().split("|")]
    return {**said, "pos_att_type": kinds}


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("deberta.",),
    unused=re.compile(
        r"embeddings\.position_(ids|embeddings\..*)"
        r"|(pooler|cls|lm_predictions|lm_head|mask_predictions|classifier|qa_outputs)\b.*"
    ),
    prepare=text.prepare,
    config=_with_defaults,
)
