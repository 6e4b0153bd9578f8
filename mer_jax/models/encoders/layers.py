"""The layers of pretrained encoders: parameters named and shaped as in PyTorch's checkpoints.

A submodule's name is the dotted path of its weights in the checkpoint, so that parameters are
found by their names without a table of translations.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mer_jax.errors import InputError

HIDDEN_FOREVER = -1e30  # a score of what is masked: its weight is exactly 0 in float32
draw = nn.initializers.normal(0.02)  # BERT's; only for encoders that are not loaded

Activation = Callable[[Array], Array]


def _gelu(x):
    return 0.5 * x * (1 + jax.lax.erf(x * 0.5**0.5))  # faster on a CPU than JAX's, which takes erfc


ACTIVATIONS: dict[str, Activation] = {  # by their names in config.json
    "gelu": _gelu,
    "gelu_new": jax.nn.gelu,  # by tanh
    "gelu_pytorch_tanh": jax.nn.gelu,
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
}


def activation(name: str) -> Activation:
    """The activation of that name; raises InputError for one that is not here."""
    if name not in ACTIVATIONS:
        raise InputError(f"no activation {name!r}; one of: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def _over_last(vector, x):
    """A vector as what broadcasts over all but the last axis of `x`."""
    return vector.reshape((1,) * (x.ndim - 1) + (-1,))


class Linear(nn.Module):
    """x W^T + b over the last axis."""

    features: int
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch H"]:
        """Maps the last axis to `features`."""
        weight_HxD = self.param("weight", draw, (self.features, x.shape[-1]))
        y = jax.lax.dot_general(x, weight_HxD, (((x.ndim - 1,), (1,)), ((), ())))
        if self.use_bias:
            y = y + _over_last(self.param("bias", nn.initializers.zeros, (self.features,)), y)
        return y


class LayerNorm(nn.Module):
    """Normalises the last axis."""

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch D"]:
        """Mean 0 and variance 1, then weight and bias."""
        size = (x.shape[-1],)
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + self.epsilon)
        weight = self.param("weight", nn.initializers.ones, size)
        bias = self.param("bias", nn.initializers.zeros, size)
        return x * _over_last(weight, x) + _over_last(bias, x)


def feed_forward(
    x: Float[Array, "*batch D"], size: int, act: str, names: tuple[str, str]
) -> Float[Array, "*batch D"]:
    """Two dense layers, `size` wide between them, with an activation by its name.

    They become submodules of the module that calls it.
    """
    wide, back = names
    return Linear(x.shape[-1], name=back)(activation(act)(Linear(size, name=wide)(x)))


class ChannelNorm(nn.Module):
    """Normalises each channel over a clip's own frames: GroupNorm with a group a channel.

    With `together` all channels are one group.
    """

    epsilon: float = 1e-5
    together: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """Mean 0 and variance 1 over the frames of `mask`, then weight and bias."""
        size = (x.shape[-1],)
        axes = (1, 2) if self.together else (1,)
        own_BxTx1 = mask[..., None]
        count_Bx1x1 = jnp.maximum(own_BxTx1.sum(1, keepdims=True), 1).astype(x.dtype)
        count_Bx1x1 = count_Bx1x1 * (x.shape[-1] if self.together else 1)

        def mean(values):  # of a product with the mask XLA takes ten times as long on a CPU
            return jnp.where(own_BxTx1, values, 0).sum(axes, keepdims=True) / count_Bx1x1

        x = x - mean(x)
        x = x * jax.lax.rsqrt(mean(jnp.square(x)) + self.epsilon)
        weight = self.param("weight", nn.initializers.ones, size)
        bias = self.param("bias", nn.initializers.zeros, size)
        return x * _over_last(weight, x) + _over_last(bias, x)


class Convolution(nn.Module):
    """A convolution over the axes between the first and the last, channels last."""

    features: int
    kernel: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    groups: int = 1
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "B *space D"]) -> Float[Array, "B *out H"]:
        """Maps the channels to `features`; the weights are [H, D / groups, *kernel]."""
        shape = (self.features, x.shape[-1] // self.groups, *self.kernel)
        space = "HW"[: len(self.kernel)]
        y = jax.lax.conv_general_dilated(
            x,
            self.param("weight", draw, shape),
            (self.stride,) * len(self.kernel),
            [(self.padding, self.padding)] * len(self.kernel),
            dimension_numbers=(f"N{space}C", f"OI{space}", f"N{space}C"),
            feature_group_count=self.groups,
        )
        if self.use_bias:
            y = y + _over_last(self.param("bias", nn.initializers.zeros, (self.features,)), y)
        return y


class Embedding(nn.Module):
    """A table of vectors by number."""

    count: int
    features: int

    @nn.compact
    def __call__(self) -> Float[Array, "V D"]:
        """The whole table."""
        return self.param("weight", draw, (self.count, self.features))


def attend(
    query: Float[Array, "B T D"],
    key: Float[Array, "B T D"],
    value: Float[Array, "B T D"],
    heads: int,
    mask: Bool[Array, "B T"] | None = None,
    bias: Float[Array, "B H T T"] | None = None,
) -> Float[Array, "B T D"]:
    """Softmax attention of `heads` heads to the frames of `mask`; `bias` is added to the scores."""
    split = (*query.shape[:2], heads, -1)
    query_BxTxHxD, key_BxTxHxD, value_BxTxHxD = (x.reshape(split) for x in (query, key, value))
    scale = query_BxTxHxD.shape[-1] ** -0.5
    score_BxHxTxT = jnp.einsum("bthd,bshd->bhts", query_BxTxHxD * scale, key_BxTxHxD)
    if bias is not None:
        score_BxHxTxT = score_BxHxTxT + bias
    if mask is not None:
        score_BxHxTxT = jnp.where(mask[:, None, None, :], score_BxHxTxT, HIDDEN_FOREVER)
    weight_BxHxTxT = jax.nn.softmax(score_BxHxTxT, axis=-1)
    return jnp.einsum("bhts,bshd->bthd", weight_BxHxTxT, value_BxTxHxD).reshape(query.shape)


class Attention(nn.Module):
    """Multi-head self-attention with the four projections named as in most checkpoints."""

    heads: int
    key_bias: bool = True
    names: tuple[str, str, str, str] = ("q_proj", "k_proj", "v_proj", "out_proj")

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"] | None = None,
        bias: Float[Array, "B H T T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """Attends from every frame to the frames of `mask`."""
        query, key, value, output = self.names
        size = x.shape[-1]
        attended = attend(
            Linear(size, name=query)(x),
            Linear(size, self.key_bias, name=key)(x),
            Linear(size, name=value)(x),
            self.heads,
            mask,
            bias,
        )
        return Linear(size, name=output)(attended)
