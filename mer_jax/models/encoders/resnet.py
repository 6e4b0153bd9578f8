"""ResNet (He et al. 2016) with the statistics of its training: images to maps of features."""

import re
from typing import NamedTuple

import jax
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders.encoder import Part, Plan, example
from mer_jax.models.encoders.family import Family, Tensors
from mer_jax.models.encoders.layers import Convolution, activation

_NARROWING = 4  # of a bottleneck's channels


class Settings(NamedTuple):
    """What config.json says, with transformers' defaults: ResNet-50."""

    num_channels: int = 3
    embedding_size: int = 64
    hidden_sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    depths: tuple[int, ...] = (3, 4, 6, 3)
    layer_type: str = "bottleneck"
    hidden_act: str = "relu"
    downsample_in_first_stage: bool = False
    downsample_in_bottleneck: bool = False


class BatchNorm(nn.Module):
    """Normalises each channel by the mean and variance that training has left."""

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B H W C"]:
        """The channels, scaled and moved."""

        def vector(name, initial):
            return self.param(name, initial, (x.shape[-1],)).reshape(1, 1, 1, -1)

        zeros, ones = nn.initializers.zeros, nn.initializers.ones
        scale = vector("weight", ones) * jax.lax.rsqrt(vector("running_var", ones) + self.epsilon)
        return (x - vector("running_mean", zeros)) * scale + vector("bias", zeros)


def convolved(
    x: Float[Array, "B H W C"], name: str, norm: str, size: int, kernel: int = 3, stride: int = 1
) -> Float[Array, "B I J D"]:
    """A convolution without bias and its normalisation, submodules of the module that calls it."""
    x = Convolution(size, (kernel, kernel), stride, kernel // 2, use_bias=False, name=name)(x)
    return BatchNorm(name=norm)(x)


class Block(nn.Module):
    """A convolution without bias, normalised, then an activation by its name."""

    features: int
    kernel: int = 3
    stride: int = 1
    act: str = ""  # none

    @nn.compact
    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B I J D"]:
        """The features of each place."""
        x = convolved(x, "convolution", "normalization", self.features, self.kernel, self.stride)
        return activation(self.act)(x) if self.act else x


class Front(nn.Module):
    """A wide convolution and the largest of each 3 x 3 places."""

    settings: Settings

    @nn.compact
    def __call__(self, images: Float[Array, "B C H W"], mask: Bool[Array, "B W"]):
        """The first stage's input [B, D, H / 4, W / 4]; the mask is not asked."""
        settings = self.settings
        x = Block(settings.embedding_size, 7, 2, settings.hidden_act, name="embedder.embedder")(
            images.transpose(0, 2, 3, 1)
        )
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        return (x.transpose(0, 3, 1, 2),)


class Stage(nn.Module):
    """Residual layers of one size."""

    settings: Settings
    features: int
    depth: int
    stride: int

    @nn.compact
    def __call__(self, maps: Float[Array, "B C H W"]) -> Float[Array, "B D I J"]:
        """The next maps; the first layer takes every `stride`-th place."""
        x = maps.transpose(0, 2, 3, 1)
        for i in range(self.depth):
            x = self._residual(x, f"layers.{i}", self.stride if i == 0 else 1)
        return x.transpose(0, 3, 1, 2)

    def _residual(self, x, name, stride):
        act = self.settings.hidden_act
        shortcut = x
        if x.shape[-1] != self.features or stride != 1:
            shortcut = Block(self.features, 1, stride, name=f"{name}.shortcut")(x)
        if self.settings.layer_type == "bottleneck":
            narrow = self.features // _NARROWING
            early, late = (stride, 1) if self.settings.downsample_in_bottleneck else (1, stride)
            blocks = ((narrow, 1, early, act), (narrow, 3, late, act), (self.features, 1, 1, ""))
        else:
            blocks = ((self.features, 3, stride, act), (self.features, 3, 1, ""))
        for i, block in enumerate(blocks):
            x = Block(*block, name=f"{name}.layer.{i}")(x)
        return activation(act)(x + shortcut)


class Pooled(nn.Module):
    """The mean over all places."""

    @nn.compact
    def __call__(self, maps: Float[Array, "B C H W"]) -> Float[Array, "B C"]:
        """One vector an image."""
        return maps.mean((2, 3))


def plan(settings: Settings) -> Plan:
    """The parts: the front and a part a stage."""
    sizes = zip(settings.hidden_sizes, settings.depths, strict=True)
    first_stride = 2 if settings.downsample_in_first_stage else 1
    side = 64
    return Plan(
        front=Part(Front(settings)),
        layers=tuple(
            Part(Stage(settings, size, depth, 2 if i else first_stride), f"encoder.stages.{i}.")
            for i, (size, depth) in enumerate(sizes)
        ),
        pooled=Part(Pooled()),
        size=settings.hidden_sizes[-1],
        example=example(settings.num_channels, side, side),
    )


# The parts of torchvision's names: of the front, of a layer's convolutions, of its shortcut.
_FRONT = re.compile(r"(?P<kind>conv|bn)1\.(?P<leaf>\w+)")
_INSIDE = re.compile(
    r"layer(?P<stage>\d)\.(?P<layer>\d+)\.(?P<kind>conv|bn)(?P<place>\d)\.(?P<leaf>\w+)"
)
_SHORTCUT = re.compile(
    r"layer(?P<stage>\d)\.(?P<layer>\d+)\.downsample\.(?P<kind>\d)\.(?P<leaf>\w+)"
)
_KINDS = {"conv": "convolution", "0": "convolution", "bn": "normalization", "1": "normalization"}


def _renamed(name: str) -> str:
    """Transformers' name of a weight that torchvision calls `name`."""
    found = _FRONT.fullmatch(name) or _INSIDE.fullmatch(name) or _SHORTCUT.fullmatch(name)
    if found is None:
        return name
    of = found.groupdict()
    where = "embedder.embedder"
    if "stage" in of:
        where = f"encoder.stages.{int(of['stage']) - 1}.layers.{of['layer']}"
        where += f".layer.{int(of['place']) - 1}" if "place" in of else ".shortcut"
    return f"{where}.{_KINDS[of['kind']]}.{of['leaf']}"


def prepare(tensors: Tensors) -> Tensors:
    """The weights by transformers' names, also where torchvision saved them."""
    if "conv1.weight" not in tensors:
        return tensors
    return {_renamed(name): tensor for name, tensor in tensors.items()}


FAMILY = Family(
    settings=Settings,
    plan=plan,
    prefixes=("resnet.", "module."),
    unused=re.compile(r".*\.num_batches_tracked|classifier\..*|fc\..*"),
    prepare=prepare,
)
