"""Frames as a program sees them: clips of unlike lengths, padded a batch at a time, with a mask."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from mer_jax.data.rows import Frames


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DeviceFrames:
    """Clips on the device, their frames one after another without padding.

    A batch of them is padded to as many frames as its program says, or to the longest clip of all.
    """

    values: Any  # array float32 [R, D]
    start: Any  # array int32 [N]
    length: Any  # array int32 [N]: frames of each clip
    blank: Any  # array int32 [N]: places in time before them
    longest: int = dataclasses.field(metadata={"static": True})

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, T, D), T being the frames of the longest clip."""
        return len(self.length), self.longest, self.values.shape[1]

    def padded(
        self, index: Int[Array, "B"], frames: int = 0
    ) -> tuple[Float[Array, "B T D"], Bool[Array, "B T"]]:
        """Some clips as float32 with zeros around them, and the mask of their frames.

        T is `frames`, or by default the longest clip's.
        """
        frame_1xT = jnp.arange(frames or self.longest)[None, :] - self.blank[index][:, None]
        mask_BxT = (frame_1xT >= 0) & (frame_1xT < self.length[index][:, None])
        place_BxT = jnp.where(mask_BxT, self.start[index][:, None] + frame_1xT, 0)
        values_BxTxD = self.values[place_BxT].astype(jnp.float32)
        return jnp.where(mask_BxT[..., None], values_BxTxD, 0), mask_BxT


@jax.tree_util.register_pytree_node_class
class HostFrames:
    """Clips that stay on the host: a step fetches the frames of its batch (see HostRows)."""

    def __init__(self, frames: Frames):
        self._frames = frames

    def tree_flatten(self):
        """No leaves; itself as structure."""
        return (), self

    @classmethod
    def tree_unflatten(cls, frames, _):
        """The structure is the clips."""
        return frames

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, T, D), T being the frames of the longest clip."""
        return self._frames.shape

    def padded(
        self, index: Int[Array, "B"], frames: int = 0
    ) -> tuple[Float[Array, "B T D"], Bool[Array, "B T"]]:
        """As DeviceFrames.padded."""
        _, longest, size = self.shape
        frames = frames or longest
        shapes = (
            jax.ShapeDtypeStruct((*index.shape, frames, size), jnp.float32),
            jax.ShapeDtypeStruct((*index.shape, frames), jnp.bool_),
        )
        read = functools.partial(self._read, frames)
        return jax.pure_callback(read, shapes, index, vmap_method="broadcast_all")

    def _read(self, frames: int, index) -> tuple[np.ndarray, np.ndarray]:
        index = np.asarray(index)
        values, mask = self._frames[index.ravel()].padded(frames)
        return values.reshape(*index.shape, frames, -1), mask.reshape(*index.shape, frames)


def on_device(frames: Frames) -> DeviceFrames:
    """The clips as a program takes them from the device; 32-bit places, as JAX has them."""
    packed = frames.packed()
    return DeviceFrames(
        packed.values,
        packed.start.astype(np.int32),
        packed.length.astype(np.int32),
        packed.blank.astype(np.int32),
        frames.shape[1],
    )
