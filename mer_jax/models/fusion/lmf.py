"""Low-rank multimodal fusion (Liu et al., ACL 2018): the tensor product's map, of a small rank."""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.models.fusion.shared import DROPOUT, ENCODER, HIDDEN, RELEASE
from mer_jax.models.layers import Batch
from mer_jax.models.modality_encoders import encoded
from mer_jax.settings import AT_LEAST_1, Setting

RANK = Setting("rank", 4, AT_LEAST_1, "terms that the map of the tensor product is a sum of (lmf)")


def _deviating(deviation: float, key: Array, shape: tuple[int, ...]) -> Array:
    return deviation * jax.random.normal(key, shape)


class Lmf(nn.Module):
    """z = sum_k w_k prod_m ([1, h_m] Phi_m[k]) + b, half as wide as the encoders.

    The weighted sum over the rank is the authors' code's; the paper's Eq. 8 has a plain one.
    """

    SETTINGS: ClassVar = (HIDDEN, RANK, RELEASE, ENCODER, DROPOUT)
    LEVELS: ClassVar = (UTTERANCE, FRAME)
    modalities: tuple[str, ...]
    hidden: int
    rank: int
    release: bool
    encoder: str = "lstm"

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B F"], dict]:
        """The fused vectors of a batch."""
        wide, width, rank = self.hidden + 1, self.hidden // 2, self.rank
        # Xavier's normal as PyTorch counts the fans of a three-dimensional array.
        factor_init = functools.partial(_deviating, (2 / (width * (wide + rank))) ** 0.5)
        weight_init = functools.partial(_deviating, (2 / (1 + rank)) ** 0.5)
        product_KxBxF = 1
        for modality, h_BxH in encoded(self, batch, settings["dropout"], train).items():
            factor = self.param(f"{modality}_factor", factor_init, (rank, wide, width))
            one_Kx1xF, rest_KxHxF = factor[:, :1], factor[:, 1:]
            of_modality = jnp.einsum("bh,khf->kbf", h_BxH, rest_KxHxF)
            product_KxBxF *= of_modality + jnp.broadcast_to(one_Kx1xF, of_modality.shape)
        weight_1xK = self.param("fusion_weights", weight_init, (1, rank))
        bias_1xF = self.param("fusion_bias", nn.initializers.zeros, (1, width))
        z_BxF = jnp.einsum("kbf,k->bf", product_KxBxF, weight_1xK[0])
        return z_BxF + jnp.broadcast_to(bias_1xF, z_BxF.shape), {}
