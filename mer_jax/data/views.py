"""Views of clips: chains of augmentations of features, weak or strong."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from mer_jax import random_bits
from mer_jax.errors import InputError
from mer_jax.settings import NAME, Kind

NEIGHBOURS = "neighbours"  # the augmentation that needs to know which clips are near each other
Pairs = Callable[[Key[Array, ""], tuple[int, ...]], tuple[Array, Array]]
WORD_PAIRS = functools.partial(random_bits.word_pairs, rounds=random_bits.FEWEST_ROUNDS)
Features = dict[str, Array]  # by modality: float32 [B, D], or [B, T, D] at frame level


class Others(NamedTuple):
    """Another clip for each clip of a batch."""

    features: Features  # in the shapes of the batch's
    frame_mask: dict[str, Array]  # by frame-level modality: bool [B, T], False for padding


class Inputs(NamedTuple):
    """What an augmentation takes of a batch."""

    features: Features
    frame_mask: dict[str, Array]  # by frame-level modality: bool [B, T], False for padding
    deviation: dict[str, Array]  # by modality [D]
    neighbour: Others | None = None  # one of each clip's nearest clips; None: no view takes it
    words: Iterator[Features] = iter(())  # 32 random bits for each value, new ones by `next`


def noise(key: Key[Array, ""], inputs: Inputs, strength: float) -> Features:
    """Adds nearly Gaussian noise of `strength` times each column's deviation."""
    del key
    words = next(inputs.words)
    drawn = {m: strength * random_bits.normal_of(words[m]) for m in inputs.features}
    return {
        m: x + jnp.broadcast_to(inputs.deviation[m], x.shape) * drawn[m]
        for m, x in inputs.features.items()
    }


def feature_dropout(key: Key[Array, ""], inputs: Inputs, strength: float) -> Features:
    """Zeroes each value with probability `strength` and rescales the others."""
    del key
    words = next(inputs.words)
    return {
        m: jnp.where(random_bits.bernoulli_of(words[m], 1 - strength), x / (1 - strength), 0)
        for m, x in inputs.features.items()
    }


def modality_dropout(key: Key[Array, ""], inputs: Inputs, strength: float) -> Features:
    """Zeroes one modality, drawn for each clip, in a share `strength` of the clips.

    Never the only one: with a single modality clips stay as they are.
    """
    features = inputs.features
    if len(features) == 1:
        return features
    drop_key, which_key = jax.random.split(key)
    rows = next(iter(features.values())).shape[0]
    dropped_B = random_bits.bernoulli(drop_key, strength, (rows,))
    which_B = random_bits.random_words(which_key, (rows,)) % len(features)
    return {
        m: jnp.where(_by_clip(dropped_B & (which_B == i), x), 0, x)
        for i, (m, x) in enumerate(features.items())
    }


def mixup(key: Key[Array, ""], inputs: Inputs, strength: float) -> Features:
    """Moves each clip towards another of the batch by a share drawn from [0, `strength`].

    At most half way (Zhang et al., ICLR 2018, with the larger share's clip giving the target).
    """
    share_key, order_key = jax.random.split(key)
    rows = next(iter(inputs.features.values())).shape[0]
    share_B = jax.random.uniform(share_key, (rows, 1), maxval=strength)[:, 0]
    other_B = jax.random.permutation(order_key, rows)
    return moved(inputs.features, inputs.frame_mask, share_B, other_B)


def neighbours(key: Key[Array, ""], inputs: Inputs, strength: float) -> Features:
    """Moves each clip towards one of its nearest clips by a share drawn from [0, `strength`].

    At most half way, as mixup. Between a clip and its neighbour lies what clips of their class look
    like, where noise leads out of all classes in all directions alike.
    """
    assert inputs.neighbour is not None
    rows = next(iter(inputs.features.values())).shape[0]
    share_B = jax.random.uniform(key, (rows, 1), maxval=strength)[:, 0]
    return _towards(inputs.features, inputs.frame_mask, share_B, inputs.neighbour)


def moved(
    features: Features, frame_mask: dict[str, Array], share_B: Array, other_B: Array
) -> Features:
    """Each clip moved by its share [B] towards the clip at its row `other_B`, int [B].

    A frame moves towards that clip's frame at its place, and stays where either clip has ended.
    """
    others = Others(
        {m: x[other_B] for m, x in features.items()},
        {m: mask[other_B] for m, mask in frame_mask.items()},
    )
    return _towards(features, frame_mask, share_B, others)


def _towards(
    features: Features, frame_mask: dict[str, Array], share_B: Array, others: Others
) -> Features:
    mixed = {}
    for m, x in features.items():
        mixed[m] = x + _by_clip(share_B, x) * (others.features[m] - x)
        if m in frame_mask:
            both = frame_mask[m] & others.frame_mask[m]
            mixed[m] = jnp.where(both[..., None], mixed[m], x)
    return mixed


