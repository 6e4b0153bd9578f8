"""The parts of the models: a batch, a dense layer initialised as PyTorch's, stacks of it."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Key, Num

from mer_jax import random_bits
from mer_jax.models.dropout import dropout

SOWN = "intermediates"  # Flax's collection of what a module shows beside its output
ATTENTION = "modality_weights"  # in it: {modality: [B]}; no submodule may be called so too
FRAME_ATTENTION = "frame_weights"  # in it: {modality: [B, T]}, of each frame as the model reads it


class Batch(NamedTuple):
    """The input of every model. Padded rows and frames must reach no statistic."""

    features: dict[str, Array]  # by modality: float32 [B, D], or [B, T, D] at frame level
    frame_mask: dict[str, Array]  # by frame-level modality: bool [B, T], False for padding
    row_weight: Array  # float32 [B], 0 for padding
    # What a model that samples (mfm) takes in place of its own normal draws, in the order in which
    # it draws: float32 [S, B, H]. None: it draws.
    noise: Array | None = None
    # In training, for a model's own loss: float32 [B], 1 or -1 as the clip's valence is above or
    # below 0, 0 where it is neither, unknown, or the clip padding. None: not a labelled batch.
    sign: Array | None = None


def torch_uniform(key: Key[Array, ""], shape: tuple[int, ...], fan_in: int) -> Array:
    """Draws from +-1/sqrt(fan_in), as `torch.nn.Linear` initialises weights and biases."""
    bound = fan_in**-0.5
    return random_bits.uniform(key, shape, -bound, bound)


def product(x: Float[Array, "*batch D"], kernel: Float[Array, "D H"]) -> Float[Array, "*batch H"]:
    """Computes x @ kernel; the backward pass never transposes a matrix of the kernel's size."""
    of_tokens = x.ndim > 2
    y = _product(x.reshape(-1, x.shape[-1]), kernel, of_tokens)
    return y.reshape(*x.shape[:-1], kernel.shape[-1])


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _product(x_BxD, kernel_DxH, of_tokens):
    return x_BxD @ kernel_DxH


def _product_forward(x_BxD, kernel_DxH, of_tokens):
    return x_BxD @ kernel_DxH, (x_BxD, kernel_DxH)


def _product_backward(of_tokens, operands, gradient_BxH):
    # Autodiff's forms make XLA transpose the kernel or its gradient in every step on a CPU: twice
    # the time of a run that trains alone (benchmarks/README.md).
    x_BxD, kernel_DxH = operands
    x_gradient_BxD = (kernel_DxH @ gradient_BxH.T).T
    if of_tokens and len(x_BxD) > kernel_DxH.shape[1]:
        # Many rows: the kernel's gradient is smaller than x, and transposed in its place.
        return x_gradient_BxD, (gradient_BxH.T @ x_BxD).T
    return x_gradient_BxD, x_BxD.T @ gradient_BxH


_product.defvjp(_product_forward, _product_backward)


class TorchDense(nn.Module):
    """x W + b over the last axis, initialised by `torch_uniform`."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch H"]:
        """Maps the last axis to `features`."""
        fan_in = x.shape[-1]
        kernel_DxH = self.param("kernel", torch_uniform, (fan_in, self.features), fan_in)
        bias_H = self.param("bias", torch_uniform, (self.features,), fan_in)
        y = product(x, kernel_DxH)
        return y + jnp.broadcast_to(bias_H, y.shape)


class TorchKernel(nn.Module):
    """The weights of a `torch.nn.Linear` for what applies them in parts, or in a loop."""

    features: int
    use_bias: bool = True

    @nn.compact
    def __call__(self, size: int) -> tuple[Float[Array, "D H"], Float[Array, "H"] | None]:
        """The kernel for inputs of `size` and the bias, None where there is none."""
        kernel_DxH = self.param("kernel", torch_uniform, (size, self.features), size)
        if not self.use_bias:
            return kernel_DxH, None
        return kernel_DxH, self.param("bias", torch_uniform, (self.features,), size)


class Encoder(nn.Module):
    """Dense, ReLU, dropout for each of `widths`; one width is the paper's Eq. 1."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(
        self, x: Float[Array, "B D"], rate: Num[Array, ""] | float, train: bool
    ) -> Float[Array, "B H"]:
        """The hidden vectors of a batch; dropout acts where `train`."""
        for i, width in enumerate(self.widths):
            x = nn.relu(TorchDense(width, name=f"dense_{i}")(x))
            if train:
                x = dropout(x, rate, self.make_rng("dropout"), stored=True)
        return x


def mean_over_frames(x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B D"]:
    """Each row's mean over its own frames; a row without frames is zero."""
    weight_BxTx1 = mask[..., None].astype(x.dtype)
    return (x * weight_BxTx1).sum(1) / jnp.maximum(weight_BxTx1.sum(1), 1)


def utterance_vectors(batch: Batch) -> dict[str, Float[Array, "B _"]]:
    """The batch's features with frame-level modalities averaged over time."""
    return {
        modality: x if x.ndim == 2 else mean_over_frames(x, batch.frame_mask[modality])
        for modality, x in batch.features.items()
    }
