"""MERBench's attention over any number of feature sets (MER 2024's release), not softmaxed."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.models.fusion.attention_merbench import weights
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN
from mer_jax.models.layers import ATTENTION, SOWN, Batch, utterance_vectors
from mer_jax.models.modality_encoders import MLPEncoder


class AttentionTopn(nn.Module):
    """z = sum_i w_i h_i over the inputs that `modalities` names, however many, in that order.

    The weights come of a stack over all h_i, as in `attention_merbench`. An input may be named
    twice: each gets an encoder of its own.
    """

    SETTINGS: ClassVar = (HIDDEN, DROPOUT)
    MANY_SETS: ClassVar = True
    modalities: tuple[str, ...]
    hidden: int

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch."""
        rate, vectors = settings["dropout"], utterance_vectors(batch)
        h = [
            MLPEncoder(self.hidden, name=f"encoder{i}")(vectors[m], rate, train)
            for i, m in enumerate(self.modalities)
        ]
        w_BxN = weights(h, self.hidden, rate, train)
        names = [
            m if self.modalities.count(m) == 1 else f"{m} {self.modalities[:i].count(m) + 1}"
            for i, m in enumerate(self.modalities)
        ]
        self.sow(SOWN, ATTENTION, dict(zip(names, w_BxN.T, strict=True)))
        return jnp.einsum("bhn,bn->bh", jnp.stack(h, axis=-1), w_BxN), {}
