"""wav2vec 2.0, HuBERT and WavLM: convolutions over samples, then a transformer over frames.

Baevski et al. 2020, Hsu et al. 2021, Chen et al. 2022. The base models normalise the first
convolution's channels over the clip and each layer's output; the large ones normalise every
convolution's frames and each layer's input. Padding reaches no frame of a clip: the statistics
over the clip, the positional convolution and the attention are masked.
"""

import math
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family, Tensors
from mer_jax.models.encoders.layers import (
    Attention,
    ChannelNorm,
    Convolution,
    Embedding,
    LayerNorm,
    Linear,
    activation,
    feed_forward,
)


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults."""

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-5
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    do_stable_layer_norm: bool = False
    feat_proj_layer_norm: bool = True
    num_buckets: int = 320  # WavLM's
    max_bucket_distance: int = 800
    model_type: str = "wav2vec2"

    @property
    def is_wavlm(self) -> bool:
        """Whether attention has WavLM's gated relative positions."""
        return self.model_type == "wavlm"


def frames(settings, samples):
    """How many frames the convolutions make of so many samples."""
    for kernel, stride in zip(settings.conv_kernel, settings.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def samples_of_a_frame(settings) -> int:
    """How many samples one frame takes."""
    samples = 1
    layers = list(zip(settings.conv_kernel, settings.conv_stride, strict=True))
    for kernel, stride in reversed(layers):
        samples = (samples - 1) * stride + kernel
    return samples


class Front(nn.Module):
    """Samples to the first layer's input, its frames' mask, and WavLM's position bias."""

    settings: Settings

    @nn.compact
    def __call__(self, samples: Float[Array, "B S"], mask: Bool[Array, "B S"]):
        """The frames [B, T, D], their mask [B, T], and for WavLM the bias [H, T, T]."""
        settings = self.settings
        x, mask_BxT = self._convolve(samples[..., None], mask.sum(1))
        if settings.feat_proj_layer_norm:
            x = LayerNorm(settings.layer_norm_eps, name="feature_projection.layer_norm")(x)
        x = Linear(settings.hidden_size, name="feature_projection.projection")(x)
        x = jnp.where(mask_BxT[..., None], x, 0)
        kernel = settings.num_conv_pos_embeddings
        positions = Convolution(
            settings.hidden_size,
            (kernel,),
            padding=kernel // 2,
            groups=settings.num_conv_pos_embedding_groups,
            name="encoder.pos_conv_embed.conv",
        )(x)[:, : x.shape[1]]
        x = x + activation(settings.feat_extract_activation)(positions)
        if not settings.do_stable_layer_norm:
            x = LayerNorm(settings.layer_norm_eps, name="encoder.layer_norm")(x)
        if not settings.is_wavlm:
            return x, mask_BxT
        table_VxH = Embedding(settings.num_buckets, settings.num_attention_heads, name=_RELATIVE)()
        return x, mask_BxT, table_VxH[_buckets(x.shape[1], settings)].transpose(2, 0, 1)

    def _convolve(self, x, lengths):
        settings = self.settings
        layers = zip(settings.conv_dim, settings.conv_kernel, settings.conv_stride, strict=True)
        for i, (size, kernel, stride) in enumerate(layers):
            name = f"feature_extractor.conv_layers.{i}"
            x = Convolution(
                size, (kernel,), stride, use_bias=settings.conv_bias, name=f"{name}.conv"
            )(x)
            lengths = (lengths - kernel) // stride + 1
            if settings.feat_extract_norm == "layer":
                x = LayerNorm(name=f"{name}.layer_norm")(x)
            elif i == 0:
                x = ChannelNorm(name=f"{name}.layer_norm")(x, before(lengths, x.shape[1]))
            x = activation(settings.feat_extract_activation)(x)
        return x, before(lengths, x.shape[1])


def before(lengths, size):
    """The mask [B, T] of the frames before each row's length."""
    return jnp.arange(size)[None] < lengths[:, None]


def _buckets(size: int, settings: Settings) -> np.ndarray:
    """T5's buckets of the distances between frames, as numbers [T, T] (Raffel et al. 2020)."""
    distance = np.arange(size)[None] - np.arange(size)[:, None]
    half = settings.num_buckets // 2
    exact = half // 2  # so many distances have a bucket of their own
    away = np.abs(distance)
    with np.errstate(divide="ignore"):
        far = np.log(away.astype(np.float32) / exact)
    far = far / math.log(settings.max_bucket_distance / exact) * (half - exact)
    far = np.minimum(exact + np.maximum(far, 0).astype(np.int64), half - 1)
    return (distance > 0) * half + np.where(away < exact, away, far)


class Layer(nn.Module):
    """Attention and two dense layers, each added to its input."""

    settings: Settings

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        bias: Float[Array, "H T T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """The next hidden state."""
        settings = self.settings
        attention = Attention(settings.num_attention_heads, name="attention")
        before = LayerNorm(settings.layer_norm_eps, name="layer_norm")
        after = LayerNorm(settings.layer_norm_eps, name="final_layer_norm")
        if settings.do_stable_layer_norm:
            normed = before(x)
            x = x + attention(normed, mask, self._gated(bias, normed))
            return x + self._dense(after(x))
        x = before(x + attention(x, mask, self._gated(bias, x)))
        return after(x + self._dense(x))

    def _gated(self, bias, x):
        """The position bias as much as each head takes of it at each frame (Chen et al. 2022)."""
        if bias is None:
            return None
        heads = self.settings.num_attention_heads
        x_BxHxTxD = x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)
        gates = Linear(8, name="attention.gru_rel_pos_linear")(x_BxHxTxD)
        gates = jax.nn.sigmoid(gates.reshape(*gates.shape[:-1], 2, 4).sum(-1))
        scale = self.param("attention.gru_rel_pos_const", nn.initializers.ones, (1, heads, 1, 1))
        gate_BxHxT = gates[..., 0] * (gates[..., 1] * scale[..., 0] - 1) + 2
        return gate_BxHxT[..., None] * bias[None]

    def _dense(self, x):
        settings = self.settings
        names = "feed_forward.intermediate_dense", "feed_forward.output_dense"
        return feed_forward(x, settings.intermediate_size, settings.hidden_act, names)


def plan(settings: Settings) -> Plan:
    """The encoder's parts."""
    second = 16_000
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(
            Part(Layer(settings), f"encoder.layers.{i}.") for i in range(settings.num_hidden_layers)
        ),
        last=(
            Part(LayerNorm(settings.layer_norm_eps), "encoder.layer_norm.")
            if settings.do_stable_layer_norm
            else None
        ),
        example=example(second),
        size=settings.hidden_size,
        least=samples_of_a_frame(settings),
        frames=lambda samples: frames(settings, samples),
    )


# Of WavLM's layers the first alone has the table that all take; it is the front's here.
_RELATIVE = "encoder.relative_positions"
_RELATIVE_IN_FILES = "encoder.layers.0.attention.rel_attn_embed.weight"
_POSITIONAL = "encoder.pos_conv_embed.conv."
# The magnitude and the direction of the normalised kernel, as PyTorch 1 and 2 call them.
_NORMED = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


def prepare(tensors: Tensors) -> Tensors:
    """The weights with the positional convolution's kernel as one, and WavLM's table renamed."""
    found = dict(tensors)
    if _RELATIVE_IN_FILES in found:
        found[f"{_RELATIVE}.weight"] = found.pop(_RELATIVE_IN_FILES)
    for magnitude, direction in _NORMED:
        if {_POSITIONAL + magnitude, _POSITIONAL + direction} <= set(found):
            g = np.asarray(found.pop(_POSITIONAL + magnitude), np.float32)
            v = np.asarray(found.pop(_POSITIONAL + direction), np.float32)
            norm = np.sqrt(np.square(v).sum((0, 1), keepdims=True))
            found[f"{_POSITIONAL}weight"] = g * v / norm
    return found


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("wav2vec2.", "hubert.", "wavlm."),
    unused=re.compile(
        r"masked_spec_embed|quantizer\..*|project_(q|hid)\..*|(lm_head|final_proj|projector"
        r"|classifier|label_embs_concat)\b.*"
    ),
    prepare=prepare,
)
