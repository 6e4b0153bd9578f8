"""wav2vec (Schneider et al. 2019), the convolutions before wav2vec 2.0: samples to z and c.

z are the frames of the first network, here the first hidden state; c those of the second, which
looks back 0.8 s in the large model: the last one. Weights are named as in fairseq's files.
"""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders import speech
from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import ChannelNorm, Convolution


class Settings(NamedTuple):
    """What config.json says; the defaults are wav2vec large's, whose file has no such config."""

    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 8, 4, 4, 4, 1, 1)
    conv_stride: tuple[int, ...] = (5, 4, 2, 2, 2, 1, 1)
    log_compression: bool = True
    context_kernel: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    residual_scale: float = 0.5


class Front(nn.Module):
    """Samples to z: convolutions, each normalised over the clip, without what is below 0."""

    settings: Settings

    @nn.compact
    def __call__(self, samples: Float[Array, "B S"], mask: Bool[Array, "B S"]):
        """The frames [B, T, D] and their mask [B, T]."""
        settings = self.settings
        x, lengths = samples[..., None], mask.sum(1)
        layers = zip(settings.conv_dim, settings.conv_kernel, settings.conv_stride, strict=True)
        for i, (size, kernel, stride) in enumerate(layers):
            name = f"feature_extractor.conv_layers.{i}"
            x = Convolution(size, (kernel,), stride, use_bias=False, name=f"{name}.0")(x)
            lengths = (lengths - kernel) // stride + 1
            own = speech.before(lengths, x.shape[1])
            x = jax.nn.relu(ChannelNorm(together=True, name=f"{name}.2")(x, own))
        if settings.log_compression:
            x = jnp.log1p(x)
        return x, own


class Layer(nn.Module):
    """A convolution over a frame and those before it, added to its input."""

    settings: Settings
    kernel: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """The next hidden state; the first frame stands for those before it."""
        earlier = jnp.broadcast_to(x[:, :1], (x.shape[0], self.kernel - 1, x.shape[-1]))
        y = Convolution(x.shape[-1], (self.kernel,), name="1")(jnp.concatenate([earlier, x], 1))
        y = jax.nn.relu(ChannelNorm(together=True, name="3")(y, mask))
        return (x + y) * self.settings.residual_scale**0.5


def plan(settings: Settings) -> Plan:
    """The parts: the first network, and a part for each layer of the second."""
    second = 16_000
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(
            Part(Layer(settings, kernel), f"feature_aggregator.conv_layers.{i}.")
            for i, kernel in enumerate(settings.context_kernel)
        ),
        example=example(second),
        size=settings.conv_dim[-1],
        least=speech.samples_of_a_frame(settings),
        frames=lambda samples: speech.frames(settings, samples),
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("model.",),
    unused=re.compile(r"(wav2vec_predictions|vector_quantizer)\..*"),
)
