"""Early fusion (MER 2024): one LSTM over all modalities' frames side by side."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME
from mer_jax.models.aligned import aligned
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN, NUM_LAYERS, RELEASE
from mer_jax.models.layers import Batch, TorchDense
from mer_jax.models.modality_encoders import dropped
from mer_jax.models.recurrent import LSTM, time_first


class EfLstm(nn.Module):
    """z = dropout of ReLU of a dense layer of dropout of the top layer's last state."""

    SETTINGS: ClassVar = (HIDDEN, NUM_LAYERS, RELEASE, DROPOUT)
    LEVEL: ClassVar = FRAME
    ALIGNED: ClassVar = True
    modalities: tuple[str, ...]
    hidden: int
    num_layers: int
    release: bool

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch."""
        rate = settings["dropout"]
        given = aligned(batch, self.release)
        x_BxTxD = time_first(jnp.concatenate(list(given.frames.values()), axis=-1))
        mask_BxT = None if given.mask is None else given.mask.T
        lstm = LSTM(self.hidden, self.num_layers, name="lstm")
        _, last_BxH = lstm(x_BxTxD, mask_BxT, rate, train)
        z_BxH = TorchDense(self.hidden, name="linear")(dropped(self, last_BxH, rate, train))
        return dropped(self, nn.relu(z_BxH), rate, train), {}
