"""One modality's encoder and nothing to fuse (the paper's Eq. 1)."""

from typing import ClassVar

from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.models.fusion.shared import DROPOUT, HIDDEN
from mer_jax.models.layers import Batch, Encoder, utterance_vectors


class Unimodal(nn.Module):
    """h = ReLU(f W_h + b_h) of the one modality, dropout on h."""

    SETTINGS: ClassVar = (HIDDEN, DROPOUT)
    modalities: tuple[str, ...]
    hidden: int

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The hidden vectors of a batch."""
        (modality,) = self.modalities
        x_BxD = utterance_vectors(batch)[modality]
        return Encoder((self.hidden,), name=modality)(x_BxD, settings["dropout"], train), {}
