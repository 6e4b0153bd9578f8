"""The attention that the challenge's published code runs: layer stacks, weights without softmax."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.models.fusion.shared import DROPOUT, LAYERS
from mer_jax.models.layers import (
    ATTENTION,
    SOWN,
    Batch,
    Encoder,
    TorchDense,
    utterance_vectors,
)


def three_branches(modalities: tuple[str, ...]) -> tuple[str, ...]:
    """The release always feeds three branches: one modality thrice, or the second of two twice."""
    return (modalities + modalities[-1:] * 2)[:3]


class AttentionReleaseFusion(nn.Module):
    """z = sum_m alpha_m h_m with alpha a linear map of a stack over all hidden vectors.

    Each branch encodes by a stack of its own, also where two branches read one modality.
    """

    SETTINGS: ClassVar = (LAYERS, DROPOUT)
    modalities: tuple[str, ...]
    layers: tuple[int, ...]

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch."""
        vectors, rate = utterance_vectors(batch), settings["dropout"]
        branches = three_branches(self.modalities)
        h = [
            Encoder(self.layers, name=f"branch_{i}")(vectors[m], rate, train)
            for i, m in enumerate(branches)
        ]
        attended_BxH = Encoder(self.layers, name="attention")(jnp.concatenate(h, -1), rate, train)
        alpha_BxM = TorchDense(len(branches), name="alpha")(attended_BxH)
        seen = [branches[:i].count(m) for i, m in enumerate(branches)]
        names = [f"{m} {n + 1}" if n else m for m, n in zip(branches, seen, strict=True)]
        self.sow(SOWN, ATTENTION, dict(zip(names, alpha_BxM.T, strict=True)))
        return jnp.einsum("bhm,bm->bh", jnp.stack(h, axis=-1), alpha_BxM), {}
