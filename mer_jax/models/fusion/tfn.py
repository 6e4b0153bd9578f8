"""Tensor fusion network (Zadeh et al., EMNLP 2017): a dense layer over the modalities' product."""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.models.fusion.shared import DROPOUT, ENCODER, HIDDEN, RELEASE
from mer_jax.models.layers import Batch, TorchDense, torch_uniform
from mer_jax.models.modality_encoders import AUDIO_VIDEO_TEXT, dropped, encoded, in_order
from mer_jax.models.outer_product import Dropping, dense_of_dropped_outer


class Tfn(nn.Module):
    """z = ReLU(W_2 ReLU(W_1 vec([1, h_a] x [1, h_v] x [1, h_t]))).

    The product of three modalities has (H + 1)^3 entries a clip: 275,000 at H 64. It is not made
    where it need not be: sum_i a_i (P W_1[i]) with P = v x t is the same number, and only as large
    as P and (H + 1) hidden vectors.

    Dropout on single entries of the product, the release's, cannot be written so, since its mask is
    no product of smaller ones: with `release` a training step makes the product and its mask, the
    part of one entry of a after the other. By default the mask is that of P: each entry is zeroed
    with the same probability, those that share their place in P together.
    """

    SETTINGS: ClassVar = (HIDDEN, RELEASE, ENCODER, DROPOUT)
    LEVELS: ClassVar = (UTTERANCE, FRAME)
    modalities: tuple[str, ...]
    hidden: int
    release: bool
    encoder: str = "lstm"

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch."""
        rate = settings["dropout"]
        h = in_order(encoded(self, batch, rate, train), AUDIO_VIDEO_TEXT)
        first, *others = [_with_one(each) for each in h]
        rest_BxP = jnp.ones((len(first), 1), first.dtype)
        for each in others:
            rest_BxP = _outer(rest_BxP, each)
        layer = _DenseOfOuter(self.hidden, name="post_fusion_layer_1")
        if self.release and train:
            x = layer(first, rest_BxP, Dropping(rate, self.make_rng("dropout")))
        else:
            x = layer(first, dropped(self, rest_BxP, rate, train))
        return nn.relu(TorchDense(self.hidden, name="post_fusion_layer_2")(nn.relu(x))), {}


class _DenseOfOuter(nn.Module):
    """A dense layer over the flattened outer product of two vectors, which is never made."""

    features: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B I"], y: Float[Array, "B P"], dropping: Dropping | None = None
    ) -> Float[Array, "B H"]:
        """The layer's output for each row, of the product with single entries dropped if asked."""
        fan_in = x.shape[1] * y.shape[1]
        kernel_IPxH = self.param("kernel", torch_uniform, (fan_in, self.features), fan_in)
        bias_H = self.param("bias", torch_uniform, (self.features,), fan_in)
        kernel_IxPxH = kernel_IPxH.reshape(x.shape[1], y.shape[1], self.features)
        if dropping is None:
            of_each_IxBxH = jnp.einsum("bp,iph->ibh", y, kernel_IxPxH)
            out_BxH = jnp.einsum("bi,ibh->bh", x, of_each_IxBxH)
        else:
            out_BxH = dense_of_dropped_outer(x, y, kernel_IxPxH, dropping)
        return out_BxH + jnp.broadcast_to(bias_H, out_BxH.shape)


def _with_one(h: Float[Array, "B H"]) -> Float[Array, "B H1"]:
    return jnp.concatenate([jnp.ones_like(h[:, :1]), h], axis=1)


def _outer(x: Float[Array, "B X"], y: Float[Array, "B Y"]) -> Float[Array, "B XY"]:
    """Each row's outer product, flattened with `x` slowest."""
    return (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)
