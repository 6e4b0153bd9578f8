"""The paper's attention-weighted fusion (Eq. 4 and 5)."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.models.fusion.shared import DROPOUT, HIDDEN
from mer_jax.models.layers import (
    ATTENTION,
    SOWN,
    Batch,
    Encoder,
    torch_uniform,
    utterance_vectors,
)


class AttentionFusion(nn.Module):
    """alpha = softmax(h^T W_alpha + b_alpha), z = h alpha: one vector scores every modality.

    With one modality alpha is 1 and z is Eq. 1's h.
    """

    SETTINGS: ClassVar = (HIDDEN, DROPOUT)
    modalities: tuple[str, ...]
    hidden: int

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch."""
        vectors = utterance_vectors(batch)
        h_BxHxM = jnp.stack(
            [
                Encoder((self.hidden,), name=m)(vectors[m], settings["dropout"], train)
                for m in self.modalities
            ],
            axis=-1,
        )
        fan_in = self.hidden
        w_alpha_H = self.param("w_alpha", torch_uniform, (fan_in,), fan_in)
        b_alpha_M = self.param("b_alpha", torch_uniform, (len(self.modalities),), fan_in)
        score_BxM = jnp.einsum("bhm,h->bm", h_BxHxM, w_alpha_H)
        alpha_BxM = nn.softmax(score_BxM + jnp.broadcast_to(b_alpha_M, score_BxM.shape))
        self.sow(SOWN, ATTENTION, dict(zip(self.modalities, alpha_BxM.T, strict=True)))
        return jnp.einsum("bhm,bm->bh", h_BxHxM, alpha_BxM), {}
