"""The encoders of one modality that MERBench's fusions share: a stack over vectors, an LSTM."""

from flax import linen as nn
from jaxtyping import Array, Float, Num

from mer_jax.models.dropout import dropout
from mer_jax.models.layers import Batch, TorchDense, utterance_vectors


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
        if train:
            x = dropout(x, rate, self.make_rng("dropout"))
        for i in (1, 2, 3):
            x = nn.relu(TorchDense(self.hidden, name=f"linear_{i}")(x))
        return x


def encoded(
    fusion: nn.Module, batch: Batch, rate: Num[Array, ""] | float, train: bool
) -> list[Float[Array, "B H"]]:
    """One vector of each modality, called inside a fusion's `__call__`.

    The encoders are named `<modality>_encoder`.
    """
    vectors = utterance_vectors(batch)
    return [
        MLPEncoder(fusion.hidden, name=f"{modality}_encoder")(vectors[modality], rate, train)
        for modality in fusion.modalities
    ]
