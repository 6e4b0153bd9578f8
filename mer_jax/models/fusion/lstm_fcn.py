"""LSTM-FCN and ALSTM-FCN (Karim et al. 2017) alone: one of each modality, side by side."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME
from mer_jax.models.fusion.shared import HIDDEN
from mer_jax.models.layers import FRAME_ATTENTION, SOWN, Batch
from mer_jax.models.lstm_fcn import LSTMFCN
from mer_jax.settings import BELOW_1, SWITCH, Setting

LSTM_DROPOUT = Setting(
    "lstm_dropout", 0.8, BELOW_1, "lstm_fcn, alstm_fcn: dropout after the LSTM", traced=True,
    part="train",
)  # fmt: skip
# The LSTM then reads variables as steps, each the whole course of one: for clips of one length.
SHUFFLE = Setting(
    "shuffle", False, doc="lstm_fcn, alstm_fcn: the original's dimension shuffle", kind=SWITCH
)


class LstmFcn(nn.Module):
    """z = for each modality [mean over time of three convolutions, an LSTM's last state]."""

    SETTINGS: ClassVar = (HIDDEN, SHUFFLE, LSTM_DROPOUT)
    LEVEL: ClassVar = FRAME
    ONE_LENGTH: ClassVar = SHUFFLE.name
    HAS_ATTENTION: ClassVar = False
    modalities: tuple[str, ...]
    hidden: int
    shuffle: bool

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B F"], dict]:
        """The vectors of a batch, no further losses."""
        vectors, weights = [], {}
        for m in self.modalities:
            seen = LSTMFCN(self.hidden, self.HAS_ATTENTION, self.shuffle, name=m)(
                batch.features[m],
                batch.frame_mask[m],
                batch.row_weight,
                settings["lstm_dropout"],
                train,
            )
            vectors.append(seen.vector)
            if seen.frame_weight is not None:
                weights[m] = seen.frame_weight
        if weights:
            self.sow(SOWN, FRAME_ATTENTION, weights)
        return jnp.concatenate(vectors, axis=-1), {}


class AlstmFcn(LstmFcn):
    """The same with an attention over the LSTM's states in place of its last one."""

    HAS_ATTENTION: ClassVar = True
