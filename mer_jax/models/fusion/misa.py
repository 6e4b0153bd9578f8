"""MISA (Hazarika et al. 2020): a part of each modality that all share, and one that is its own."""

import itertools
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.models.batch_statistics import centred, norm, row_mean
from mer_jax.models.fusion.shared import DROPOUT, ENCODER, HIDDEN, RELEASE
from mer_jax.models.layers import Batch, TorchDense
from mer_jax.models.modality_encoders import dropped, encoded
from mer_jax.models.transformer import LayerNorm, PostNormLayer
from mer_jax.settings import AT_LEAST_0, Setting

_ORDER = ("text", "video", "audio")
_PAIRS = (("audio", "text"), ("audio", "video"), ("text", "video"))  # of private parts
_SHARED_PAIRS = (("text", "video"), ("text", "audio"), ("audio", "video"))
_HEADS = 2
_MOMENTS = range(2, 6)  # central ones, in the central moment discrepancy
_ROW_EPSILON = 1e-6  # added to the norms of rows, as the release does
# Added to squared norms: the root's gradient stays finite where all moments agree, as in a batch
# of one clip, in which all are 0.
_EPSILON = 1e-12
_RELEASE_RATE, _RELEASE_INNER = 0.1, 2048  # of the Transformer layer, whatever the others are
_INNER = 4  # the layer's inner width by its outer one, as in the Transformer's own paper

SIMILARITY = Setting(
    "sim_weight", 0.1, AT_LEAST_0, "misa: weight of the shared parts' discrepancy", traced=True
)
DIFFERENCE = Setting(
    "diff_weight", 0.1, AT_LEAST_0, "misa: weight of what private parts have in common", traced=True
)
RECONSTRUCTION = Setting(
    "recon_weight", 0.1, AT_LEAST_0, "misa: weight of the reconstruction's error", traced=True
)


class Misa(nn.Module):
    """A Transformer layer over the private and the shared part of every modality, then an MLP.

    Own losses: `sim`, the central moment discrepancy of the shared parts; `diff`, the correlation
    of private parts with shared ones and each other; `recon`, the error of rebuilding each modality
    from the sum of its two parts.
    """

    SETTINGS: ClassVar = (HIDDEN, RELEASE, ENCODER, DROPOUT, SIMILARITY, DIFFERENCE, RECONSTRUCTION)
    LEVELS: ClassVar = (UTTERANCE, FRAME)
    modalities: tuple[str, ...]
    hidden: int
    release: bool
    encoder: str = "lstm"

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B F"], dict]:
        """The fused vectors of a batch, F = H // 2, and the three losses."""
        rate, width = settings["dropout"], self.hidden
        h = encoded(self, batch, rate, train)
        h = {m: h[m] for m in _ORDER if m in h}
        u = {m: self._projected(m, x) for m, x in h.items()}
        private = {m: nn.sigmoid(TorchDense(width, name=_private(m))(x)) for m, x in u.items()}
        of_all = TorchDense(width, name="shared.shared_1")
        shared = {m: nn.sigmoid(of_all(x)) for m, x in u.items()}
        rebuilt = {
            m: TorchDense(width, name=f"recon_{m[0]}.recon_{m[0]}_1")(private[m] + shared[m])
            for m in u
        }
        weight = batch.row_weight
        losses = {
            "sim": self._similarity(shared, weight),
            "diff": self._difference(private, shared, weight),
            "recon": sum(row_mean(((rebuilt[m] - u[m]) ** 2).mean(-1), weight) for m in u) / len(u),
        }
        tokens_BxMxH = jnp.stack([*private.values(), *shared.values()], axis=1)
        inner = _RELEASE_INNER if self.release else _INNER * width
        layer = PostNormLayer(_HEADS, inner, name="transformer_encoder.layers.0")
        layer_rate = _RELEASE_RATE if self.release else rate
        tokens_BxMxH = layer(tokens_BxMxH, layer_rate, train)
        x = tokens_BxMxH.reshape(len(tokens_BxMxH), -1)
        x = TorchDense(x.shape[-1] // 2, name="fusion.fusion_layer_1")(x)
        x = dropped(self, x, rate, train)
        return TorchDense(width // 2, name="fusion.fusion_layer_3")(nn.relu(x)), losses

    def _projected(self, modality: str, x: Array) -> Float[Array, "B H"]:
        """What is split into two parts and rebuilt from them."""
        name = f"project_{modality[0]}.project_{modality[0]}"
        x = nn.relu(TorchDense(self.hidden, name=name)(x))
        return LayerNorm(name=f"{name}_layer_norm")(x)

    def _similarity(self, shared: dict, weight: Array) -> Float[Array, ""]:
        """The mean over the pairs of the central moment discrepancy of order 5."""
        moments = {m: _moments(x, weight) for m, x in shared.items()}
        epsilon = 0.0 if self.release else _EPSILON
        found = [
            norm(a - b, epsilon).sum()
            for x, y in _present(_SHARED_PAIRS, shared)
            for a, b in zip(moments[x], moments[y], strict=True)
        ]
        pairs = len(_present(_SHARED_PAIRS, shared))
        return sum(found, jnp.zeros((), weight.dtype)) / max(pairs, 1)

    def _difference(self, private: dict, shared: dict, weight: Array) -> Float[Array, ""]:
        """The mean squared correlation of what should differ, summed over the pairs."""
        own = {m: self._directions(x, weight) for m, x in private.items()}
        common = {m: self._directions(x, weight) for m, x in shared.items()}
        pairs = [(own[m], common[m]) for m in own]
        pairs += [(own[a], own[b]) for a, b in _present(_PAIRS, own)]
        return sum(((x.T @ y) ** 2).mean() for x, y in pairs)

    def _directions(self, x: Array, weight: Array) -> Float[Array, "B H"]:
        """The rows about their mean, of length 1; the lengths are constants."""
        x = centred(x, weight)
        return x / (jax.lax.stop_gradient(norm(x, 0.0)) + _ROW_EPSILON)


def _private(modality: str) -> str:
    """The name of a private part's layer, audio's with the release's number."""
    letter = modality[0]
    return f"private_{letter}.private_{letter}_{3 if letter == 'a' else 1}"


def _present(pairs: tuple, by_modality: dict) -> list:
    """The pairs of which both modalities are there."""
    return [pair for pair in pairs if all(m in by_modality for m in pair)]


def _moments(x: Float[Array, "B H"], weight: Float[Array, "B"]) -> list[Float[Array, "H"]]:
    """The mean and the central moments of each column over the weighted rows."""
    deviation = centred(x, weight)
    powers = itertools.accumulate(_MOMENTS, lambda p, _: p * deviation, initial=deviation)
    return [row_mean(x, weight), *(row_mean(p, weight) for p in itertools.islice(powers, 1, None))]
