"""MERBench's own baseline: the modalities summed with weights that a stack gives, not softmaxed."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.models.fusion.shared import DROPOUT, ENCODER, HIDDEN, RELEASE
from mer_jax.models.layers import ATTENTION, SOWN, Batch, TorchDense
from mer_jax.models.modality_encoders import MLPEncoder, encoded


class AttentionMerbench(nn.Module):
    """z = sum_m w_m h_m, w = a dense layer of a stack over all h_m (arXiv 2401.03429, release).

    The weights are neither positive nor do they sum to 1, by design.
    """

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
        h = list(encoded(self, batch, rate, train).values())
        w_BxM = weights(h, self.hidden, rate, train)
        self.sow(SOWN, ATTENTION, dict(zip(self.modalities, w_BxM.T, strict=True)))
        return jnp.einsum("bhm,bm->bh", jnp.stack(h, axis=-1), w_BxM), {}


def weights(h: list, hidden: int, rate, train: bool) -> Float[Array, "B M"]:
    """A weight for each of the M vectors `h`, [B, H] each; called inside a fusion's `__call__`."""
    attended = MLPEncoder(hidden, name="attention_mlp")(jnp.concatenate(h, axis=-1), rate, train)
    return TorchDense(len(h), name="fc_att")(attended)
