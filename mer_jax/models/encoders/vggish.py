"""VGGish (Hershey et al. 2017): a second of log-mel frames to 128 numbers.

Weights are named as in the port to PyTorch (harritaylor/torchvggish), whose last layer ends in a
rectifier, as TensorFlow's first release did.
"""

import functools
import re
from typing import NamedTuple

import jax
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import Convolution, Linear
from mer_jax.models.encoders.mel import HOP, RATE, triangles

FRAMES, BINS = 96, 64  # of an example: 0.96 s
_WINDOW = 400  # samples: 25 ms
_SPECTRUM = 512  # samples, zeros among them, of which a spectrum is taken
_LOWEST, _HIGHEST = 125.0, 7500.0  # Hz, of the mel bands
_OFFSET = 0.01  # added before the logarithm


def log_mel(samples: np.ndarray) -> np.ndarray:
    """The frames [T, BINS] of samples [S] at 16 kHz: whole windows alone, none is padded."""
    if len(samples) < _WINDOW:
        return np.zeros((0, BINS), np.float32)
    windows_TxW = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    parts = []
    for begin in range(0, len(windows_TxW), _SPECTRUM):
        windows = windows_TxW[begin : begin + _SPECTRUM] * hann
        parts.append(np.abs(np.fft.rfft(windows, _SPECTRUM)) @ _filters())
    return np.log(np.concatenate(parts) + _OFFSET).astype(np.float32)


@functools.cache
def _filters() -> np.ndarray:
    """Triangles [F, BINS] over the spectrum's frequencies, in mels of the HTK."""

    def to_mel(hertz):
        return 1127 * np.log1p(np.asarray(hertz) / 700)

    mel_F = to_mel(np.linspace(0, RATE / 2, _SPECTRUM // 2 + 1))
    edges = np.linspace(to_mel(_LOWEST), to_mel(_HIGHEST), BINS + 2)
    return np.ascontiguousarray(triangles(mel_F, edges).T)


class Settings(NamedTuple):
    """What config.json says; the defaults are the published model's, whose file has no config."""

    # By the number of each convolution in its sequence; after the keys of `pooled` comes a maximum.
    channels: tuple[int, ...] = (64, 128, 256, 256, 512, 512)
    pooled: tuple[bool, ...] = (True, True, False, True, False, True)
    dense: tuple[int, ...] = (4096, 4096, 128)
    final_relu: bool = True  # whether the numbers are those after the last rectifier


class Front(nn.Module):
    """Convolutions and maxima over time and frequency."""

    settings: Settings

    @nn.compact
    def __call__(self, mel: Float[Array, "B T F"], mask: Bool[Array, "B F"]):
        """The maps, flattened [B, D]; the mask is not asked."""
        x, place = mel[..., None], 0
        for size, is_pooled in zip(self.settings.channels, self.settings.pooled, strict=True):
            x = Convolution(size, (3, 3), padding=1, name=f"features.{place}")(x)
            x = jax.nn.relu(x)
            place += 2
            if is_pooled:
                x = nn.max_pool(x, (2, 2), (2, 2))
                place += 1
        return (x.reshape(len(x), -1),)


class Dense(nn.Module):
    """Dense layers, each followed by a rectifier."""

    settings: Settings

    @nn.compact
    def __call__(self, x: Float[Array, "B D"]) -> Float[Array, "B E"]:
        """An example's vector."""
        sizes = self.settings.dense
        for i, size in enumerate(sizes):
            x = Linear(size, name=f"embeddings.{2 * i}")(x)
            if i + 1 < len(sizes) or self.settings.final_relu:
                x = jax.nn.relu(x)
        return x


def plan(settings: Settings) -> Plan:
    """The parts: the convolutions, and the dense layers as what is pooled."""
    return Plan(
        front=Part(Front(settings)),
        layers=(),
        pooled=Part(Dense(settings)),
        size=settings.dense[-1],
        example=example(FRAMES, BINS),
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("vggish.",),
    unused=re.compile(r"pproc\..*"),
)
