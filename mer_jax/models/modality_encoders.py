"""The encoders of one modality that MERBench's fusions share: a stack over vectors, an LSTM."""

from flax import linen as nn
from jaxtyping import Array, Bool, Float, Num

from mer_jax.models.dropout import dropout
from mer_jax.models.layers import FRAME_ATTENTION, SOWN, Batch, TorchDense, utterance_vectors
from mer_jax.models.lstm_fcn import LSTMFCNEncoder
from mer_jax.models.recurrent import LSTM

MLP = "mlp"  # as the setting `encoder`
WITH_ATTENTION = {"lstm_fcn": False, "alstm_fcn": True}  # values of the setting `encoder`
AUDIO_VIDEO_TEXT = ("audio", "video", "text")  # the order of several algorithms


class MLPEncoder(nn.Module):
    """Dropout on the input, then three dense layers with ReLU, all `hidden` wide.

    The release's encoder of an utterance vector (MERBench, toolkit/models/modules/encoder.py).
    """

    hidden: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B D"], rate: Num[Array, ""] | float, train: bool
    ) -> Float[Array, "B H"]:
        """The hidden vectors of a batch."""
        x = dropped(self, x, rate, train)
        for i in (1, 2, 3):
            x = nn.relu(TorchDense(self.hidden, name=f"linear_{i}")(x))
        return x


class LSTMEncoder(nn.Module):
    """One LSTM, dropout on its last state, then a dense layer, all `hidden` wide.

    The release's encoder of frames. A clip's last state is that of its last frame; with `release`
    padding counts as frames.
    """

    hidden: int
    release: bool = False

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        rate: Num[Array, ""] | float,
        train: bool,
    ) -> Float[Array, "B H"]:
        """The hidden vectors of a batch."""
        _, last_BxH = LSTM(self.hidden, name="rnn")(x, None if self.release else mask)
        return TorchDense(self.hidden, name="linear_1")(dropped(self, last_BxH, rate, train))


def encoded(
    fusion: nn.Module, batch: Batch, rate: Num[Array, ""] | float, train: bool
) -> dict[str, Float[Array, "B H"]]:
    """One vector of each modality, called inside a fusion's `__call__`.

    The encoders are named `<modality>_encoder`: MLPEncoder of vectors, of frames what the fusion's
    setting `encoder` names; MLPEncoder takes the average of a clip's frames. An attention's weights
    of the frames are sown for the report.
    """
    vectors, frame_weights = {}, {}
    features = utterance_vectors(batch) if fusion.encoder == MLP else batch.features
    for modality in fusion.modalities:
        name, x = f"{modality}_encoder", features[modality]
        if x.ndim == 2:
            vectors[modality] = MLPEncoder(fusion.hidden, name=name)(x, rate, train)
        elif fusion.encoder in WITH_ATTENTION:
            encoder = LSTMFCNEncoder(fusion.hidden, WITH_ATTENTION[fusion.encoder], name=name)
            mask = batch.frame_mask[modality]
            seen = encoder(x, mask, batch.row_weight, rate, train)
            vectors[modality] = seen.vector
            if seen.frame_weight is not None:
                frame_weights[modality] = seen.frame_weight
        else:
            encoder = LSTMEncoder(fusion.hidden, fusion.release, name=name)
            vectors[modality] = encoder(x, batch.frame_mask[modality], rate, train)
    if frame_weights:
        fusion.sow(SOWN, FRAME_ATTENTION, frame_weights)
    return vectors


def in_order(h: dict[str, Array], order: tuple[str, ...]) -> list[Array]:
    """The modalities' vectors in an algorithm's own order; those that it does not name follow."""
    names = [name for name in order if name in h]
    return [h[name] for name in [*names, *(name for name in h if name not in order)]]


def dropped(
    module: nn.Module,
    x: Float[Array, "..."],
    rate: Num[Array, ""] | float,
    train: bool,
    stored: bool | None = None,
) -> Float[Array, "..."]:
    """Dropout on `x` where `train`, called inside a module's `__call__`.

    `stored` is that of `dropout`.
    """
    return dropout(x, rate, module.make_rng("dropout"), stored) if train else x