def time_masking(key: Key[Array, ""], inputs: Inputs, strength: float) -> Features:
    """Zeroes a span of frames, drawn for each clip, up to a share `strength` of its frames.

    As SpecAugment does to a spectrogram (Park et al., Interspeech 2019). Vectors of whole
    utterances have no time: they stay as they are.
    """
    return {
        m: _span_masked(k, x, inputs.frame_mask[m], strength) if m in inputs.frame_mask else x
        for k, (m, x) in _keyed(key, inputs.features)
    }


def _span_masked(
    key: Key[Array, ""], x_BxTxD: Array, mask_BxT: Array, strength: float
) -> Float[Array, "B T D"]:
    length_Bx1, place_Bx1 = jax.random.uniform(key, (2, len(x_BxTxD), 1))
    frames_Bx1 = mask_BxT.sum(1, keepdims=True)
    length_Bx1 = jnp.floor(length_Bx1 * (jnp.floor(strength * frames_Bx1) + 1))
    start_Bx1 = jnp.floor(place_Bx1 * (frames_Bx1 - length_Bx1 + 1))
    frame_BxT = jnp.cumsum(mask_BxT, axis=1) - 1  # each frame's number in its clip
    masked_BxT = (frame_BxT >= start_Bx1) & (frame_BxT < start_Bx1 + length_Bx1)
    return jnp.where(masked_BxT[..., None], 0, x_BxTxD)


def _by_clip(value_B: Array, x: Array) -> Array:
    """One value a clip, shaped so that it multiplies or chooses within `x` [B, ...]."""
    return value_B.reshape(-1, *(1 for _ in x.shape[1:]))


Augmentation = Callable[[Key[Array, ""], Inputs, float], Features]
AUGMENTATIONS: dict[str, Augmentation] = {
    "noise": noise,
    "feature_dropout": feature_dropout,
    "modality_dropout": modality_dropout,
    "mixup": mixup,
    "time_masking": time_masking,
    NEIGHBOURS: neighbours,
}
_MOST = {
    "noise": 100.0,
    "feature_dropout": 0.99,
    "modality_dropout": 1.0,
    "mixup": 0.5,
    "time_masking": 1.0,
    NEIGHBOURS: 0.5,
}
View = tuple[tuple[str, float], ...]  # augmentations in their order, each with its strength


def parse(text: str, where: str) -> View:
    """Reads a view such as `"noise 0.5, feature_dropout 0.3"`; an empty text changes nothing.

    Raises InputError, beginning with `where`, for an unknown augmentation or a strength out of
    range.
    """
    view = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition(" ")
        if name not in AUGMENTATIONS:
            raise InputError(
                f"{where}: unknown augmentation {name!r}; one of: {', '.join(AUGMENTATIONS)}"
            )
        try:
            strength = float(number)
        except ValueError:
            strength = -1.0
        if not 0 <= strength <= _MOST[name]:
            raise InputError(
                f"{where}: {part!r}: {name} takes a strength from 0 to {_MOST[name]:g}, such as "
                f'"{name} 0.3"'
            )
        view.append((name, strength))
    return tuple(view)


def takes_neighbours(*seen: View) -> bool:
    """Whether any of some views moves clips towards their neighbours."""
    return any(name == NEIGHBOURS for view in seen for name, _ in view)


def _read(value: Any, where: str) -> str:
    parse(NAME.read(value, where), where)
    return value


KIND = Kind('views such as "noise 0.5, mixup 0.3"', _read)  # of the settings that hold a view


def apply(
    view: View,
    key: Key[Array, ""],
    features: Features,
    frame_mask: dict[str, Array],
    deviation: dict[str, Array],
    neighbour: Others | None = None,
    *,
    pairs: Pairs = WORD_PAIRS,
) -> Features:
    """Augments a batch: every augmentation of the view in turn.

    `frame_mask` is a Batch's; padded frames stay zero. `deviation` is [D] by modality. `neighbour`
    has to be there where the view takes neighbours. `pairs` draws two random words for each value
    of a shape.
    """
    words = _words(jax.random.fold_in(key, len(view)), features, pairs)
    for number, (name, strength) in enumerate(view):
        step_key = jax.random.fold_in(key, number)
        seen = Inputs(features, frame_mask, deviation, neighbour, words)
        features = AUGMENTATIONS[name](step_key, seen, strength)
    features = {
        m: jnp.where(frame_mask[m][..., None], x, 0) if m in frame_mask else x
        for m, x in features.items()
    }
    return random_bits.materialised(key, features)


def _words(key: Key[Array, ""], features: Features, draw: Pairs) -> Iterator[Features]:
    """Random words for each value, without end: one call of `draw` gives two of them.

    The draws of its views took a quarter of a step of FixMatch, most of it in making them normal.
    """
    for number in itertools.count():
        pairs = {
            m: draw(k, x.shape) for k, (m, x) in _keyed(jax.random.fold_in(key, number), features)
        }
        for place in (0, 1):
            yield {m: pair[place] for m, pair in pairs.items()}


def _keyed(key: Key[Array, ""], features: Features) -> Any:
    return zip(jax.random.split(key, len(features)), features.items(), strict=True)
