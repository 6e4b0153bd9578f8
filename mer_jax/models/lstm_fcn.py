"""LSTM-FCN and ALSTM-FCN (Karim et al. 2017): an LSTM beside convolutions over a clip's frames."""

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Num

from mer_jax.models.convolution import FullyConvolutional
from mer_jax.models.dropout import dropout
from mer_jax.models.layers import TorchDense
from mer_jax.models.recurrent import LSTM

_LAYERS = ((128, 8), (256, 5), (128, 3))  # the paper's convolutions: features and kernel
_NEVER = -1e9  # the score of a padded frame


class Seen(NamedTuple):
    """What a clip's frames become."""

    vector: Array  # float32 [B, F]: the convolutions' mean, then the LSTM's last state
    frame_weight: Array | None  # float32 [B, T]: of each frame in the attention; None: no such


class FrameAttention(nn.Module):
    """The states' sum by softmax(v tanh(W h_t + U q)) over a clip's own frames.

    Bahdanau et al. 2015, as the paper's Eq. 5 to 7, asked once, by the last state.
    """

    @nn.compact
    def __call__(
        self, h: Float[Array, "B T H"], query: Float[Array, "B H"], mask: Bool[Array, "B T"]
    ) -> tuple[Float[Array, "B H"], Float[Array, "B T"]]:
        """The weighted sum and the weights."""
        asked_BxTxH = jnp.broadcast_to(
            TorchDense(h.shape[-1], name="query")(query)[:, None], h.shape
        )
        hidden = jnp.tanh(TorchDense(h.shape[-1], name="state")(h) + asked_BxTxH)
        score_BxT = TorchDense(1, name="score")(hidden)[..., 0]
        weight_BxT = nn.softmax(jnp.where(mask, score_BxT, _NEVER))
        return jnp.einsum("bt,bth->bh", weight_BxT, h), weight_BxT


class LSTMFCN(nn.Module):
    """Both branches of one modality, side by side.

    `shuffled` is the original's dimension shuffle: the LSTM reads the columns as its steps, each
    the whole course of one variable, which needs clips of one length.
    """

    cells: int
    has_attention: bool = False
    shuffled: bool = False

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        row_weight: Float[Array, "B"],
        rate: Num[Array, ""] | float,
        train: bool,
    ) -> Seen:
        """One vector a clip; dropout, by `rate`, acts on what the LSTM gives."""
        convolved_BxF = FullyConvolutional(_LAYERS, name="convolutions")(x, mask, row_weight, train)
        steps, counted = x, mask
        if self.shuffled:
            steps = jnp.swapaxes(x * mask[..., None].astype(x.dtype), 1, 2)
            counted = jnp.ones(steps.shape[:2], bool)
        h_BxTxH, state_BxH = LSTM(self.cells, name="lstm")(steps, counted)
        weight_BxT = None
        if self.has_attention:
            state_BxH, weight_BxT = FrameAttention(name="attention")(h_BxTxH, state_BxH, counted)
        if train:
            state_BxH = dropout(state_BxH, rate, self.make_rng("dropout"))
        vector = jnp.concatenate([convolved_BxF, state_BxH], axis=-1)
        return Seen(vector, None if self.shuffled else weight_BxT)


class LSTMFCNEncoder(nn.Module):
    """Both branches through a dense layer to `hidden`, which is the LSTM's width too."""

    hidden: int
    has_attention: bool = False

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        row_weight: Float[Array, "B"],
        rate: Num[Array, ""] | float,
        train: bool,
    ) -> Seen:
        """One vector a clip, [B, H], and the attention's weights of its frames."""
        branches = LSTMFCN(self.hidden, self.has_attention, name="branches")
        seen = branches(x, mask, row_weight, rate, train)
        return seen._replace(vector=TorchDense(self.hidden, name="linear_1")(seen.vector))
