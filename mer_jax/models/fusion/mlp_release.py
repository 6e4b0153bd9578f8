"""The stack that the challenge's published code runs for one modality: over three copies of it."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.models.fusion.attention_release import three_branches
from mer_jax.models.fusion.shared import DROPOUT, LAYERS
from mer_jax.models.layers import Batch, Encoder, utterance_vectors


class MlpReleaseFusion(nn.Module):
    """One stack over the three branches' features side by side."""

    SETTINGS: ClassVar = (LAYERS, DROPOUT)
    modalities: tuple[str, ...]
    layers: tuple[int, ...]

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The stack's hidden vectors of a batch."""
        vectors = utterance_vectors(batch)
        x_BxD = jnp.concatenate([vectors[m] for m in three_branches(self.modalities)], -1)
        return Encoder(self.layers, name="stack")(x_BxD, settings["dropout"], train), {}
