"""The numbers of a report against scikit-learn and cases worked by hand."""

import numpy as np
import pytest
import sklearn.dummy
import sklearn.metrics as sk

from mer_jax.corpora import MELD, MER2023
from mer_jax.data.arrays import Labels
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.predicted import Predicted
from mer_jax.reporting import analysis
from mer_jax.task import Task, of_bounds

TASK = MER2023.task
CLASSES = len(TASK.classes)


def labels_of(emotion, valence=None, known=None):
    """Labels; an emotion is missing where `known` is False, a valence where it is None."""
    emotion = np.array(emotion, np.int32)
    known = np.ones(len(emotion), bool) if known is None else np.array(known)
    valence = np.zeros(len(emotion), np.float32) if valence is None else np.float32(valence)
    return Labels(emotion, known, valence, np.ones(len(emotion), bool))


def predicted_of(probability, emotion, known=None, names=None):
    """A split whose softmax is `probability`."""
    logits = np.log(np.array(probability, np.float32))
    names = np.array(names or [f"clip_{i}" for i in range(len(logits))])
    return Predicted(names, Predictions(logits, None), labels_of(emotion, known=known))


@pytest.fixture(scope="module")
def random_split():
    rng = np.random.default_rng(0)
    emotion = rng.integers(0, CLASSES - 1, 200)  # the last class has no clip
    probability = rng.dirichlet(np.ones(CLASSES), 200)
    probability[:, 1] = 1e-9  # and the second is never predicted
    probability /= probability.sum(1, keepdims=True)
    return predicted_of(probability, emotion, known=rng.random(200) < 0.8)


def test_scores_by_class_are_scikit_learns(random_split):
    known = random_split.labels.emotion_mask
    true = random_split.labels.emotion[known]
    guess = random_split.predictions.emotion.argmax(-1)[known]
    confusion = analysis.confusion(random_split)
    np.testing.assert_array_equal(
        confusion, sk.confusion_matrix(true, guess, labels=range(CLASSES))
    )
    expected = sk.precision_recall_fscore_support(
        true, guess, labels=range(CLASSES), zero_division=0
    )
    for found, of_sklearn in zip(analysis.by_class(confusion), expected, strict=True):
        np.testing.assert_allclose(found, of_sklearn)


def test_reliability_by_hand():
    probability = [[0.58, 0.42], [0.55, 0.45], [0.1, 0.9], [0.05, 0.95], [0.3, 0.7], [0.5, 0.5]]
    split = predicted_of(probability, [0, 1, 1, 1, 0, 0])
    found = analysis.reliability(split, 2)
    np.testing.assert_array_equal(found.count, [1, 5])  # 0.5 is in (0, 0.5]
    np.testing.assert_allclose(found.accuracy, [1, 3 / 5])
    np.testing.assert_allclose(found.confidence, [0.5, 3.68 / 5], rtol=1e-6)
    assert found.error == pytest.approx((1 * 0.5 + 5 * (3.68 - 3) / 5) / 6)
    found = analysis.reliability(split, 5)
    np.testing.assert_array_equal(found.count, [0, 0, 3, 1, 2])
    np.testing.assert_allclose(found.accuracy, [np.nan, np.nan, 2 / 3, 0, 1])
    gaps = [abs(2 - 1.63) / 3, 0.7, abs(2 - 1.85) / 2]
    assert found.error == pytest.approx(np.average(gaps, weights=[3, 1, 2]), rel=1e-5)


def test_clips_without_an_emotion_count_nowhere():
    probability = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]
    split = predicted_of(probability, [0, 0, 0], known=[True, True, False])
    assert analysis.confusion(split).sum() == 2
    assert analysis.reliability(split, 10).count.sum() == 2
    assert [m.name for m in analysis.confident_mistakes(split, 5)] == ["clip_1"]


def test_the_surest_mistakes_come_first_and_names_settle_equals():
    probability = [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7], [0.8, 0.2], [0.2, 0.8]]
    names = ["right", "z", "sure", "faint", "other_way", "a"]
    split = predicted_of(probability, [0, 0, 0, 0, 1, 0], names=names)
    found = analysis.confident_mistakes(split, 4)
    assert [m.name for m in found] == ["sure", "a", "other_way", "z"]
    assert found[0][1:3] == (0, 1)
    assert found[2][1:3] == (1, 0)
    assert found[0].confidence == pytest.approx(0.9)


def test_the_floor_is_scikit_learns_dummies():
    rng = np.random.default_rng(1)
    train = labels_of(
        rng.choice(CLASSES, 90, p=[0.1, 0.5, 0.1, 0.1, 0.1, 0.1]), rng.normal(size=90)
    )
    splits = {
        name: labels_of(rng.integers(0, CLASSES, n), rng.normal(size=n), rng.random(n) < 0.7)
        for name, n in (("mer_multi", 40), ("mer_noise", 31))
    }
    of = analysis.constant(TASK, train)
    scores = analysis.constant_scores(TASK, of, splits)
    rows = np.zeros((90, 1))
    by_class = sklearn.dummy.DummyClassifier().fit(rows, train.emotion)
    by_mean = sklearn.dummy.DummyRegressor().fit(rows, train.valence)
    for name, labels in splits.items():
        known, every = labels.emotion[labels.emotion_mask], np.zeros((len(labels.emotion), 1))
        guess = by_class.predict(every)[: len(known)]
        dis = sk.f1_score(known, guess, average="weighted", zero_division=0)
        dim = sk.mean_squared_error(labels.valence, by_mean.predict(every))
        assert scores[name]["dis"] == pytest.approx(dis, rel=1e-5)
        assert scores[name]["acc"] == pytest.approx(sk.accuracy_score(known, guess), rel=1e-5)
        assert scores[name]["dim"] == pytest.approx(dim, rel=1e-5)
        assert scores[name]["com"] == pytest.approx(dis - 0.25 * dim, rel=1e-4)
        assert scores[name]["corr"] is None


def test_a_floor_has_the_halves_of_its_task():
    labels = labels_of([3, 3, 1], [1.0, 2.0, 6.0])
    assert analysis.constant(MELD.task, labels) == (3, ())
    assert analysis.constant(Task((), (-3.0, 3.0)), labels) == (None, (3.0,))
    targets = of_bounds((), ("a", "b"), (0, 9, 0, 9))
    pairs = np.array([[1, 0], [2, 4], [6, 8]], np.float32)
    known = labels._replace(valence=pairs, valence_mask=pairs > 0)
    assert analysis.constant(targets, known) == (None, (3.0, 6.0))
    floor = analysis.constant_scores(targets, analysis.Constant(None, (3.0, 6.0)), {"test": known})
    assert (floor["test"]["mae_a"], floor["test"]["mae_b"]) == (2.0, 2.0)
    assert floor["test"]["corr_a"] is None
    scores = analysis.constant_scores(MELD.task, analysis.Constant(3, ()), {"test": labels})
    assert scores["test"] == pytest.approx(
        {"dis": 2 / 3 * 0.8, "acc": 2 / 3, "macro_f1": (0.8 + 0) / 2, "uar": 1 / 2}
    )
