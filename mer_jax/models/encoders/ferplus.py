"""ResNet-50 and SENet-50 of faces, as Albanie's models of FER+ have them (Albanie et al. 2018).

They came from Caffe: the places that a stage takes are chosen by its first convolution, and the
first maximum begins at the edge. The features are those that MER 2023 takes: of the rectified
3 x 3 convolution in the last block, before its channels are widened again.
"""

import re
from typing import NamedTuple

import jax
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family
from mer_jax.models.encoders.layers import Convolution
from mer_jax.models.encoders.resnet import Pooled, convolved

_WIDENING = 4  # of a block's channels


class Settings(NamedTuple):
    """What config.json says; the defaults are the published models', whose files have no config."""

    stem: int = 64
    narrow: tuple[int, ...] = (64, 128, 256, 512)  # channels inside the blocks of each stage
    depths: tuple[int, ...] = (3, 4, 6, 3)
    squeeze: int = 0  # SENet's: by how much a block's channels are narrowed for their weights


class Front(nn.Module):
    """A wide convolution and the largest of each 3 x 3 places."""

    settings: Settings

    @nn.compact
    def __call__(self, images: Float[Array, "B C H W"], mask: Bool[Array, "B W"]):
        """The first stage's input [B, D, H / 4, W / 4]; the mask is not asked."""
        x = _normalised(images.transpose(0, 2, 3, 1), "conv1_7x7_s2", self.settings.stem, 7, 2)
        x = jax.nn.relu(x)
        # Every place is in some window: the last ones may reach behind the edge.
        behind = tuple((0, -(size - 3) % 2) for size in x.shape[1:3])
        return (nn.max_pool(x, (3, 3), (2, 2), behind).transpose(0, 3, 1, 2),)


def _normalised(x, name, size, kernel=1, stride=1):
    """`convolved` with the names of these files."""
    return convolved(x, name, f"{name}_bn", size, kernel, stride)


class Stage(nn.Module):
    """Blocks of one size; of the last stage, all but the end of the last block."""

    settings: Settings
    number: int  # in the names of the weights, from 2
    is_last: bool

    @nn.compact
    def __call__(self, maps: Float[Array, "B C H W"]) -> Float[Array, "B D I J"]:
        """The next maps."""
        settings = self.settings
        narrow, depth = settings.narrow[self.number - 2], settings.depths[self.number - 2]
        x = maps.transpose(0, 2, 3, 1)
        for block in range(1, depth + 1):
            name = f"conv{self.number}_{block}"
            stride = 2 if block == 1 and self.number > 2 else 1
            inner = jax.nn.relu(_normalised(x, f"{name}_1x1_reduce", narrow, 1, stride))
            inner = jax.nn.relu(_normalised(inner, f"{name}_3x3", narrow, 3))
            if self.is_last and block == depth:
                x = inner
                break
            wide = _normalised(inner, f"{name}_1x1_increase", _WIDENING * narrow)
            if settings.squeeze:
                wide = wide * self._weights(wide, name)
            if block == 1:
                x = _normalised(x, f"{name}_1x1_proj", _WIDENING * narrow, 1, stride)
            x = jax.nn.relu(x + wide)
        return x.transpose(0, 3, 1, 2)

    def _weights(self, x, name):
        """A weight for each channel, by the channels' means (Hu et al. 2018)."""
        size = x.shape[-1]
        means = x.mean((1, 2), keepdims=True)
        means = Convolution(size // self.settings.squeeze, (1, 1), name=f"{name}_1x1_down")(means)
        weights = Convolution(size, (1, 1), name=f"{name}_1x1_up")(jax.nn.relu(means))
        return jax.nn.sigmoid(weights)


def plan(settings: Settings) -> Plan:
    """The parts: the front and a part a stage."""
    stages, side = len(settings.depths), 64
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(Part(Stage(settings, i + 2, i + 1 == stages)) for i in range(stages)),
        pooled=Part(Pooled()),
        size=settings.narrow[-1],
        example=example(3, side, side),
    )


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("module.",),
    # The end of the last block, and the classes.
    unused=re.compile(
        r".*\.num_batches_tracked|classifier\..*|conv5_3_1x1_(increase|down|up)(_bn)?\..*"
    ),
)
