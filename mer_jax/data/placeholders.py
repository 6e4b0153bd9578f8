"""Which labels of a split are placeholders, written where nobody has labelled a clip.

MER 2023's release writes ("neutral", -10) for every clip of a test set, the preparation of MER 2024
to 2026 "neutral" without a valence, others a class and a valence of their own. One clip does not
tell a placeholder from a label: what the whole split shows does, beside what train shows.
"""

import collections
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mer_jax.data.labels import MISSING_EMOTION, Label
from mer_jax.task import Task

AUTO, HIDE, KEEP = "auto", "unlabelled", "labels"
MODES = (AUTO, HIDE, KEEP)
NEUTRAL = "neutral"
# A split is one of placeholders where labels drawn as train's would be so much alike with a
# probability below this; a label's share in train counts as this much at least.
_IMPROBABLE = 1e-3
# What every placeholder of the field says needs less: a few clips, each of them neutral.
_IMPROBABLE_NEUTRAL = 0.02
_LEAST_SHARE = 0.2
_MOST = 0.8  # the share of a split that placeholders have where some were filled in


class Found(NamedTuple):
    """The clips of a split whose labels are placeholders, and why; "" where there is none."""

    names: frozenset[str]
    why: str


def find(
    labels: Mapping[str, Label],
    released: Iterable[str] | None,
    train: Iterable[Label],
    task: Task,
    mode: str = AUTO,
) -> Found:
    """The placeholders among a split's labels.

    `released` names the clips that are written as the release writes a placeholder, None in a
    file that has nothing of the release's form; `train` are the labels of train, where they are
    known; `mode` is a value of `config.data.placeholders`.
    """
    known = {name: label for name, label in labels.items() if _pair(label) != _NOTHING}
    if mode == KEEP or not known:
        return _NONE
    pairs = collections.Counter(map(_pair, known.values()))
    bare = frozenset(name for name, label in known.items() if _is_bare_neutral(label, task))
    if mode == HIDE:
        found = frozenset(known) if len(pairs) == 1 else bare
        return Found(found, "config.data.placeholders=unlabelled" if found else "")
    of_train = [_pair(label) for label in train if _pair(label) != _NOTHING]
    if released is not None:
        if known.keys() <= set(released):
            pair = next(iter(pairs))
            return Found(frozenset(known), f"every clip is {_words(pair, task)}")
        without = sum(math.isnan(label.valence) for label in known.values())
        if bare and len(bare) == without and any(valence is not None for _, valence in of_train):
            others = "clips of train" if without == len(known) else "others"
            return Found(bare, f"{len(bare)} are {NEUTRAL!r} without a valence; {others} have one")
    return _improbably_alike(known, pairs, of_train, task)


def _improbably_alike(
    known: Mapping[str, Label], pairs: collections.Counter, of_train: list, task: Task
) -> Found:
    """The clips of the commonest label where it is too common for a split like train."""
    pair, count = pairs.most_common(1)[0]
    share = of_train.count(pair) / max(len(of_train), 1)
    chance = _chance(count, len(known), max(share, _LEAST_SHARE))
    is_neutral = NEUTRAL in task.classes and pair[0] == task.classes.index(NEUTRAL)
    most = _IMPROBABLE_NEUTRAL if is_neutral and count == len(known) else _IMPROBABLE
    if not of_train or count < _MOST * len(known) or chance >= most:
        return _NONE
    alike = frozenset(name for name, label in known.items() if _pair(label) == pair)
    said = "every clip is" if count == len(known) else f"{count} of {len(known)} are"
    return Found(alike, f"{said} {_words(pair, task)}, as {share:.0%} of train are")


_NONE = Found(frozenset(), "")
_NOTHING = (None, None)


def _pair(label: Label) -> tuple[int | None, float | tuple[float, ...] | None]:
    emotion = None if label.emotion == MISSING_EMOTION else label.emotion
    return emotion, (label.numbers or label.valence) if label.has_number else None


def _is_bare_neutral(label: Label, task: Task) -> bool:
    is_neutral = NEUTRAL in task.classes and label.emotion == task.classes.index(NEUTRAL)
    return is_neutral and not label.has_number


def _words(pair: tuple[int | None, float | None], task: Task) -> str:
    emotion, valence = pair
    words = [] if emotion is None else [repr(task.classes[emotion])]
    if task.valence_range:
        words.append("without a valence" if valence is None else f"with valence {valence:g}")
    return " ".join(words)


def _chance(count: int, clips: int, share: float) -> float:
    """The chance, by Chernoff's bound, that so many of `clips` have a label of that `share`."""
    observed = count / clips
    if observed <= share:
        return 1.0
    divergence = observed * math.log(observed / share)
    if observed < 1:
        divergence += (1 - observed) * math.log((1 - observed) / (1 - share))
    return math.exp(-clips * divergence)
