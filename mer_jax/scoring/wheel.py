"""The emotion-wheel scores of MER2025 and MER2026 (track 2), and AffectGPT's hit rate."""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mer_jax.scoring.open_vocabulary import Words, check_lengths

LEVELS = ("level1", "level2")
SCORES = ("f1", "precision", "recall")


class Wheels:
    """The maps from a word to its sector on each wheel.

    Args:
      forms: a word -> the base words that it is a form of.
      synonyms: a base word -> words of the wheels.
      wheels: wheel -> level -> a word of that wheel -> its sector.
    """

    def __init__(
        self,
        forms: Mapping[str, Sequence[str]],
        synonyms: Mapping[str, Sequence[str]],
        wheels: Mapping[str, Mapping[str, Mapping[str, str]]],
    ):
        self.forms, self.synonyms, self.wheels = forms, synonyms, wheels
        self.words = functools.cache(self._words)
        self.sector = functools.cache(self._sector)

    def __iter__(self):
        return iter(self.wheels)

    def known(self, word: str) -> bool:
        """Whether the word lists have the word at all."""
        return word.lower().strip() in self.forms

    def _words(self, word: str) -> tuple[str, ...]:
        """The words of any wheel that a word may stand for, in alphabetical order."""
        bases = self.forms.get(word.lower().strip(), ())
        return tuple(sorted({near for base in bases for near in self.synonyms.get(base, ())}))

    def _sector(self, word: str, wheel: str, level: str) -> str | None:
        """The sector of the first of its words that stands in the wheel; None: it is dropped."""
        sectors = self.wheels[wheel][level]
        return next((sectors[near] for near in self.words(word) if near in sectors), None)

    def sectors(self, words: Words, wheel: str, level: str) -> frozenset[str]:
        """The sectors of a list of words."""
        found = (self.sector(word, wheel, level) for word in words)
        return frozenset(sector for sector in found if sector is not None)


class OnWheel(NamedTuple):
    """The N clips on one wheel; those whose labels leave no sector do not count."""

    labels: list[frozenset[str]]
    predicted: list[frozenset[str]]
    counted: np.ndarray  # bool [N]
    precision: np.ndarray  # float64 [N], 0 where not counted
    recall: np.ndarray


class WheelScores(NamedTuple):
    """Scores at one level: by wheel, and their means over the wheels."""

    level: str
    wheels: dict[str, OnWheel]

    def by_wheel(self) -> dict[str, dict[str, float]]:
        """F1, precision and recall of each wheel; NaN where no clip counts."""
        once = np.ones((1, self._clips()))
        return {
            wheel: {name: float(value[0]) for name, value in _of_wheel(on, once).items()}
            for wheel, on in self.wheels.items()
        }

    def scores(self) -> dict[str, float]:
        """The score, `f1`, and its two parts: means over the wheels."""
        return {
            name: float(v[0]) for name, v in self.statistic(np.ones((1, self._clips()))).items()
        }

    def statistic(self, counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
        """The scores of resamples, for mer_jax.resampling."""
        found = [_of_wheel(on, counts_RxN) for on in self.wheels.values()]
        return {name: np.mean([of[name] for of in found], axis=0) for name in SCORES}

    def _clips(self) -> int:
        return len(next(iter(self.wheels.values())).counted)


def f1_of(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """2PR / (P + R) of means, 0 where both are 0, NaN stays."""
    total = precision + recall
    return np.where(total == 0, 0.0, 2 * precision * recall / np.where(total == 0, 1, total))


def _of_wheel(on: OnWheel, counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
    counted = counts_RxN @ on.counted
    counted = np.where(counted, counted, np.nan)
    precision, recall = (counts_RxN @ of / counted for of in (on.precision, on.recall))
    return {"f1": f1_of(precision, recall), "precision": precision, "recall": recall}


def score_wheels(
    labels: Sequence[Words], predictions: Sequence[Words], wheels: Wheels, level: str = "level1"
) -> WheelScores:
    """Scores N clips on every wheel at one level.

    A clip's precision and recall compare the sets of sectors and are 0 without a predicted one; F1
    is that of their means over the clips. A clip whose labels leave no sector on a wheel does not
    count there.

    Raises:
      ValueError: the numbers of clips differ, there is none, or the level is unknown.
    """
    check_lengths(labels, predictions)
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; one of: {', '.join(LEVELS)}")
    return WheelScores(
        level, {wheel: _on_wheel(labels, predictions, wheels, wheel, level) for wheel in wheels}
    )


def _on_wheel(
    labels: Sequence[Words], predictions: Sequence[Words], wheels: Wheels, wheel: str, level: str
) -> OnWheel:
    truth, guess = ([wheels.sectors(w, wheel, level) for w in of] for of in (labels, predictions))
    both = np.array([len(g & p) for g, p in zip(truth, guess, strict=True)], np.float64)
    size_truth, size_guess = (np.array([len(each) for each in of]) for of in (truth, guess))
    counted = size_truth > 0
    precision = np.where(counted, both / np.maximum(size_guess, 1), 0.0)
    return OnWheel(truth, guess, counted, precision, both / np.maximum(size_truth, 1))


class HitRates(NamedTuple):
    """AffectGPT's MER-UniBench scores of labels of one word, by wheel at level 1."""

    counted: dict[str, np.ndarray]  # wheel -> bool [N]: the label has a sector
    hits: dict[str, np.ndarray]  # wheel -> float64 [N]
    shares: dict[str, np.ndarray]  # hits among the predicted sectors that are any label's

    def scores(self) -> dict[str, float]:
        """The means over clips and then wheels."""
        clips = len(next(iter(self.hits.values())))
        return {name: float(v[0]) for name, v in self.statistic(np.ones((1, clips))).items()}

    def statistic(self, counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
        """The scores of resamples, for mer_jax.resampling."""
        found: dict[str, list[np.ndarray]] = {"hit_rate": [], "hit_share": []}
        for wheel, counted in self.counted.items():
            n = counts_RxN @ counted
            n = np.where(n, n, np.nan)
            found["hit_rate"].append(counts_RxN @ self.hits[wheel] / n)
            found["hit_share"].append(counts_RxN @ self.shares[wheel] / n)
        return {name: np.mean(values, axis=0) for name, values in found.items()}


def hit_rates(labels: Sequence[Words], predictions: Sequence[Words], wheels: Wheels) -> HitRates:
    """The share of clips whose label's sector is among the predicted, and that among the sectors
    of all labels that are predicted, 0 where there are none.

    Raises:
      ValueError: a clip has not exactly one label, or the numbers of clips differ.
    """
    check_lengths(labels, predictions)
    if any(len(words) != 1 for words in labels):
        raise ValueError("the hit rate needs labels of one word")
    counted, hits, shares = {}, {}, {}
    for wheel in wheels:
        on = _on_wheel(labels, predictions, wheels, wheel, LEVELS[0])
        any_label = frozenset().union(*on.labels)
        hit = np.array([float(len(g & p)) for g, p in zip(on.labels, on.predicted, strict=True)])
        among = np.array([len(guess & any_label) for guess in on.predicted])
        counted[wheel], hits[wheel] = on.counted, hit
        shares[wheel] = hit / np.maximum(among, 1)
    return HitRates(counted, hits, shares)
