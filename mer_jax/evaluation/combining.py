"""The ways in which an ensemble's members come together, and their predictions out of fold."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.evaluation import decoding, greedy, members, stacking
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.metrics import EMOTION, VALENCE
from mer_jax.task import Task
from mer_jax.ways import GREEDY, MEAN, STACKING


class Rule(Protocol):
    """What makes one prediction of the members'."""

    weights: members.Weights

    def predict(self, of_members: Sequence[Predictions]) -> Predictions:
        """What the members predict together of N clips."""


class Equal(NamedTuple):
    """The plain mean of the members' probabilities and of their valences."""

    weights: members.Weights

    def predict(self, of_members: Sequence[Predictions]) -> Predictions:
        """What the members predict together."""
        return members.mean(of_members)


def equal(task: Task, of_members: Sequence[Predictions], _: Labels | None = None) -> Equal:
    """The plain mean, which looks at no label."""
    share = np.full(len(of_members), 1 / len(of_members))
    heads = {EMOTION: task.classes, VALENCE: task.valence_range}
    return Equal({head: share for head, has in heads.items() if has})


Fit = Callable[[Task, Sequence[Predictions], Labels], Rule]
FITS: Mapping[str, Fit] = {MEAN: equal, GREEDY: greedy.fit, STACKING: stacking.fit}


def out_of_fold(
    fit: Fit, task: Task, of_members: Sequence[Predictions], labels: Labels, fold: np.ndarray
) -> Predictions:
    """What the members predict together of each clip, by a rule that saw none of its fold's labels.

    `fold` is int [N]; a rule is fitted to the clips of the other folds.
    """
    found = Predictions(*(None if x is None else np.empty_like(x) for x in of_members[0][:2]))
    for number in np.unique(fold):
        held = fold == number
        of_others = labels.rows(~held)
        rule = fit(task, members.rows(of_members, ~held), of_others)
        predicted = rule.predict(members.rows(of_members, held))
        for whole, part in zip(found[:2], predicted[:2], strict=True):
            if whole is not None:
                whole[held] = part
    return found


class Split(NamedTuple):
    """What all members predict of the N clips of a split."""

    names: np.ndarray  # str [N]
    members: list[Predictions]
    labels: Labels
    out_of_fold: bool  # whether each member was trained without the clips that it predicts


class Combined(NamedTuple):
    """What an ensemble predicts of each split, how well, and how much each member counts."""

    predictions: dict[str, Predictions]
    scores: dict[str, dict[str, Any]]
    weights: members.Weights
    calibration: dict[str, Any] | None = None  # of the clips out of fold; None: none are known


def combine(
    task: Task,
    by: str,
    splits: Mapping[str, Split],
    fold: np.ndarray | None,
    *,
    resamples: int,
    seed: int,
    judged: np.ndarray | None = None,
) -> Combined:
    """Brings the members together by one of `FITS`, whose rule is fitted to the split out of fold.

    That split itself is predicted, and scored, fold by fold: by rules that saw none of the fold's
    labels. `fold` is int [N] of its clips; None where nothing is fitted, for the plain mean.
    `judged` are the folds that are calibrated by the others, where they are not the same.
    """
    judged = fold if judged is None else judged
    fit = FITS[by]
    if fold is None:
        rule = equal(task, next(iter(splits.values())).members)
    else:
        own = next(of for of in splits.values() if of.out_of_fold)
        rule = fit(task, own.members, own.labels)
    predictions, scores, calibration = {}, {}, None
    for name, of in splits.items():
        if of.out_of_fold and fold is not None:
            together = out_of_fold(fit, task, of.members, of.labels, fold)
        else:
            together = rule.predict(of.members)
        predictions[name] = together
        scores[name] = members.scores(
            task, together, of.members, of.labels, resamples=resamples, seed=seed
        )
        scores[name]["out_of_fold"] = of.out_of_fold
        if of.out_of_fold and judged is not None:
            calibration = decoding.calibration_of(task, together, of.labels, judged)
    return Combined(predictions, scores, rule.weights, calibration)


def content(names: Sequence[str], by: str, found: Combined, resamples: int) -> dict[str, Any]:
    """What ensemble.json holds; `names` are the members'."""
    return {
        "members": list(names),
        "combine": by,
        "weights": {
            head: dict(zip(names, of_head.tolist(), strict=True))
            for head, of_head in found.weights.items()
        },
        "resamples": resamples,
        "calibration": found.calibration,
        "splits": found.scores,
    }
