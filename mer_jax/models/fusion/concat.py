"""The encoders' hidden vectors side by side: fusion without weighting."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.models.fusion.shared import DROPOUT, HIDDEN
from mer_jax.models.layers import Batch, Encoder, utterance_vectors


class ConcatFusion(nn.Module):
    """z = [h_1, ..., h_M], so that the heads weigh every hidden unit themselves."""

    SETTINGS: ClassVar = (HIDDEN, DROPOUT)
    modalities: tuple[str, ...]
    hidden: int

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B MH"], dict]:
        """The concatenated hidden vectors of a batch."""
        vectors = utterance_vectors(batch)
        h = [
            Encoder((self.hidden,), name=m)(vectors[m], settings["dropout"], train)
            for m in self.modalities
        ]
        return jnp.concatenate(h, axis=-1), {}
