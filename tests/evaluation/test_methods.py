"""Which method a grid with config.semi.method="auto" uses, and what is said of the others."""

import numpy as np
import pytest

from mer_jax.corpora import MELD
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import methods
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.training.grid import Outcome
from mer_jax.training.plan import Run

CLIPS, CLASSES = 60, len(MELD.task.classes)
TRIALS = [
    {"train.learning_rate": 1.0}, {"train.learning_rate": 2.0},
    {"train.learning_rate": 1.0, "semi.method": "graph"},
    {"train.learning_rate": 2.0, "semi.method": "graph"},
    {"train.learning_rate": 1.0, "semi.method": "freematch"},
]  # fmt: skip
IN_FOLDS = (0.3, 0.5, 0.9, 0.8, 0.7)  # the folds' scores, which choose among a method's trials


def outcomes(failed=()):
    return [
        Outcome(Run(trial, 0, fold), -1 if trial in failed else 2, {"dis": dis, "acc": dis}, {})
        for trial, dis in enumerate(IN_FOLDS)
        for fold in (0, 1)
    ]


def choice(right, failed=()):
    """The choice where each trial predicts so many of the clips, the first ones, rightly."""
    true = np.arange(CLIPS) % 2
    labels = Labels(
        true.astype(np.int32), np.ones(CLIPS, bool), np.zeros(CLIPS, np.float32),
        np.zeros(CLIPS, bool),
    )  # fmt: skip
    asked = []

    def validated(trial):
        asked.append(trial)
        told = np.where(np.arange(CLIPS) < right[trial], true, 1 - true)
        return Predictions(np.eye(CLASSES, dtype=np.float32)[told], None), labels

    return methods.choose(outcomes(failed), TRIALS, MELD.task, validated, 0), asked


def test_the_best_method_is_used_where_it_helps_by_more_than_chance():
    found, asked = choice({1: 40, 2: 52, 4: 48})
    assert found.trial == 2
    assert asked == [1, 2, 4]  # the best of each by its folds
    by_method = {row["method"]: row for row in found.recorded}
    assert list(by_method) == ["supervised", "graph", "freematch"]
    assert [row["used"] for row in found.recorded] == [False, True, False]
    graph = by_method["graph"]
    assert graph["score"] == pytest.approx(52 / 60)
    assert graph["difference"] == pytest.approx(12 / 60)
    low, high = graph["interval"]
    spread = 1.96 * np.sqrt(0.2 * 0.8 / CLIPS)
    np.testing.assert_allclose([low, high], [0.2 - spread, 0.2 + spread], atol=0.03)
    assert by_method["supervised"]["difference"] is None


@pytest.mark.parametrize("right", [{1: 40, 2: 40, 4: 38}, {1: 40, 2: 41, 4: 30}])
def test_what_helps_by_chance_alone_is_not_used(right):
    found, _ = choice(right)
    assert found.trial == 1
    assert [row["used"] for row in found.recorded] == [True, False, False]


def test_a_method_that_helps_is_used_though_a_luckier_one_is_not_there():
    found, _ = choice({1: 40, 3: 60, 4: 48}, failed=(2,))
    assert found.trial == 3
    assert choice({4: 48}, failed=(2, 3, 1, 0))[0] == (4, [])
    assert choice({1: 40, 4: 48}, failed=(2, 3))[0].trial == 4
