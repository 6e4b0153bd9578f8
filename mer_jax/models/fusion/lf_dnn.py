"""Late fusion: the encoders' vectors side by side through two dense layers (MER 2024's release)."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.models.fusion.shared import DROPOUT, ENCODER, HIDDEN, RELEASE
from mer_jax.models.layers import Batch, TorchDense
from mer_jax.models.modality_encoders import AUDIO_VIDEO_TEXT, dropped, encoded, in_order


class LfDnn(nn.Module):
    """z = ReLU(W_2 ReLU(W_1 [h_a, h_v, h_t])), dropout on [h_a, h_v, h_t]."""

    SETTINGS: ClassVar = (HIDDEN, RELEASE, ENCODER, DROPOUT)
    LEVELS: ClassVar = (UTTERANCE, FRAME)
    modalities: tuple[str, ...]
    hidden: int
    release: bool
    encoder: str = "lstm"

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch."""
        rate = settings["dropout"]
        h = encoded(self, batch, rate, train)
        side_by_side = jnp.concatenate(in_order(h, AUDIO_VIDEO_TEXT), axis=-1)
        x = dropped(self, side_by_side, rate, train)
        for i in (1, 2):
            x = nn.relu(TorchDense(self.hidden, name=f"post_fusion_layer_{i}")(x))
        return x, {}
