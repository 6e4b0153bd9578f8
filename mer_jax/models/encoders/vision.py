"""Vision transformers over patches: CLIP's (Radford et al. 2021) and DINOv2 (Oquab et al. 2023).

An image of another size than the model was trained on gets its position vectors by bicubic
interpolation, as PyTorch makes it.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family, Tensors
from mer_jax.models.encoders.layers import (
    Attention,
    Convolution,
    Embedding,
    LayerNorm,
    Linear,
    feed_forward,
)

_DENSE = "mlp.fc1", "mlp.fc2"  # names of CLIP and DINOv2
_SHARPNESS = -0.75  # of PyTorch's cubic convolution


class ClipSettings(NamedTuple):
    """What config.json says of CLIP's vision part, with transformers' defaults."""

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    image_size: int = 224
    patch_size: int = 32
    projection_dim: int = 0  # of the space that CLIP shares with texts; 0: no weights for it


class Dinov2Settings(NamedTuple):
    """What config.json says of DINOv2, with transformers' defaults."""

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    mlp_ratio: float = 4.0
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-6
    image_size: int = 224
    patch_size: int = 14
    use_swiglu_ffn: bool = False


def _cubic(count: int, wanted: int) -> np.ndarray:
    """The matrix [wanted, count] that resamples a row of values; beyond its ends they repeat."""

    def weight(x):
        a, x = _SHARPNESS, np.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((x - 5) * x + 8) * x * a - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    place = (np.arange(wanted) + 0.5) * count / wanted - 0.5
    first = np.floor(place).astype(int)
    matrix = np.zeros((wanted, count), np.float32)
    for offset in range(-1, 3):
        column = np.clip(first + offset, 0, count - 1)
        np.add.at(matrix, (np.arange(wanted), column), weight(place - first - offset))
    return matrix


def positions_of(table_PxD: Float[Array, "P D"], height: int, width: int) -> Float[Array, "T D"]:
    """The class token's position vector and those of `height` x `width` patches."""
    side = round((table_PxD.shape[0] - 1) ** 0.5)
    if (height, width) == (side, side):
        return table_PxD
    grid = table_PxD[1:].reshape(side, side, -1)
    grid = jnp.einsum("hi,ijd->hjd", _cubic(side, height), grid)
    grid = jnp.einsum("wj,hjd->hwd", _cubic(side, width), grid)
    return jnp.concatenate([table_PxD[:1], grid.reshape(height * width, -1)])


def _patches(images, size, patch, **options):
    """Each patch's vector [B, H, W, D] of images [B, 3, H, W]."""
    channels_last = images.transpose(0, 2, 3, 1)
    return Convolution(size, (patch, patch), stride=patch, **options)(channels_last)


def _tokens(class_D, patches_BxHxWxD, table_PxD):
    """The class token before the patches, each with its position."""
    count, height, width, size = patches_BxHxWxD.shape
    patches_BxTxD = patches_BxHxWxD.reshape(count, height * width, size)
    class_Bx1xD = jnp.broadcast_to(class_D.reshape(1, 1, size), (count, 1, size))
    x = jnp.concatenate([class_Bx1xD, patches_BxTxD], axis=1)
    return x + positions_of(table_PxD, height, width)[None]


