"""MA-Net (Zhao et al. 2021): expressions of faces by four quarters and by several scales.

One branch sees the quarters of the maps, each with weights of its own, and attends to channels
and places; the other sees all of them at several scales. The features are the mean over places of
either branch, side by side. Weights are named as in the authors' files.
"""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import Linear
from mer_jax.models.encoders.resnet import convolved

_SCALES = 4  # groups of channels, each of which takes what the one before it gives
_PLAIN, _ATTENTIVE, _SCALED = "plain", "attentive", "scaled"  # kinds of blocks


class Settings(NamedTuple):
    """What config.json says; the defaults are the published model's, whose file has no config."""

    hidden_sizes: tuple[int, ...] = (64, 128, 256, 512)
    depths: tuple[int, ...] = (2, 2, 2, 2)
    reduction: int = 16  # of the channels that attention to channels narrows them to


class Block(nn.Module):
    """Two convolutions of one of three kinds, added to their input."""

    kind: str
    size: int
    stride: int
    reduction: int

    @nn.compact
    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B I J D"]:
        """The next maps."""
        y = jax.nn.relu(convolved(x, "conv1", "bn1", self.size, stride=self.stride))
        if self.kind == _SCALED:
            parts = jnp.split(y, _SCALES, -1)
            y = self._scales(parts, 1) + self._scales(parts, 2)
        else:
            y = convolved(y, "conv2", "bn2", self.size)
        if self.kind == _ATTENTIVE:
            y = y * self._channels(y)
            y = y * self._places(y)
        if self.stride != 1 or x.shape[-1] != self.size:
            x = convolved(x, "downsample.0", "downsample.1", self.size, 1, self.stride)
        return jax.nn.relu(x + y)

    def _scales(self, parts, direction):
        """Groups of channels, each seen together with the one before, or behind, it."""
        order = range(_SCALES) if direction == 1 else reversed(range(_SCALES))
        found, last = {}, 0
        for i in order:
            name = f"{direction}_2_{i + 1}"
            found[i] = convolved(parts[i] + last, f"conv{name}", f"bn{name}", self.size // _SCALES)
            last = jax.nn.relu(found[i])
        return jnp.concatenate([found[i] for i in range(_SCALES)], -1)

    def _channels(self, x):
        """A weight for each channel, by its mean and its largest value (Woo et al. 2018)."""
        narrow = Linear(self.size // self.reduction, name="cbam.ChannelGate.mlp.1")
        wide = Linear(self.size, name="cbam.ChannelGate.mlp.3")

        def of(values_BxD):
            return wide(jax.nn.relu(narrow(values_BxD)))

        return jax.nn.sigmoid(of(x.mean((1, 2))) + of(x.max((1, 2))))[:, None, None]

    def _places(self, x):
        """A weight for each place, by the largest and the mean of its channels."""
        seen = jnp.stack([x.max(-1), x.mean(-1)], -1)
        name = "cbam.SpatialGate.spatial"
        return jax.nn.sigmoid(convolved(seen, f"{name}.conv", f"{name}.bn", 1, 7))


class Front(nn.Module):
    """What both branches take: as ResNet, to its second stage."""

    settings: Settings

    @nn.compact
    def __call__(self, images: Float[Array, "B C H W"], mask: Bool[Array, "B W"]):
        """The branches' input [B, D, H / 8, W / 8]; the mask is not asked."""
        stem = self.settings.hidden_sizes[0]
        x = convolved(images.transpose(0, 2, 3, 1), "conv1", "bn1", stem, 7, 2)
        x = nn.max_pool(jax.nn.relu(x), (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage in (0, 1):
            x = _blocks(self.settings, x, f"layer{stage + 1}", _PLAIN, stage, stage + 1)
        return (x.transpose(0, 3, 1, 2),)


def _blocks(settings, x, name, kind, stage, stride):
    """A stage's blocks, submodules of the module that calls it; the first one takes the stride."""
    size = settings.hidden_sizes[stage]
    for i in range(settings.depths[stage]):
        block = Block(kind, size, stride if i == 0 else 1, settings.reduction, name=f"{name}.{i}")
        x = block(x)
    return x


class Branches(nn.Module):
    """The two last stages of either branch, and their means over all places."""

    settings: Settings

    @nn.compact
    def __call__(self, maps: Float[Array, "B C H W"]) -> Float[Array, "B D"]:
        """A vector an image: that of the quarters, then that of the scales."""
        x = maps.transpose(0, 2, 3, 1)
        half_h, half_w = x.shape[1] // 2, x.shape[2] // 2
        quarters = []
        for i in range(4):
            top, left = i // 2 * half_h, i % 2 * half_w
            quarter = x[:, top : top + half_h, left : left + half_w]
            for stage, stride in ((2, 2), (3, 1)):
                name = f"layer{stage + 1}_1_p{i + 1}"
                quarter = _blocks(self.settings, quarter, name, _ATTENTIVE, stage, stride)
            quarters.append(quarter.mean((1, 2)))
        for stage in (2, 3):
            x = _blocks(self.settings, x, f"layer{stage + 1}_2", _SCALED, stage, 2)
        return jnp.concatenate([sum(quarters) / len(quarters), x.mean((1, 2))], -1)


def plan(settings: Settings) -> Plan:
    """The parts: what the branches have in common, and the branches as what is pooled."""
    side = 64
    return Plan(
        front=Part(Front(settings)),
        layers=(),
        pooled=Part(Branches(settings)),
        size=settings.hidden_sizes[1],
        pooled_size=2 * settings.hidden_sizes[-1],
        example=example(3, side, side),
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("module.",),
    unused=re.compile(r".*\.num_batches_tracked|fc_[12]\..*"),
)
