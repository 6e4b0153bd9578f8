"""Memory Fusion Network (Zadeh et al., AAAI 2018): LSTMs side by side, watched by a memory."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME
from mer_jax.models import recurrent
from mer_jax.models.aligned import aligned
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN, RELEASE
from mer_jax.models.layers import FRAME_ATTENTION, SOWN, Batch
from mer_jax.models.memory import MEM_DIM, attended, prepared, remembered, two_layers


class Mfn(nn.Module):
    """z = a dense net of [h_l, h_a, h_v, u]: the LSTMs' last states and the memory's (section 3).

    At each frame a softmax over all cells before and after it chooses what the memory sees.
    """

    SETTINGS: ClassVar = (HIDDEN, MEM_DIM, RELEASE, DROPOUT)
    LEVEL: ClassVar = FRAME
    ALIGNED: ClassVar = True
    modalities: tuple[str, ...]
    hidden: int
    mem_dim: int
    release: bool

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch, half as wide as `hidden`."""
        rate = settings["dropout"]
        given = aligned(batch, self.release)
        states = recurrent.run_together(*prepared(given, self.hidden), given.listed_masks())
        seen_TxBxS, weight_NxTxB = attended(self, states.cell, rate, train)
        shown = {m: w.T for m, w in zip(given.frames, weight_NxTxB, strict=True)}
        self.sow(SOWN, FRAME_ATTENTION, shown)
        u_BxM = remembered(self, seen_TxBxS, given.mask, train, rate=rate)
        last_BxS = jnp.concatenate([*states.hidden[:, -1], u_BxM], axis=-1)
        return two_layers(self, "out", (self.hidden, self.hidden // 2), last_BxS, rate, train), {}
