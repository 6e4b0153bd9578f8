"""ADD 2023's three tracks: equal error rate, manipulated regions, algorithm recognition."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mer_jax.errors import InputError
from mer_jax.scoring.confusion import f1_by_class

ROUND_WEIGHTS = (0.4, 0.6)  # of track 1.2's two rounds
SENTENCE_WEIGHT, SEGMENT_WEIGHT = 0.3, 0.7  # track 2
SLACK_SECONDS = 0.05  # by which segments may leave gaps or end elsewhere than the truth
CLASSES = tuple(str(number) for number in range(8))
UNKNOWN = "7"  # what no known algorithm made


class EqualErrorRate(NamedTuple):
    """Where false alarms and misses are nearest to each other."""

    eer: float
    threshold: float | None  # the score that is still refused; None: below all
    genuine: int
    fake: int


def equal_error_rate(genuine: Sequence[float], fake: Sequence[float]) -> EqualErrorRate:
    """The EER of scores of which a higher one means more genuine; their order plays no part.

    False alarms are the fakes with a score above t, misses the genuine with one at most t; both at
    each distinct score and below all. The EER is their mean at the first t where they are nearest.

    Raises:
      ValueError: there is no genuine or no fake score, or one is not finite.
    """
    values = np.concatenate([np.asarray(genuine, float), np.asarray(fake, float)])
    if not len(genuine) or not len(fake) or not np.isfinite(values).all():
        raise ValueError("needs finite scores of at least one genuine and one fake utterance")
    errors = ErrorRates(np.arange(len(values)) < len(genuine), values)
    counts = np.ones((1, len(values)))
    alarms, misses = (of[0] for of in errors.rates(counts))
    at = errors.nearest(counts)[0]
    threshold = None if at == 0 else float(errors.thresholds[at - 1])
    return EqualErrorRate(float(alarms[at] + misses[at]) / 2, threshold, len(genuine), len(fake))


class ErrorRates:
    """False alarms and misses at each threshold, of the whole set and of resamples."""

    def __init__(self, is_genuine: np.ndarray, scores: np.ndarray):
        order = np.argsort(scores, kind="stable")
        self._order, self._genuine = order, is_genuine[order].astype(np.float64)
        is_last = np.append(np.diff(scores[order]) > 0, True)
        self._last = np.flatnonzero(is_last)
        self.thresholds = scores[order][self._last]

    def _counts(
        self, counts_RxN: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Misses and accepted fakes at each threshold [R, T + 1], and all of both [R, 1]."""
        counts_RxN = counts_RxN[:, self._order]
        genuine, fake = counts_RxN * self._genuine, counts_RxN * (1 - self._genuine)
        missed = np.pad(genuine.cumsum(1)[:, self._last], ((0, 0), (1, 0)))
        refused = np.pad(fake.cumsum(1)[:, self._last], ((0, 0), (1, 0)))
        all_genuine, all_fake = genuine.sum(1, keepdims=True), fake.sum(1, keepdims=True)
        return missed, all_fake - refused, all_genuine, all_fake

    def rates(self, counts_RxN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """False alarms and misses at each threshold, the first below all: float64 [R, T + 1]."""
        missed, accepted, all_genuine, all_fake = self._counts(counts_RxN)
        return accepted / np.maximum(all_fake, 1), missed / np.maximum(all_genuine, 1)

    def nearest(self, counts_RxN: np.ndarray) -> np.ndarray:
        """The first threshold at which both are nearest, in whole numbers: ties are ties."""
        missed, accepted, all_genuine, all_fake = self._counts(counts_RxN)
        return np.abs(accepted * all_genuine - missed * all_fake).argmin(1)

    def statistic(self, counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
        """The EER of resamples, NaN without a genuine or a fake one."""
        at = self.nearest(counts_RxN)[:, None]
        alarms, misses = (np.take_along_axis(r, at, 1)[:, 0] for r in self.rates(counts_RxN))
        _, _, all_genuine, all_fake = self._counts(counts_RxN)
        both = (all_genuine * all_fake)[:, 0] > 0
        return {"eer": np.where(both, (alarms + misses) / 2, np.nan)}


class Utterance(NamedTuple):
    """A line of track 2: `(start, end, is fake)` in seconds, and whether all of it is genuine."""

    segments: tuple[tuple[float, float, bool], ...]
    genuine: bool

    def fakes(self) -> list[tuple[float, float]]:
        """The fake stretches, touching and overlapping ones joined."""
        joined: list[tuple[float, float]] = []
        for start, end in sorted((a, b) for a, b, is_fake in self.segments if is_fake):
            if joined and start <= joined[-1][1]:
                joined[-1] = joined[-1][0], max(end, joined[-1][1])
            else:
                joined.append((start, end))
        return joined

    @property
    def end(self) -> float:
        """The end of its last segment."""
        return max(end for _, end, _ in self.segments)


class RegionScores(NamedTuple):
    """Track 2 of N utterances: flags that agree, and seconds of fake by utterance."""

    agree: np.ndarray  # bool [N]
    true_positive: np.ndarray  # float64 [N], seconds
    false_positive: np.ndarray
    false_negative: np.ndarray

    def scores(self) -> dict[str, float]:
        """Accuracy, precision, recall, F1 and score; F1 and score NaN where nothing is fake."""
        found = self.statistic(np.ones((1, len(self.agree))))
        return {name: float(value[0]) for name, value in found.items()}

    def statistic(self, counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
        """The scores of resamples, for mer_jax.resampling."""
        accuracy = counts_RxN @ self.agree / counts_RxN.sum(1)
        tp, fp, fn = (counts_RxN @ of for of in self[1:])
        share = lambda part, whole: part / np.where(whole, whole, np.nan)  # noqa: E731
        f1 = share(2 * tp, 2 * tp + fp + fn)
        return {
            "sentence_accuracy": accuracy,
            "precision": share(tp, tp + fp),
            "recall": share(tp, tp + fn),
            "f1": f1,
            "score": SENTENCE_WEIGHT * accuracy + SEGMENT_WEIGHT * f1,
        }

    def mean_f1(self) -> float | None:
        """The mean of F1 over the utterances with fake in either; None without any."""
        tp, fp, fn = self[1:]
        total = 2 * tp + fp + fn
        return float((2 * tp[total > 0] / total[total > 0]).mean()) if (total > 0).any() else None


def score_regions(labels: Sequence[Utterance], predictions: Sequence[Utterance]) -> RegionScores:
    """Scores N utterances as track 2 does, by durations summed over all of them."""
    if len(labels) != len(predictions) or not labels:
        raise ValueError(f"{len(labels)} labels and {len(predictions)} predictions")
    rows = []
    for truth, guess in zip(labels, predictions, strict=True):
        t, p = truth.fakes(), guess.fakes()
        both = sum(max(0.0, min(b, d) - max(a, c)) for a, b in t for c, d in p)
        length_t, length_p = (sum(end - start for start, end in of) for of in (t, p))
        rows.append((truth.genuine == guess.genuine, both, length_p - both, length_t - both))
    agree, tp, fp, fn = zip(*rows, strict=True)
    return RegionScores(np.array(agree), *(np.array(of, np.float64) for of in (tp, fp, fn)))


def segment_faults(utterance: Utterance, truth_end: float | None = None) -> list[str]:
    """What is wrong with the segments of an utterance, a few words each.

    Overlaps, gaps and another end than the truth's count from SLACK_SECONDS on.
    """
    faults = []
    segments = utterance.segments
    if any(end < start for start, end, _ in segments):
        faults.append("a segment runs backwards")
    for (_, end, _), (start, _, _) in itertools.pairwise(segments):
        if start < end - SLACK_SECONDS:
            faults.append("segments overlap")
        elif start > end + SLACK_SECONDS:
            faults.append("segments leave a gap")
    if truth_end is not None and abs(utterance.end - truth_end) > SLACK_SECONDS:
        faults.append(f"ends at {utterance.end:g} s, the truth at {truth_end:g} s")
    if utterance.genuine == bool(utterance.fakes()):
        faults.append(f"its flag {int(utterance.genuine)} contradicts its segments")
    return list(dict.fromkeys(faults))


class RecognitionScores(NamedTuple):
    """Track 3: macro F1 over the classes that occur, and its parts."""

    matrix: np.ndarray  # int [8, 8], true by predicted

    def scores(self) -> dict[str, float]:
        """Macro F1, that of the known classes, F1 of the unknown one, and accuracy."""
        found = self.statistic(self.matrix[None].astype(np.float64))
        return {name: float(value[0]) for name, value in found.items()}

    @staticmethod
    def statistic(matrices_RxKxK: np.ndarray) -> dict[str, np.ndarray]:
        """The scores of confusion matrices."""
        f1 = f1_by_class(matrices_RxKxK)
        occurs = matrices_RxKxK.sum(1) + matrices_RxKxK.sum(2) > 0
        n = lambda of: np.where(of.sum(1), of.sum(1), np.nan)  # noqa: E731
        known = occurs[:, :-1]
        return {
            "macro_f1": (f1 * occurs).sum(1) / n(occurs),
            "known_macro_f1": (f1[:, :-1] * known).sum(1) / n(known),
            "unknown_f1": np.where(occurs[:, -1], f1[:, -1], np.nan),
            "accuracy": np.trace(matrices_RxKxK, axis1=1, axis2=2) / matrices_RxKxK.sum((1, 2)),
        }

    def f1_by_class(self) -> dict[str, float]:
        """F1 of each class, 0 for one that does not occur."""
        return dict(zip(CLASSES, f1_by_class(self.matrix[None])[0].tolist(), strict=True))


def score_recognition(labels: Sequence[str], predictions: Sequence[str]) -> RecognitionScores:
    """Scores N utterances' classes, 0 to 6 known and 7 unknown, as track 3 does.

    Raises InputError for another class.
    """
    if len(labels) != len(predictions) or not labels:
        raise ValueError(f"{len(labels)} labels and {len(predictions)} predictions")
    matrix = np.zeros((len(CLASSES), len(CLASSES)), int)
    for pair in zip(labels, predictions, strict=True):
        for name in pair:
            if name not in CLASSES:
                raise InputError(f"unknown class {name!r}; one of: {', '.join(CLASSES)}")
        matrix[int(pair[0]), int(pair[1])] += 1
    return RecognitionScores(matrix)
