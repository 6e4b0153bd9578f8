"""MulT's Transformer encoder: one modality's frames ask another's, or their own (section 3)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, Num

from mer_jax.models.layers import product
from mer_jax.models.modality_encoders import dropped
from mer_jax.models.transformer import LayerNorm, standardised

_WIDER = 4  # the feed-forward net's inner width, in widths of the encoder
_LONGEST_WAVE = 10000  # of the positions, in frames over 2 pi
Rate = Num[Array, ""] | float


class Sight(NamedTuple):
    """Which frames each frame may look at, and which frame of a clip stands for it at the end."""

    visible: Array  # bool [B or 1, Lq, Lk]
    last: Array | None = None  # int [B]: only this frame's result is wanted


class XavierDense(nn.Module):
    """x W + b with Xavier's uniform initialisation and a bias of zeros."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch H"]:
        """Maps the last axis to `features`."""
        xavier = nn.initializers.xavier_uniform()
        y = product(x, self.param("kernel", xavier, (x.shape[-1], self.features)))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return y + jnp.broadcast_to(bias, y.shape)


class _Attention(nn.Module):
    """Multi-head attention with PyTorch's parameters; also gives the weights."""

    heads: int

    @nn.compact
    def __call__(
        self,
        query: Float[Array, "B Q D"],
        sources: tuple[Array, ...],
        visible: Bool[Array, "_ Q K"],
        rate: Rate,
        train: bool,
    ) -> tuple[Float[Array, "B Q D"], Float[Array, "B h Q K"]]:
        """`sources` are [B, K, D]: one for keys and values, or one for each."""
        width = query.shape[-1]
        xavier = nn.initializers.xavier_uniform()
        kernel = self.param("in_proj_kernel", xavier, (width, 3 * width))
        bias = self.param("in_proj_bias", nn.initializers.zeros, (3 * width,))

        def projected(x: Array, first: int, last: int) -> list[Array]:
            """Queries, keys and values of x, those from `first` to `last`, by head."""
            y = product(x, kernel[:, first * width : last * width])
            y += jnp.broadcast_to(bias[first * width : last * width], y.shape)
            shape = (*x.shape[:2], self.heads, width // self.heads)
            return [part.reshape(shape) for part in jnp.split(y, last - first, axis=-1)]

        if len(sources) == 1 and sources[0] is query:
            q, k, v = projected(query, 0, 3)
        else:
            (q,) = projected(query, 0, 1)
            if len(sources) == 1:
                k, v = projected(sources[0], 1, 3)
            else:
                (k,), (v,) = projected(sources[0], 1, 2), projected(sources[1], 2, 3)
        score = jnp.einsum("bqhd,bkhd->bhqk", q * (width // self.heads) ** -0.5, k)
        never = jnp.finfo(score.dtype).min / 2  # finite: a frame that sees none stays without NaN
        score = jnp.where(visible[:, None], score, never)
        share = dropped(self, jnp.ones_like(score), rate, train) if train else None
        gathered, weight = _gathered(score, share, v)
        gathered = gathered.reshape(query.shape)
        return XavierDense(width, name="out_proj")(gathered), weight


@jax.custom_vjp
def _gathered(score, share, v):
    """What the softmax of scores [B, h, Q, K] gathers of v [B, K, h, D], and its weights.

    `share` is what dropout leaves of each weight, None: all. The weights have no gradient.
    """
    weight = nn.softmax(score)
    kept = weight if share is None else weight * share
    return jnp.einsum("bhqk,bkhd->bqhd", kept, v), weight


def _gathered_forward(score, share, v):
    gathered, weight = _gathered(score, share, v)
    return (gathered, weight), (gathered, weight, share, v)


def _gathered_backward(held, gradient):
    # The softmax's sum over keys of weight times gradient is that of what was gathered over D, as
    # FlashAttention (Dao et al. 2022) has it: short rows of keys are slow to sum on a CPU.
    gathered, weight, share, v = held
    gradient, _ = gradient
    kept = weight if share is None else weight * share
    of_kept = jnp.einsum("bqhd,bkhd->bhqk", gradient, v)
    total_BxhxQx1 = jnp.einsum("bqhd,bqhd->bhq", gradient, gathered)[..., None]
    of_v = jnp.einsum("bhqk,bqhd->bkhd", kept, gradient)
    of_share = None if share is None else jnp.zeros_like(share)
    return kept * of_kept - weight * total_BxhxQx1, of_share, of_v


_gathered.defvjp(_gathered_forward, _gathered_backward)


class _Layer(nn.Module):
    """Attention, then a feed-forward net, a LayerNorm before each, both residual."""

    heads: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B Q D"], sources: tuple, sight: Sight, rate: Rate, train: bool
    ) -> tuple[Float[Array, "B _ D"], Float[Array, "B h _ K"]]:
        """`sources` are the keys' and values' standardised vectors, none for x itself.

        Also the weights.
        """
        norm = LayerNorm(name="layer_norms.0")
        query, visible = norm(x), sight.visible
        sources = tuple(norm(source, is_standard=True) for source in sources) or (query,)
        if sight.last is not None:
            rows = jnp.arange(len(x))
            query, x = (each[rows, sight.last][:, None] for each in (query, x))
            visible = jnp.broadcast_to(visible, (len(x), *visible.shape[1:]))
            visible = visible[rows, sight.last][:, None]
        attention = _Attention(self.heads, name="self_attn")
        gathered, weight = attention(query, sources, visible, rate, train)
        x = x + dropped(self, gathered, rate, train)
        width = x.shape[-1]
        inner = XavierDense(_WIDER * width, name="fc1")(LayerNorm(name="layer_norms.1")(x))
        inner = dropped(self, nn.relu(inner), rate, train)
        fed = XavierDense(width, name="fc2")(inner)
        return x + dropped(self, fed, rate, train), weight


class CrossModalEncoder(nn.Module):
    """Layers in which x asks y, or itself, always y as it came in; a LayerNorm at the end.

    The layers are written out. A loop over them copies what each keeps for the backward pass into
    an array of all layers and out again: a fifth of a step on a CPU, and it compiles no faster.
    """

    layers: int
    heads: int
    twice: bool  # whether keys and values of y have dropout masks of their own, as in the release

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B Q D"],
        y: Float[Array, "B K D"] | None,
        sight: Sight,
        places: tuple[Array, Array] | None,
        rate: Rate,
        train: bool,
    ) -> tuple[Float[Array, "B _ D"], Float[Array, "B K"] | None]:
        """x after all layers. `places` are the numbers of x's and y's frames in their clips.

        They are [B, L] each, for sinusoidal positions; without them there are none. With
        `sight.last` only that frame is given, and the last layer's weights, averaged over heads.
        """

        def embedded(z: Array, place: int) -> Array:
            z = math.sqrt(z.shape[-1]) * z
            if places is not None:
                z = z + positions(places[place], z.shape[-1]).astype(z.dtype)
            return dropped(self, z, rate, train)

        x = embedded(x, 0)
        count = 0 if y is None else 1 + self.twice
        # y stays as it is from layer to layer, so that its part of their first LayerNorm is shared.
        sources = tuple(standardised(embedded(y, 1)) for _ in range(count))
        layer, all_frames = _Layer(self.heads, parent=None), sight._replace(last=None)

        def init(key: Array) -> dict:
            return layer.init(key, x, sources, all_frames, rate, False)["params"]

        def applied(x: Array, params: dict, key: Array, sight: Sight) -> tuple[Array, Array]:
            rngs = {"dropout": key} if train else None
            return layer.apply({"params": params}, x, sources, sight, rate, train, rngs=rngs)

        params = _drawn(self, [f"layers.{i}" for i in range(self.layers)], init)
        key = self.make_rng("dropout") if train else jax.random.key(0)
        keys, weight = jax.random.split(key, self.layers), None
        for i in range(self.layers):
            is_end = i == self.layers - 1 and sight.last is not None
            x, weight = applied(x, params[i], keys[i], sight if is_end else all_frames)
        weight = None if sight.last is None else weight.mean((1, 2))
        return LayerNorm(name="layer_norm")(x), weight


class Question(NamedTuple):
    """What one encoder is given: see CrossModalEncoder."""

    x: Array
    y: Array | None
    sight: Sight
    places: tuple[Array, Array] | None


def side_by_side(
    module: nn.Module,
    encoder: CrossModalEncoder,
    asked: dict[str, Question],
    rate: Rate,
    *,
    train: bool,
) -> dict[str, tuple[Array, Array | None]]:
    """What encoders of one kind give, by the names of their parameters in `module`.

    Those whose questions have equal shapes are computed together. Called inside `__call__`.
    """
    alike: dict[tuple, list[str]] = {}
    for name, question in asked.items():
        alike.setdefault(tuple(jax.tree.map(jnp.shape, question)), []).append(name)
    found = {}
    for names in alike.values():
        questions = [asked[name] for name in names]

        def init(key: Array, question: Question = questions[0]) -> dict:
            return encoder.init(key, *question, rate, False)["params"]

        def applied(params: dict, key: Array, question: Question) -> tuple[Array, Array | None]:
            rngs = {"dropout": key} if train else None
            return encoder.apply({"params": params}, *question, rate, train, rngs=rngs)

        params = _drawn(module, names, init)
        key = module.make_rng("dropout") if train else jax.random.key(0)
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *zip(params, questions, strict=True))
        given = jax.vmap(applied)(stacked[0], jax.random.split(key, len(names)), stacked[1])
        found |= {name: jax.tree.map(lambda y, i=i: y[i], given) for i, name in enumerate(names)}
    return found


def _drawn(module: nn.Module, names: list[str], init: Callable[[Array], dict]) -> list[dict]:
    """The parameters of equal nets by their names in `module`, drawn for all of them at once."""
    if module.is_initializing():
        every = jax.vmap(init)(jax.random.split(module.make_rng("params"), len(names)))
    else:  # only shapes are looked at
        shapes = jax.eval_shape(init, jax.random.key(0))
        every = jax.tree.map(lambda leaf: jnp.zeros((len(names), *leaf.shape), leaf.dtype), shapes)
    return [
        module.param(name, lambda _, i=i: jax.tree.map(lambda leaf: leaf[i], every))
        for i, name in enumerate(names)
    ]


def positions(place_BxL: Int[Array, "B L"], width: int) -> Float[Array, "B L D"]:
    """Sinusoidal positions of frames numbered from 1: sines, then cosines, as fairseq has them."""
    half = max(width // 2, 1)
    rate = jnp.asarray(np.exp(np.arange(half) * -(math.log(_LONGEST_WAVE) / max(half - 1, 1))))
    angle = place_BxL[..., None] * rate[None, None]
    waves = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
    return jnp.pad(waves, ((0, 0), (0, 0), (0, width - waves.shape[-1])))
