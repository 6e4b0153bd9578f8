"""The encoders of one modality that MERBench's fusions share: a stack over vectors, an LSTM."""

from flax import linen as nn
from jaxtyping import Array, Float, Num

from mer_jax.models.dropout import dropout
from mer_jax.models.layers import Batch, TorchDense, utterance_vectors

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


def encoded(
    fusion: nn.Module, batch: Batch, rate: Num[Array, ""] | float, train: bool
) -> dict[str, Float[Array, "B H"]]:
    """One vector of each modality, called inside a fusion's `__call__`.

    The encoders are named `<modality>_encoder`.
    """
    vectors = utterance_vectors(batch)
    return {
        modality: MLPEncoder(fusion.hidden, name=f"{modality}_encoder")(
            vectors[modality], rate, train
        )
        for modality in fusion.modalities
    }


def in_order(h: dict[str, Array], order: tuple[str, ...]) -> list[Array]:
    """The modalities' vectors in an algorithm's own order; those that it does not name follow."""
    names = [name for name in order if name in h]
    return [h[name] for name in [*names, *(name for name in h if name not in order)]]


def dropped(
    module: nn.Module, x: Float[Array, "..."], rate: Num[Array, ""] | float, train: bool
) -> Float[Array, "..."]:
    """Dropout on `x` where `train`, called inside a module's `__call__`."""
    return dropout(x, rate, module.make_rng("dropout")) if train else x
