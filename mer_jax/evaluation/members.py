"""Several trained models as members of one ensemble: their weighted mean, and the scores of all."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError, counted, first_few
from mer_jax.evaluation import bootstrap, counts, ensemble
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.metrics import EMOTION, VALENCE
from mer_jax.task import Task

_SMALLEST = np.finfo(np.float32).tiny  # keeps the logarithm of a probability of 0 finite


class Member(NamedTuple):
    """What one trained model predicts of the N clips of a split."""

    name: str  # what messages call it: its workdir
    names: np.ndarray  # str [N], sorted
    predictions: Predictions  # logits [N, C], valence [N]


Weights = Mapping[str, np.ndarray]  # of M members, by head, EMOTION and VALENCE: float64 [M]


def mean(members: Sequence[Predictions], weights: Weights | None = None) -> Predictions:
    """The mean of the members' probabilities, as logits, and of their valences.

    Logits of different models are of different scales, so that their own mean would weigh the
    surest model most; a softmax of these logits gives the mean probabilities. Without `weights`
    every member counts alike.
    """
    emotion = valence = None
    if members[0].emotion is not None:
        each = [ensemble.probabilities(of) for of in members]
        emotion = as_logits(_mean(each, weights and weights[EMOTION]))
    if members[0].valence is not None:
        each = [of.valence for of in members]
        valence = _mean(each, weights and weights[VALENCE]).astype(np.float32)
    return Predictions(emotion, valence)


def as_logits(probability: np.ndarray) -> np.ndarray:
    """The logarithm of probabilities, finite where one is 0: float32 of their shape."""
    return np.log(np.maximum(probability, _SMALLEST)).astype(np.float32)


def _mean(each: Sequence[np.ndarray], weight_M: np.ndarray | None) -> np.ndarray:
    if weight_M is None:
        return np.mean(each, 0, np.float64)
    return np.tensordot(weight_M / weight_M.sum(), np.asarray(each, np.float64), 1)


def rows(members: Sequence[Predictions], chosen: np.ndarray) -> list[Predictions]:
    """What each member predicts of some clips, by a mask or by number."""
    return [Predictions(*of[:2]).rows(chosen) for of in members]


def check_tasks(tasks: Mapping[str, Task]) -> None:
    """Refuses members, by name, that predict something else than the first."""
    (first, ours), *others = tasks.items()
    for name, theirs in others:
        for what in ("classes", "targets", "valence_range"):
            mine, other = getattr(ours, what) or "none", getattr(theirs, what) or "none"
            if mine != other:
                raise InputError(
                    f"{name}: its {what.replace('_', ' ')}: {_words(other)}, those of {first}: "
                    f"{_words(mine)}; members of an ensemble predict the same"
                )


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(f"{each}" for each in value)


def difference(members: Sequence[Member]) -> str | None:
    """The sentence on members that do not predict the same clips, None where all do."""
    first = members[0]
    for other in members[1:]:
        different = sorted(set(first.names.tolist()) ^ set(other.names.tolist()))
        if different:
            return (
                f"{counted(len(different), 'name')} in {first.name} or {other.name}, but not in "
                "both: "
                f"{first_few(different)}; members of an ensemble predict the same clips"
            )
    return None


def shared(members: Sequence[Member]) -> tuple[np.ndarray, list[Predictions]]:
    """The names that all members predict, sorted, and what each predicts of these: str [N]."""
    names = functools.reduce(np.intersect1d, (member.names for member in members))
    return names, [
        rows([member.predictions], np.searchsorted(member.names, names))[0] for member in members
    ]


def scores(
    task: Task,
    together: Predictions,
    members: Sequence[Predictions],
    labels: Labels,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The scores of the ensemble and of each member alone, and over how many clips they are."""
    found = {
        "clips": counts.of_labels(task, labels),
        "ensemble": ensemble.score(task, together, labels),
        "members": [ensemble.score(task, each, labels) for each in members],
    }
    if resamples:
        found["interval"] = bootstrap.intervals(task, together, labels, resamples, seed)
    return found
