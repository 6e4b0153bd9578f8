"""Multimodal Transformer (Tsai et al., ACL 2019): every modality's frames ask every other's."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME
from mer_jax.errors import InputError
from mer_jax.models.aligned import LETTERS, ORDER
from mer_jax.models.crossmodal import CrossModalEncoder, Question, side_by_side
from mer_jax.models.crossmodal_layer import Sight
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN, NUM_LAYERS, RELEASE
from mer_jax.models.layers import (
    FRAME_ATTENTION,
    SOWN,
    Batch,
    TorchDense,
    product,
    torch_uniform,
)
from mer_jax.models.modality_encoders import dropped
from mer_jax.settings import AT_LEAST_1, Setting

_LEAST_MEMORY_LAYERS = 3  # of the encoders over what the cross-modal ones gave

NUM_HEADS = Setting("num_heads", 8, AT_LEAST_1, "mult: attention heads; they divide model.hidden")
KERNEL_SIZE = Setting("kernel_size", 1, AT_LEAST_1, "mult: frames of the first convolution")
POSITIONS = Setting("positions", False, doc="mult: sinusoidal positions, as in the paper")


class Mult(nn.Module):
    """z = a residual net of each modality's last frame after it asked the others, then itself.

    Frames may be aligned or have lengths of their own. A frame sees what is not later, by as many
    frames more as the lengths differ.
    """

    SETTINGS: ClassVar = (
        HIDDEN, NUM_LAYERS, NUM_HEADS, KERNEL_SIZE, POSITIONS, RELEASE, DROPOUT,
    )  # fmt: skip
    LEVEL: ClassVar = FRAME
    modalities: tuple[str, ...]
    hidden: int
    num_layers: int
    num_heads: int
    kernel_size: int
    positions: bool
    release: bool

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch, half as wide as `hidden`.

        Raises InputError for heads that do not divide `hidden`.
        """
        if self.hidden % self.num_heads:
            raise InputError(
                f"config.model.num_heads: {self.num_heads} heads do not divide "
                f"config.model.hidden, {self.hidden}"
            )
        rate = settings["dropout"]
        names = [name for name in ORDER if name in batch.features]
        frames = {name: self._projected(name, batch) for name in names}
        place = {name: jnp.cumsum(mask, axis=1) for name, (_, mask) in frames.items()}
        others = {name: [each for each in names if each != name] or [name] for name in names}
        asked = {}
        for name, of in others.items():
            x, mask = frames[name]
            for other in of:
                y, y_mask = frames[other]
                places = (place[name], place[other]) if self.positions else None
                sight = Sight(_visible(mask, y_mask))
                asked[_crossed(name, other)] = Question(x, y, sight, places)
        told = side_by_side(self, self._encoder(self.num_layers), asked, rate, train=train)
        asked = {}
        for name, of in others.items():
            x = jnp.concatenate([told[_crossed(name, other)][0] for other in of], axis=-1)
            mask = frames[name][1]
            last = mask.shape[1] - 1 - jnp.argmax(mask[:, ::-1], axis=1)
            places = (place[name], place[name]) if self.positions else None
            asked[_memory(name)] = Question(x, None, Sight(_visible(mask, mask), last), places)
        deep = self._encoder(max(self.num_layers, _LEAST_MEMORY_LAYERS))
        ended = side_by_side(self, deep, asked, rate, train=train)
        self.sow(SOWN, FRAME_ATTENTION, {name: ended[_memory(name)][1] for name in names})
        y = jnp.concatenate([ended[_memory(name)][0][:, 0] for name in names], axis=-1)
        size = y.shape[-1]
        inner = dropped(self, nn.relu(TorchDense(size, name="proj1")(y)), rate, train)
        y = y + TorchDense(size, name="proj2")(inner)
        return TorchDense(self.hidden // 2, name="out_layer")(y), {}

    def _encoder(self, layers: int) -> CrossModalEncoder:
        return CrossModalEncoder(layers, self.num_heads, self.release, parent=None)

    def _projected(self, name: str, batch: Batch) -> tuple[Array, Array]:
        """A modality's frames [B, L, H] after the convolution over time, and their mask [B, L].

        The release's is not padded, so that `kernel_size - 1` frames fewer come out, and takes all
        frames for data. Otherwise a window that begins at a clip's frame counts, and has zeros
        after the clip's end.
        """
        x, mask, size = batch.features[name], batch.frame_mask[name], self.kernel_size
        if self.release:  # which fails on clips shorter than a window: zeros in front, as all its
            x = jnp.pad(x, ((0, 0), (max(size - x.shape[1], 0), 0), (0, 0)))  # padding is
        else:
            x = jnp.where(mask[..., None], x, 0)
            x = jnp.pad(x, ((0, 0), (0, size - 1), (0, 0)))
        length = x.shape[1] - size + 1
        windows = jnp.concatenate([x[:, i : i + length] for i in range(size)], axis=-1)
        mask = jnp.ones(windows.shape[:2], bool) if self.release else mask
        kernel = _Windows(self.hidden, size, name=f"proj_{LETTERS[name]}")(x.shape[-1])
        return product(windows, kernel), mask


class _Windows(nn.Module):
    """The kernel of a convolution over `size` frames, without bias, as a matrix [size D, H]."""

    features: int
    size: int

    @nn.compact
    def __call__(self, width: int) -> Float[Array, "W H"]:
        """The matrix for inputs of `width`."""
        shape, fan_in = (self.size, width, self.features), self.size * width
        return self.param("kernel", torch_uniform, shape, fan_in).reshape(fan_in, -1)


def _crossed(name: str, other: str) -> str:
    """The name of the encoder in which one modality asks another."""
    return f"trans_{LETTERS[name]}_with_{LETTERS[other]}"


def _memory(name: str) -> str:
    """The name of the encoder in which a modality asks what it was told."""
    return f"trans_{LETTERS[name]}_mem"


def _visible(query: Array, key: Array) -> Array:
    """Which keys each query sees, bool [B, Lq, Lk], by masks [B, L] of the clips' frames.

    Frame i sees frame j of the clip where j - i <= |Lk - Lq|, the clip's own lengths.
    """
    i, j = jnp.cumsum(query, axis=1), jnp.cumsum(key, axis=1)
    more = jnp.abs(j[:, -1:] - i[:, -1:])
    return key[:, None, :] & (j[:, None, :] - i[:, :, None] <= more[:, :, None])
