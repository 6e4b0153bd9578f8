"""MMIM, MultiModal InfoMax (Han et al. 2021): a fused vector that tells of every modality."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.models.batch_statistics import norm, row_mean
from mer_jax.models.entropy import SignedEntropy
from mer_jax.models.fusion.shared import DROPOUT, ENCODER, HIDDEN, RELEASE
from mer_jax.models.groups import ParameterGroup
from mer_jax.models.layers import Batch, TorchDense
from mer_jax.models.modality_encoders import dropped, encoded
from mer_jax.settings import AT_LEAST_0, AT_LEAST_1, POSITIVE, Range, Setting

_ORDER = ("text", "audio", "video")  # the first one that is there is what predicts the others
# Added to squared norms: the gradient of a row of zeros, which ReLU can give, stays finite.
_EPSILON = 1e-12
_NEVER = -1e9  # the score of a padded row
_WIDEST = 4.0  # the log variance stays within +-this, so that no column's likelihood runs away

CPC_LAYERS = Setting("cpc_layers", 1, AT_LEAST_1, "mmim: layers that predict a modality from z")
ALPHA = Setting("alpha", 0.1, AT_LEAST_0, "mmim: weight of the contrastive losses", traced=True)
BETA = Setting("beta", 0.1, AT_LEAST_0, "mmim: weight of the likelihood bounds", traced=True)
STAGES = Setting(
    "stages",
    1,
    Range(lambda value: value in (1, 2), "1 or 2"),
    "mmim: 2: the likelihood nets learn on their own, as in the paper",
)
MI_LEARNING_RATE = Setting(
    "mi_learning_rate", 1e-3, POSITIVE, "mmim: of the likelihood nets with stages=2", traced=True
)
ENTROPY = Setting("entropy", False, doc="mmim: the paper's entropy of either sign's clips")


class Mmim(nn.Module):
    """z = two dense layers of [h_t, h_a, h_v], from which every h_m must be told apart.

    Own loss: alpha * nce - beta * lld. nce is contrastive predictive coding of each h_m from z, lld
    the likelihood of h_v and h_a given h_t. With `stages` of 2 the nets of lld are trained on -lld
    alone with a rate of their own, and what they say reaches only the encoders, by beta. With
    `entropy` the own loss is less by beta * H, see SignedEntropy.
    """

    SETTINGS: ClassVar = (
        HIDDEN, CPC_LAYERS, STAGES, ENTROPY, RELEASE, ENCODER, DROPOUT, ALPHA, BETA,
        MI_LEARNING_RATE,
    )  # fmt: skip
    NEEDS_VALENCE: ClassVar = ENTROPY.name
    GROUPS: ClassVar = (
        # The release's Adam skips what gets no gradient: it is not decayed either.
        ParameterGroup(
            "unused", "entropy_prj", {"weight_decay": 0.0}, when=("release", True), modalities=2
        ),
        ParameterGroup(
            "likelihood",
            "fusion/mi_",
            {"learning_rate": "mi_learning_rate"},
            when=("stages", 2),
            modalities=2,
        ),
    )
    LEVELS: ClassVar = (UTTERANCE, FRAME)
    modalities: tuple[str, ...]
    hidden: int
    cpc_layers: int
    stages: int
    release: bool
    entropy: bool = False
    encoder: str = "lstm"

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch, and the own loss as `infomax`, weighted."""
        h = encoded(self, batch, settings["dropout"], train)
        h = {m: h[m] for m in _ORDER if m in h}
        x = jnp.concatenate(list(h.values()), axis=-1)
        x = dropped(self, x, settings["dropout"], train)
        for i in (1, 2):
            x = jnp.tanh(TorchDense(self.hidden, name=f"fusion_prj.linear_{i}")(x))
        weight, epsilon = batch.row_weight, 0.0 if self.release else _EPSILON
        contrast = jnp.zeros((), x.dtype)
        for modality, of in h.items():
            name = f"cpc_z{modality[0]}"
            contrast += _Contrast(self.cpc_layers, epsilon, name=name)(of, x, weight)
        own = settings["alpha"] * contrast - self._likelihood(h, weight, settings)
        if self.entropy:
            others = list(h)[1:]
            parts = [SignedEntropy(name=f"entropy_{m}")(h[m], batch.sign, train) for m in others]
            own -= settings["beta"] * sum(parts)
        return x, {"infomax": own}

    def _likelihood(self, h: dict, weight: Array, settings: dict) -> Float[Array, ""]:
        """Beta times the likelihood of the other modalities given the first."""
        (first, given), *others = h.items()
        beta, total = settings["beta"], jnp.zeros((), given.dtype)
        for modality, of in others:
            name = f"mi_{first[0]}{modality[0]}"
            likelihood = _Likelihood(self.hidden, self.release, name=name)
            if self.stages == 1:
                total += beta * likelihood(given, of, weight)
            else:  # the nets' gradient whole, the encoders' times beta
                total += likelihood(_scaled(given, beta), _scaled(of, beta), weight)
        return total


def _scaled(x: Array, by: Array | float) -> Array:
    """`x`, whose gradient is multiplied."""
    still = jax.lax.stop_gradient(x)
    return still + by * (x - still)


class _Likelihood(nn.Module):
    """The mean log density of y under a Gaussian whose mean and variance two nets read off x.

    The release leaves the variance's own term out, so that the likelihood of any mean can be
    raised to 0 by a large variance, and makes a projection that it never uses.
    """

    hidden: int
    release: bool

    @nn.compact
    def __call__(
        self, x: Float[Array, "B H"], y: Float[Array, "B H"], weight: Float[Array, "B"]
    ) -> Float[Array, ""]:
        mean, log_variance = (self._net(name, x) for name in ("mlp_mu", "mlp_logvar"))
        if self.release:
            TorchDense(self.hidden // 4, name="entropy_prj.0")(x)
            density = -((mean - y) ** 2) / (2 * jnp.exp(log_variance))
        else:
            log_variance = _WIDEST * jnp.tanh(log_variance / _WIDEST)
            density = -((mean - y) ** 2) / (2 * jnp.exp(log_variance)) - log_variance / 2
        return row_mean(density.sum(-1), weight)

    def _net(self, name: str, x: Array) -> Array:
        x = nn.relu(TorchDense(self.hidden, name=f"{name}.0")(x))
        return TorchDense(self.hidden, name=f"{name}.2")(x)


class _Contrast(nn.Module):
    """How well x_b is told from the batch's other rows by what a net predicts of it from z_b."""

    layers: int
    epsilon: float

    @nn.compact
    def __call__(
        self, x: Float[Array, "B H"], z: Float[Array, "B H"], weight: Float[Array, "B"]
    ) -> Float[Array, ""]:
        width = x.shape[-1]
        if self.layers == 1:
            predicted = TorchDense(width, name="net")(z)
        else:
            predicted = jnp.tanh(TorchDense(width, name="net.0")(z))
            for i in range(1, self.layers):  # net.1 is the tanh
                predicted = TorchDense(width, name=f"net.{i + 1}")(predicted)
        predicted, x = (y / norm(y, self.epsilon) for y in (predicted, x))
        score_BxB = x @ predicted.T
        counted_BxB = jnp.broadcast_to(weight[None] > 0, score_BxB.shape)
        score_BxB = jnp.where(counted_BxB, score_BxB, _NEVER)
        alone_B = (x * predicted).sum(-1) - jax.nn.logsumexp(score_BxB, axis=-1)
        return -row_mean(alone_B, weight)
