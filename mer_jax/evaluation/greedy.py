"""Greedy selection of an ensemble's members, with replacement (Caruana et al., ICML 2004)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mer_jax import metrics
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import ensemble, members
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.metrics import EMOTION, METRICS, SIGN, VALENCE
from mer_jax.task import Task

PICKS = 50  # at most; the weights are multiples of a share, and more picks change them little


class Weighted(NamedTuple):
    """A weighted mean of the members' probabilities and of their valences."""

    weights: members.Weights

    def predict(self, of_members: Sequence[Predictions]) -> Predictions:
        """What the members predict together."""
        return members.mean(of_members, self.weights)


def fit(task: Task, of_members: Sequence[Predictions], labels: Labels) -> Weighted:
    """The weights that raise the score on N labelled clips, for each head of the task its own.

    Emotions are chosen by the task's selection metric where that judges them alone, else by `dis`;
    valences likewise, else by `dim`: Com is the sum of the two. With targets these are `macro_f1`
    and `ccc`, whose sum chooses there; a member has one weight for all targets.
    """
    first = of_members[0]
    weights = {}
    if first.emotion is not None:
        candidates = np.stack([ensemble.probabilities(of) for of in of_members])

        def of_emotion(probability: np.ndarray) -> float:
            logits = members.as_logits(probability)
            return score(task, first._replace(emotion=logits), labels, EMOTION)

        weights[EMOTION] = pick(candidates, of_emotion)
    if first.valence is not None:
        candidates = np.stack([of.valence for of in of_members])

        def of_valence(valence: np.ndarray) -> float:
            return score(task, first._replace(valence=valence), labels, VALENCE)

        weights[VALENCE] = pick(candidates, of_valence)
    return Weighted(weights)


def pick(candidates: np.ndarray, score: Callable[[np.ndarray], float]) -> np.ndarray:
    """How much each of M candidates [M, ...] counts in the best mean that picks came to: [M].

    One at a time, whichever makes the mean of all picks best is added, also one that is among them;
    the first of equals, so that a candidate that is there twice changes nothing.
    """
    total = np.zeros(candidates.shape[1:])
    picked = np.zeros(len(candidates))
    best, chosen = -np.inf, None
    for count in range(1, PICKS + 1):
        found = [score((total + each) / count) for each in candidates]
        place = int(np.argmax(np.nan_to_num(found, nan=-np.inf)))
        total += candidates[place]
        picked[place] += 1
        if chosen is None or found[place] > best:
            best, chosen = found[place], picked / count
    return chosen


def judging(task: Task, head: str) -> str:
    """The metric that a head by itself is chosen by."""
    if set(METRICS[task.selection].needs) - {SIGN} == {head}:
        return task.selection
    of_targets = {EMOTION: "macro_f1", VALENCE: "ccc"}  # the two parts of f1_ccc
    return (of_targets if task.targets else {EMOTION: "dis", VALENCE: "dim"})[head]


def score(task: Task, predictions: Predictions, labels: Labels, head: str) -> float:
    """The metric that one head by itself is chosen by, as more is better; NaN without a label."""
    name = judging(task, head)
    weight = np.ones(len(labels.emotion))
    found = metrics.compute(
        task, predictions.emotion, predictions.valence, labels, weight, only=(name,)
    )
    return METRICS[name].sign * float(found[name])
