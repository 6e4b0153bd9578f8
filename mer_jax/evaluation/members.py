"""Several trained models as members of one ensemble: their mean, and the scores of all."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError, counted, first_few
from mer_jax.evaluation import bootstrap, counts, ensemble
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task

_SMALLEST = np.finfo(np.float32).tiny  # keeps the logarithm of a probability of 0 finite


class Member(NamedTuple):
    """What one trained model predicts of the N clips of a split."""

    name: str  # what messages call it: its workdir
    names: np.ndarray  # str [N], sorted
    predictions: Predictions  # logits [N, C], valence [N]


def mean(members: Sequence[Predictions]) -> Predictions:
    """The mean of the members' probabilities, as logits, and of their valences.

    Logits of different models are of different scales, so that their own mean would weigh the
    surest model most; a softmax of these logits gives the mean probabilities.
    """
    emotion = valence = None
    if members[0].emotion is not None:
        probability = np.mean([ensemble.probabilities(each) for each in members], 0, np.float64)
        emotion = np.log(np.maximum(probability, _SMALLEST)).astype(np.float32)
    if members[0].valence is not None:
        valence = np.mean([each.valence for each in members], 0, np.float64).astype(np.float32)
    return Predictions(emotion, valence)


def check_tasks(tasks: Mapping[str, Task]) -> None:
    """Refuses members, by name, that predict something else than the first."""
    (first, ours), *others = tasks.items()
    for name, theirs in others:
        for what in ("classes", "valence_range"):
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


def scores(
    task: Task,
    members: Sequence[Predictions],
    labels: Labels,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The scores of the ensemble and of each member alone, and over how many clips they are."""
    together = mean(members)
    found = {
        "clips": counts.of_labels(task, labels),
        "ensemble": ensemble.score(task, together, labels),
        "members": [ensemble.score(task, each, labels) for each in members],
    }
    if resamples:
        found["interval"] = bootstrap.intervals(task, together, labels, resamples, seed)
    return found
