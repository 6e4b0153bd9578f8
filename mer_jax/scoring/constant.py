"""The best constant list of words: what a system scores that hears and sees nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mer_jax.scoring import wheel as wheel_lib
from mer_jax.scoring.open_vocabulary import Groups, Words, canonical
from mer_jax.scoring.wheel import Wheels

CANDIDATES = 100  # the most frequent words of the labels
LONGEST = 8  # words of the list
_NO_SECTOR = -1


class _View(NamedTuple):
    """What the candidate words become in each clip: on one wheel, or after the clip's groups."""

    becomes: np.ndarray  # int [N, C]: equal numbers are one word; _NO_SECTOR: dropped
    right: np.ndarray  # bool [N, C]: a label becomes the same
    size: np.ndarray  # int [N]: how many the clip's labels become; 0: the clip does not count


def constant_for_sets(
    labels: Sequence[Words], groups: Sequence[Groups] | None = None
) -> tuple[str, ...]:
    """The words that, predicted for every clip, score the highest average; see `_greedy`."""
    candidates = _frequent(labels)
    maps = [canonical(of) for of in groups] if groups else [{} for _ in labels]
    numbers: dict[str, int] = {}
    number = lambda word: numbers.setdefault(word, len(numbers))  # noqa: E731
    truth = [
        {becomes.get(word.lower(), word.lower()) for word in words}
        for words, becomes in zip(labels, maps, strict=True)
    ]
    guess = [[becomes.get(word, word) for word in candidates] for becomes in maps]
    view = _View(
        np.array([[number(word) for word in words] for words in guess]),
        np.array([[w in of for w in words] for words, of in zip(guess, truth, strict=True)]),
        np.array([len(of) for of in truth]),
    )

    def average(precision_xC: list[np.ndarray], recall_xC: list[np.ndarray]) -> np.ndarray:
        return (precision_xC[0] + recall_xC[0]) / 2

    return _greedy(candidates, [view], average)


def constant_for_wheels(
    labels: Sequence[Words], wheels: Wheels, level: str = "level1"
) -> tuple[str, ...]:
    """The words that, predicted for every clip, score the highest F1 over the wheels."""
    candidates = _frequent(labels)
    views = []
    for wheel in wheels:
        truth = [wheels.sectors(words, wheel, level) for words in labels]
        guess = [wheels.sector(word, wheel, level) for word in candidates]
        sectors = sorted({sector for sector in guess if sector is not None})
        ids = [_NO_SECTOR if s is None else sectors.index(s) for s in guess]
        views.append(
            _View(
                np.broadcast_to(np.array(ids), (len(labels), len(candidates))),
                np.array([[s is not None and s in of for s in guess] for of in truth]),
                np.array([len(of) for of in truth]),
            )
        )

    def f1(precision_xC: list[np.ndarray], recall_xC: list[np.ndarray]) -> np.ndarray:
        pairs = zip(precision_xC, recall_xC, strict=True)
        return np.mean([wheel_lib.f1_of(*pair) for pair in pairs], axis=0)

    return _greedy(candidates, views, f1)


def _frequent(labels: Sequence[Words]) -> list[str]:
    counts = Counter(word for words in labels for word in {w.lower().strip() for w in words})
    return sorted(counts, key=lambda word: (-counts[word], word))[:CANDIDATES]


def _greedy(
    candidates: Sequence[str],
    views: Sequence[_View],
    objective: Callable[[list[np.ndarray], list[np.ndarray]], np.ndarray],
) -> tuple[str, ...]:
    """Adds the word that raises the objective most, until none does or the list is LONGEST.

    All lists would be too many to try; the first of equally good words is the more frequent.
    """
    if not candidates or not all((view.size > 0).any() for view in views):
        return ()
    chosen: list[int] = []
    best = 0.0
    in_list = [view.becomes == _NO_SECTOR for view in views]  # adds nothing
    size = [np.zeros(len(view.size)) for view in views]
    hits = [np.zeros(len(view.size)) for view in views]
    while len(chosen) < LONGEST:
        precision, recall = [], []
        for view, inside, n, right in zip(views, in_list, size, hits, strict=True):
            counts = view.size > 0
            hits_NxC = right[:, None] + (view.right & ~inside)
            precision_NxC = hits_NxC / np.maximum(n[:, None] + ~inside, 1)
            recall_NxC = hits_NxC / np.maximum(view.size, 1)[:, None]
            precision.append(precision_NxC[counts].mean(0))
            recall.append(recall_NxC[counts].mean(0))
        scores = objective(precision, recall)
        word = int(scores.argmax())
        if scores[word] <= best:
            break
        best = float(scores[word])
        chosen.append(word)
        for i, view in enumerate(views):
            new = ~in_list[i][:, word]
            size[i] = size[i] + new
            hits[i] = hits[i] + (view.right[:, word] & new)
            in_list[i] = in_list[i] | (view.becomes == view.becomes[:, word][:, None])
    return tuple(candidates[i] for i in chosen)
