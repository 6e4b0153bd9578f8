"""MulT's Transformer encoder: one modality's frames ask another's, or their own (section 3)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, Int

from mer_jax.models.crossmodal_layer import Layer, Rate, Sight, dropped
from mer_jax.models.transformer import LayerNorm, standardised

_LONGEST_WAVE = 10000  # of the positions, in frames over 2 pi


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
        layer, all_frames = Layer(self.heads, parent=None), sight._replace(last=None)

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
