"""Stacking (Wolpert 1992): linear models over what an ensemble's members predict out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.evaluation import members
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.metrics import EMOTION, VALENCE
from mer_jax.task import Task

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression, Ridge

# L2, as scikit-learn has it: members are much alike, and of few clips weights of opposite signs
# would come out large.
_INVERSE_PENALTY = 0.1  # C, of the multinomial logistic regression
_PENALTY = 1.0  # alpha, of the ridge regression
# Newton's steps: members are so alike that a first-order method takes minutes for 10,000 clips.
_SOLVER, _TOLERANCE, _MOST_STEPS = "newton-cholesky", 1e-6, 100


class Stacked(NamedTuple):
    """The fitted models; None for a head that the task lacks."""

    emotion: LogisticRegression | None
    valence: list[Ridge] | None  # one; of several numbers one each
    weights: members.Weights  # each member's share of the coefficients' absolute sum

    def predict(self, of_members: Sequence[Predictions]) -> Predictions:
        """What the models make of the members' predictions."""
        emotion = valence = None
        if self.emotion is not None:
            logits = of_members[0].emotion
            probability = np.zeros(logits.shape)
            # A class that no clip had is predicted of none.
            probability[:, self.emotion.classes_] = self.emotion.predict_proba(_logs(of_members))
            emotion = members.as_logits(probability)
        if self.valence is not None:
            columns = zip(self.valence, _valences(of_members), strict=True)
            found = [model.predict(values_NxM) for model, values_NxM in columns]
            shape = of_members[0].valence.shape
            valence = np.stack(found, 1).reshape(shape).astype(np.float32)
        return Predictions(emotion, valence)


def fit(task: Task, of_members: Sequence[Predictions], labels: Labels) -> Stacked:
    """Multinomial logistic regression over the members' log-probabilities, ridge over valences.

    Fitted to the labelled ones of N clips that the members predict out of fold.

    Raises:
      InputError: they are all of one class.
    """
    from sklearn.linear_model import LogisticRegression, Ridge  # a second, which trainings spare

    emotion = valence = None
    weights = {}
    if task.classes:
        known = labels.emotion_mask
        if len(np.unique(labels.emotion[known])) < 2:
            raise InputError(
                "stacking needs clips of two classes or more in the other folds; choose another way"
            )
        emotion = LogisticRegression(
            C=_INVERSE_PENALTY, solver=_SOLVER, tol=_TOLERANCE, max_iter=_MOST_STEPS
        )
        emotion.fit(_logs(members.rows(of_members, known)), labels.emotion[known])
        weights[EMOTION] = _shares(emotion.coef_, len(of_members))
    if task.valence_range:
        count = len(labels.valence)
        true_NxV = labels.valence.reshape(count, -1)
        known_NxV = labels.valence_mask.reshape(count, -1)
        valence = [
            Ridge(alpha=_PENALTY).fit(values_NxM[known_N], true_N[known_N])
            for values_NxM, true_N, known_N in zip(
                _valences(of_members), true_NxV.T, known_NxV.T, strict=True
            )
        ]
        weights[VALENCE] = _shares(np.stack([of.coef_ for of in valence]), len(of_members))
    return Stacked(emotion, valence, weights)


def _logs(of_members: Sequence[Predictions]) -> np.ndarray:
    """The members' log-probabilities side by side: float64 [N, M C]."""
    logs = [jax.nn.log_softmax(of.emotion) for of in of_members]
    return np.concatenate(logs, axis=1).astype(np.float64)


def _valences(of_members: Sequence[Predictions]) -> np.ndarray:
    """The members' valences side by side, by number where there are several: float64 [V, N, M]."""
    count = len(of_members[0].valence)
    each = [of.valence.reshape(count, -1) for of in of_members]
    return np.stack(each, 2).transpose(1, 0, 2).astype(np.float64)


def _shares(coefficients: np.ndarray, count: int) -> np.ndarray:
    """By member the share of the coefficients' absolute sum: [M]."""
    rows = np.atleast_2d(coefficients)  # each holds the first member's columns, then the next's
    total = np.abs(rows).reshape(len(rows), count, -1).sum((0, 2))
    return total / max(total.sum(), np.finfo(float).tiny)
