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


def choice(right, failed=(), trials=TRIALS, few=False, confident=None, first=None):
    """The choice where each trial predicts so many of the clips, from its `first` on, rightly.

    `confident` are trials' factors of the logits.
    """
    true = np.arange(CLIPS) % 2
    labels = Labels(
        true.astype(np.int32), np.ones(CLIPS, bool), np.zeros(CLIPS, np.float32),
        np.zeros(CLIPS, bool),
    )  # fmt: skip
    asked = []

    def validated(trial):
        asked.append(trial)
        place = (np.arange(CLIPS) - (first or {}).get(trial, 0)) % CLIPS
        told = np.where(place < right[trial], true, 1 - true)
        logits = np.eye(CLASSES, dtype=np.float32)[told] * (confident or {}).get(trial, 1)
        return Predictions(logits, None), labels

    return methods.choose(outcomes(failed), trials, MELD.task, validated, 0, few=few), asked


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


def test_of_few_clips_the_least_brier_score_decides_if_by_a_standard_error():
    found, _ = choice({1: 40, 2: 42, 4: 38}, few=True)
    assert found.trial == 2  # by 1.4 of them: two clips of 60 are better, none worse
    # Seven are better and five worse: the same mean, by 0.6 of them.
    assert choice({1: 40, 2: 42, 4: 38}, few=True, first={2: 5})[0].trial == 1
    assert choice({1: 40, 2: 39, 4: 38}, few=True)[0].trial == 1
    assert choice({1: 60, 2: 60, 4: 60}, few=True)[0].trial == 1  # equal
    # The best single confidence is the share of right clips; the other classes share the rest.
    wrong = 18 / 60
    share = wrong / (CLASSES - 1)
    of_right = wrong**2 + (CLASSES - 1) * share**2
    of_wrong = (1 - wrong) ** 2 + (1 - share) ** 2 + (CLASSES - 2) * share**2
    expected = (1 - wrong) * of_right + wrong * of_wrong
    logged = {row["method"]: row["brier"] for row in found.recorded}
    assert logged["graph"] < logged["supervised"] < logged["freematch"]
    assert logged["graph"] == pytest.approx(expected, rel=1e-6)


def test_confidence_alone_decides_nothing():
    plain, _ = choice({1: 40, 2: 38, 4: 38}, few=True)
    scaled, _ = choice({1: 40, 2: 38, 4: 38}, few=True, confident={1: 50.0, 4: 0.1})
    assert plain.trial == scaled.trial == 1
    for one, other in zip(plain.recorded, scaled.recorded, strict=True):
        assert one["brier"] == pytest.approx(other["brier"], rel=1e-4)


def test_where_supervised_training_is_right_on_all_clips_their_confidence_decides():
    all_right = {1: 60, 2: 60, 4: 60}
    found, _ = choice(all_right, few=True, confident={1: 2.0, 2: 8.0, 4: 4.0})
    assert found.trial == 2
    assert [row["brier"] for row in found.recorded] == pytest.approx([0, 0, 0], abs=1e-6)
    assert choice(all_right, few=True, confident={1: 4.0, 2: 2.0, 4: 3.0})[0].trial == 1
    # A method that is wrong on many clips is not used, however sure of the others.
    mixed, _ = choice({1: 60, 2: 40, 4: 60}, few=True, confident={1: 2.0, 2: 50.0, 4: 2.0})
    assert mixed.trial == 1


def test_of_few_clips_a_method_that_sees_their_labels_stands_back():
    trials = [*TRIALS[:4], {"train.learning_rate": 1.0, "semi.method": "pseudo_label"}]
    right = {1: 40, 2: 45, 4: 58}
    assert choice(right, trials=trials)[0].trial == 4
    found, _ = choice(right, trials=trials, few=True)
    assert found.trial == 2
    assert [row["used"] for row in found.recorded] == [False, True, False]


def test_one_clip_that_is_wrong_for_certain_does_not_decide():
    """Nine of ten are right, one is wrong by far: a log loss of 1.01, and of six in ten 0.68."""
    true = np.zeros(10, np.int32)
    every = np.ones(10, bool)
    labels = Labels(true, every, true.astype(np.float32), ~every)
    even = np.full((10, CLASSES), -9, np.float32)
    even[:, :2] = [1, 0]
    even[6:, :2] = [0, 1]
    sure = np.zeros((10, CLASSES), np.float32)
    sure[:, 0] = 2
    sure[9, 0] = -4
    logits = {1: even, 2: sure, 4: -sure}
    found = methods.choose(
        outcomes(), TRIALS, MELD.task, lambda trial: (Predictions(logits[trial], None), labels), 0,
        few=True,
    )  # fmt: skip
    assert found.trial == 2