class ClipFront(nn.Module):
    """Patches, the class token and positions, normalised."""

    settings: ClipSettings

    @nn.compact
    def __call__(self, images: Float[Array, "B 3 H W"], mask: Bool[Array, "B W"]):
        """The first layer's input [B, T, D]; the mask is not asked."""
        settings = self.settings
        size, patch = settings.hidden_size, settings.patch_size
        x = _tokens(
            self.param("embeddings.class_embedding", nn.initializers.zeros, (size,)),
            _patches(images, size, patch, use_bias=False, name="embeddings.patch_embedding"),
            Embedding(
                (settings.image_size // patch) ** 2 + 1, size, name="embeddings.position_embedding"
            )(),
        )
        return (LayerNorm(settings.layer_norm_eps, name="pre_layrnorm")(x),)  # CLIP's spelling


class ClipLayer(nn.Module):
    """Attention and two dense layers over normalised input, each added to its input."""

    settings: ClipSettings

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        """The next hidden state."""
        settings = self.settings
        epsilon = settings.layer_norm_eps
        attention = Attention(settings.num_attention_heads, name="self_attn")
        x = x + attention(LayerNorm(epsilon, name="layer_norm1")(x))
        dense = LayerNorm(epsilon, name="layer_norm2")(x)
        return x + feed_forward(dense, settings.intermediate_size, settings.hidden_act, _DENSE)


class ClipPooled(nn.Module):
    """The class token, normalised, in the space shared with texts where the model has one."""

    settings: ClipSettings

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B P"]:
        """One vector an image; with a projection these are CLIP's image features."""
        x = LayerNorm(self.settings.layer_norm_eps, name="post_layernorm")(x[:, 0])
        if self.settings.projection_dim:
            x = Linear(self.settings.projection_dim, use_bias=False, name="visual_projection")(x)
        return x


class Dinov2Front(nn.Module):
    """Patches, the class token and positions."""

    settings: Dinov2Settings

    @nn.compact
    def __call__(self, images: Float[Array, "B 3 H W"], mask: Bool[Array, "B W"]):
        """The first layer's input [B, T, D]; the mask is not asked."""
        settings = self.settings
        size, patch = settings.hidden_size, settings.patch_size
        zeros = nn.initializers.zeros
        count = (settings.image_size // patch) ** 2 + 1
        return (
            _tokens(
                self.param("embeddings.cls_token", zeros, (1, 1, size)),
                _patches(images, size, patch, name="embeddings.patch_embeddings.projection"),
                self.param("embeddings.position_embeddings", zeros, (1, count, size))[0],
            ),
        )


class Dinov2Layer(nn.Module):
    """Attention and dense layers over normalised input, each scaled and added to its input."""

    settings: Dinov2Settings

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        """The next hidden state."""
        settings = self.settings
        epsilon = settings.layer_norm_eps
        attention = Attention(
            settings.num_attention_heads,
            names=("attention.query", "attention.key", "attention.value", "output.dense"),
            name="attention",
        )

        def scale(i):
            ones = nn.initializers.ones
            scale_D = self.param(f"layer_scale{i}.lambda1", ones, (settings.hidden_size,))
            return scale_D.reshape(1, 1, -1)

        x = x + scale(1) * attention(LayerNorm(epsilon, name="norm1")(x))
        return x + scale(2) * self._dense(LayerNorm(epsilon, name="norm2")(x))

    def _dense(self, x):
        settings = self.settings
        size = int(settings.hidden_size * settings.mlp_ratio)
        if settings.use_swiglu_ffn:
            size = (int(size * 2 / 3) + 7) // 8 * 8
            gate, x = jnp.split(Linear(2 * size, name="mlp.weights_in")(x), 2, axis=-1)
            return Linear(settings.hidden_size, name="mlp.weights_out")(nn.silu(gate) * x)
        return feed_forward(x, size, settings.hidden_act, _DENSE)


class Dinov2Pooled(nn.Module):
    """The class token, normalised."""

    settings: Dinov2Settings

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B D"]:
        """One vector an image."""
        return LayerNorm(self.settings.layer_norm_eps, name="layernorm")(x[:, 0])


def clip_plan(settings: ClipSettings) -> Plan:
    """The parts of CLIP's vision transformer."""
    return Plan(
        front=Part(ClipFront(settings)),
        layers=tuple(
            Part(ClipLayer(settings), f"encoder.layers.{i}.")
            for i in range(settings.num_hidden_layers)
        ),
        pooled=Part(ClipPooled(settings)),
        size=settings.hidden_size,
        pooled_size=settings.projection_dim,
        example=example(3, settings.image_size, settings.image_size),
    )


def dinov2_plan(settings: Dinov2Settings) -> Plan:
    """The parts of DINOv2."""
    return Plan(
        front=Part(Dinov2Front(settings)),
        layers=tuple(
            Part(Dinov2Layer(settings), f"encoder.layer.{i}.")
            for i in range(settings.num_hidden_layers)
        ),
        pooled=Part(Dinov2Pooled(settings)),
        size=settings.hidden_size,
        example=example(3, settings.image_size, settings.image_size),
    )


_PROJECTION = "visual_projection.weight"


def _clip_config(config: Mapping, tensors: Tensors) -> Mapping:
    """The vision part of a config, with the projection's size where its weights are there."""
    vision = config.get("vision_config") or config
    size = config.get("projection_dim") or vision.get("projection_dim") or 512  # CLIPConfig's
    return {**vision, "projection_dim": size if _PROJECTION in tensors else 0}


CLIP = Family(
    settings=ClipSettings,
    plan=clip_plan,
    prefixes=("vision_model.",),
    beside=(_PROJECTION,),
    unused=re.compile(r"embeddings\.position_ids"),
    config=_clip_config,
)
DINOV2 = Family(
    settings=Dinov2Settings,
    plan=dinov2_plan,
    prefixes=("dinov2.",),
    unused=re.compile(r"embeddings\.mask_token|classifier\..*"),
)
