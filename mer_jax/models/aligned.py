"""Frames of several modalities side by side, for models that read all of them step by step."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from mer_jax.models.layers import Batch
from mer_jax.models.recurrent import time_first

ORDER = ("text", "audio", "video")  # in which the release's sequence models take modalities
LETTERS = {"text": "l", "audio": "a", "video": "v"}  # how their parameters are named


class Aligned(NamedTuple):
    """A batch's frames by modality in ORDER, time first and of equal length.

    A modality that has fewer frames than another in a clip keeps its last state after its own.
    Without masks, as the release has it, every frame counts, padding as well.
    """

    frames: dict[str, Array]  # float32 [T, B, D]
    masks: dict[str, Array] | None  # bool [T, B]

    @property
    def mask(self) -> Array | None:
        """Where any modality has a frame: bool [T, B]."""
        if self.masks is None:
            return None
        return jnp.stack(list(self.masks.values())).any(0)

    def listed_masks(self) -> list[Array] | None:
        """The modalities' masks in order."""
        return None if self.masks is None else list(self.masks.values())


def aligned(batch: Batch, release: bool) -> Aligned:
    """The batch's frames as models take them that go over all modalities step by step.

    `release` takes padding as data. Otherwise padded frames are zero, whatever they hold.
    """
    names = [name for name in ORDER if name in batch.features]
    longest = max(batch.features[name].shape[1] for name in names)
    frames, masks = {}, {}
    for name in names:
        x, mask = batch.features[name], batch.frame_mask[name]
        missing = longest - x.shape[1]
        if not release:
            x = jnp.where(mask[..., None], x, 0)
        frames[name] = time_first(jnp.pad(x, ((0, 0), (0, missing), (0, 0))))
        masks[name] = time_first(jnp.pad(mask, ((0, 0), (0, missing))))
    return Aligned(frames, None if release else masks)


def frame_weight(
    mask_TxB: Array | None, row_weight: Float[Array, "B"], frames: int
) -> Float[Array, "T B"]:
    """How much each frame counts in a mean over a batch: its row's weight, 0 for padding."""
    weight_TxB = jnp.broadcast_to(row_weight, (frames, len(row_weight)))
    return weight_TxB if mask_TxB is None else jnp.where(mask_TxB, weight_TxB, 0)


def mean_square(
    difference_TxBxD: Float[Array, "T B D"], weight_TxB: Float[Array, "T B"]
) -> Float[Array, ""]:
    """The mean of squares over all entries of the frames that count; 0 where none does."""
    total = (weight_TxB[..., None] * difference_TxBxD**2).sum()
    count = weight_TxB.sum() * difference_TxBxD.shape[-1]
    return total / jnp.maximum(count, 1)
