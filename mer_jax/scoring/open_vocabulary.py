"""Open-vocabulary scores of lists of emotion words: MER2024's groups, or plain sets."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

Words = Sequence[str]
Groups = Sequence[Words]  # each a list of words with one meaning


class Overlap(NamedTuple):
    """One clip: the sets that are compared, and how much of each the other covers."""

    labels: frozenset[str]
    predicted: frozenset[str]
    accuracy: float
    recall: float


class SetScores(NamedTuple):
    """The track's score: the mean over the N clips of each value, and the mean of the two."""

    clips: list[Overlap]

    @property
    def accuracy(self) -> float:
        """The mean of |G∩P| / |P|."""
        return float(np.mean([clip.accuracy for clip in self.clips]))

    @property
    def recall(self) -> float:
        """The mean of |G∩P| / |G|."""
        return float(np.mean([clip.recall for clip in self.clips]))

    @property
    def average(self) -> float:
        """The mean of accuracy and recall."""
        return (self.accuracy + self.recall) / 2

    def scores(self) -> dict[str, float]:
        """The three values by name."""
        return {"accuracy": self.accuracy, "recall": self.recall, "average": self.average}

    def statistic(self, counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
        """The three values of resamples, for mer_jax.resampling."""
        values_Nx2 = np.array([[clip.accuracy, clip.recall] for clip in self.clips])
        means_Rx2 = counts_RxN @ values_Nx2 / counts_RxN.sum(1, keepdims=True)
        return {
            "accuracy": means_Rx2[:, 0],
            "recall": means_Rx2[:, 1],
            "average": means_Rx2.mean(1),
        }


def canonical(groups: Groups) -> dict[str, str]:
    """What each word becomes: the first word of its group, of the later one where it has two."""
    return {word.lower(): group[0].lower() for group in groups for word in group}


def overlap(labels: Words, predicted: Words, groups: Groups = ()) -> Overlap:
    """Compares the words of one clip, in lower case, after those of a group became one.

    Both values are 0 without a prediction; recall is NaN without a label.
    """
    becomes = canonical(groups)
    truth, guess = (
        frozenset(becomes.get(word.lower(), word.lower()) for word in words)
        for words in (labels, predicted)
    )
    both = len(truth & guess)
    recall = both / len(truth) if truth else float("nan")
    return Overlap(truth, guess, both / len(guess) if guess else 0.0, recall)


def score_sets(
    labels: Sequence[Words],
    predictions: Sequence[Words],
    groups: Sequence[Groups] | Mapping[str, str] | None = None,
) -> SetScores:
    """Scores N clips as MER2024's track 3 does; without `groups` words must be equal.

    Args:
      labels: the label words of each clip; no list may be empty, which has no recall.
      predictions: the predicted words of each clip, in the same order.
      groups: for each clip the groups of words with one meaning.

    Raises:
      ValueError: the numbers of clips differ, there is none, or a clip has no label.
    """
    check_lengths(labels, predictions, *([groups] if groups is not None else []))
    if not all(labels):
        raise ValueError("a clip without a label has no recall; leave it out")
    of_clips = itertools.repeat(()) if groups is None else groups
    return SetScores([overlap(*clip) for clip in zip(labels, predictions, of_clips, strict=False)])


def check_lengths(first: Sequence, *others: Sequence) -> None:
    """Refuses lists of clips that are empty or not equally long."""
    lengths = [len(first), *map(len, others)]
    if len(set(lengths)) > 1:
        raise ValueError(f"lists of {' and '.join(map(str, lengths))} clips; they must be as long")
    if not lengths[0]:
        raise ValueError("no clip to score")
