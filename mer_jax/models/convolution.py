"""Convolutions over time of padded clips, and batch norm whose statistics leave padding out."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Key

from mer_jax import random_bits
from mer_jax.models.layers import product

STATISTICS = "batch_stats"  # Flax's collection of running averages: model state, not parameters
_MOMENTUM = 0.9  # of the running averages; a run may have few steps an epoch
_EPSILON = 1e-3  # Keras's, which the published LSTM-FCN trains with


def he_uniform(key: Key[Array, ""], shape: tuple[int, ...], fan_in: int) -> Array:
    """Draws from +-sqrt(6 / fan_in), for layers before a ReLU (He et al. 2015)."""
    bound = (6 / fan_in) ** 0.5
    return random_bits.uniform(key, shape, -bound, bound)


class Convolution(nn.Module):
    """y[t] = sum_j x[t + j - (k - 1) // 2] W[j] + b with zeros beyond both ends: T stays T.

    One product over windows side by side: convolutions whose kernels differ from run to run are
    slow where runs train side by side.
    """

    features: int
    kernel: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T F"]:
        """Convolves over the middle axis; padded frames of `x` must be zero."""
        fan_in = self.kernel * x.shape[-1]
        kernel_kDxF = self.param("kernel", he_uniform, (fan_in, self.features), fan_in)
        bias_F = self.param("bias", nn.initializers.zeros, (self.features,))
        before = (self.kernel - 1) // 2
        padded = jnp.pad(x, ((0, 0), (before, self.kernel - 1 - before), (0, 0)))
        frames = x.shape[1]
        windows = [padded[:, j : j + frames] for j in range(self.kernel)]
        y = product(jnp.concatenate(windows, axis=-1), kernel_kDxF)
        return y + jnp.broadcast_to(bias_F, y.shape)


class BatchNorm(nn.Module):
    """Each feature over the counted frames of a batch: zero mean, unit variance, then affine.

    In training by the batch's own statistics, which running averages follow; those serve elsewhere
    (Ioffe and Szegedy 2015).
    """

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T F"], counted: Float[Array, "B T"], train: bool
    ) -> Float[Array, "B T F"]:
        """Normalises; `counted` is 0 for padded frames and rows, which reach no statistic."""
        size = (x.shape[-1],)
        mean = self.variable(STATISTICS, "mean", jnp.zeros, size, x.dtype)
        variance = self.variable(STATISTICS, "var", jnp.ones, size, x.dtype)
        scale_F = self.param("scale", nn.initializers.ones, size)
        bias_F = self.param("bias", nn.initializers.zeros, size)
        of_mean, of_variance = mean.value, variance.value
        if train:
            weight_BxTx1 = counted.astype(x.dtype)[..., None]
            total = jnp.maximum(weight_BxTx1.sum(), 1)
            of_mean = (weight_BxTx1 * x).sum((0, 1)) / total
            deviation = x - jnp.broadcast_to(of_mean, x.shape)
            of_variance = (weight_BxTx1 * deviation**2).sum((0, 1)) / total
            if not self.is_initializing():
                mean.value = _MOMENTUM * mean.value + (1 - _MOMENTUM) * of_mean
                variance.value = _MOMENTUM * variance.value + (1 - _MOMENTUM) * of_variance
        factor_F = scale_F * jax.lax.rsqrt(of_variance + _EPSILON)
        shift_F = bias_F - of_mean * factor_F
        return x * jnp.broadcast_to(factor_F, x.shape) + jnp.broadcast_to(shift_F, x.shape)


class FullyConvolutional(nn.Module):
    """Convolution, batch norm, ReLU for each of `layers`; the mean over a clip's own frames."""

    layers: Sequence[tuple[int, int]]  # features and kernel of each

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"],
        row_weight: Float[Array, "B"],
        train: bool,
    ) -> Float[Array, "B F"]:
        """One vector a clip."""
        own_BxT = mask.astype(x.dtype)
        own_BxTx1 = own_BxT[..., None]
        counted_BxT = own_BxT * (row_weight > 0).astype(x.dtype)[:, None]
        x = x * own_BxTx1
        for i, (features, kernel) in enumerate(self.layers, 1):
            x = Convolution(features, kernel, name=f"convolution_{i}")(x)
            x = BatchNorm(name=f"norm_{i}")(x, counted_BxT, train)
            x = nn.relu(x) * own_BxTx1  # beyond its end a clip alone would have zeros
        return x.sum(1) / jnp.maximum(own_BxTx1.sum(1), 1)
