"""Members chosen and stacked, against a worked case, a search over all picks, and scikit-learn."""

import itertools

import numpy as np
import pytest
import sklearn.metrics as sk
from sklearn.linear_model import LogisticRegression, Ridge

from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.evaluation import calibration, combining, ensemble, greedy, members, stacking
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task
from mer_jax.ways import WAYS

TASK = Task(("a", "b", "c"), (-1.0, 1.0))
CLIPS = 90


@pytest.fixture(scope="module")
def labels():
    rng = np.random.default_rng(0)
    return Labels(
        rng.integers(0, 3, CLIPS).astype(np.int32), rng.random(CLIPS) < 0.9,
        rng.normal(size=CLIPS).astype(np.float32), rng.random(CLIPS) < 0.9,
    )  # fmt: skip


@pytest.fixture(scope="module")
def each(labels):
    """Three members that know something of the labels, the second the least."""
    rng = np.random.default_rng(1)
    found = []
    for share in (1.2, 0.1, 0.8):
        logits = share * np.eye(3)[labels.emotion] + rng.normal(size=(CLIPS, 3))
        valence = share * labels.valence + rng.normal(size=CLIPS)
        found.append(Predictions(logits.astype(np.float32), valence.astype(np.float32)))
    return found


def test_every_way_is_fitted_by_something():
    assert list(combining.FITS) == list(WAYS)


def test_picks_follow_the_worked_case():
    # Target 3. The best alone is 2; 2 with 5 makes 3.5, with 2 stays 2, with -1 makes .5; then
    # (2 + 5 + 2) / 3 is 3.
    found = greedy.pick(np.array([[5.0], [2.0], [-1.0]]), lambda mean: -abs(mean[0] - 3))
    np.testing.assert_allclose(found, [1 / 3, 2 / 3, 0])
    nothing = greedy.pick(np.array([[5.0], [2.0]]), lambda mean: np.nan)
    np.testing.assert_array_equal(nothing, [1, 0])


def by_hand(labels, each, weights):
    """Scikit-learn's Dis and Dim of a weighted mean."""
    weights = np.asarray(weights) / np.sum(weights)
    probability = np.einsum("m,mnc->nc", weights, [ensemble.probabilities(of) for of in each])
    valence = np.einsum("m,mn->n", weights, [of.valence for of in each])
    known = labels.emotion_mask
    dis = sk.f1_score(
        labels.emotion[known], probability.argmax(1)[known], average="weighted", zero_division=0
    )
    known = labels.valence_mask
    return dis, sk.mean_squared_error(labels.valence[known], valence[known])


def test_the_chosen_weights_beat_every_member_and_each_next_pick(labels, each):
    found = greedy.fit(TASK, each, labels).weights
    dis, _ = by_hand(labels, each, found["emotion"])
    _, dim = by_hand(labels, each, found["valence"])
    alone = [by_hand(labels, each, np.eye(3)[i]) for i in range(3)]
    pairs = [
        by_hand(labels, each, np.eye(3)[i] + np.eye(3)[j])
        for i, j in itertools.combinations_with_replacement(range(3), 2)
    ]
    best_alone = int(np.argmax([x for x, _ in alone]))
    assert dis >= max(x for x, _ in alone)
    assert dim < min(x for _, x in alone)
    assert dim <= min(x for _, x in pairs) + 1e-9
    assert found["emotion"][best_alone] > 0
    np.testing.assert_allclose(found["emotion"].sum(), 1)


def test_a_member_given_twice_changes_nothing(labels, each):
    once = greedy.fit(TASK, each, labels)
    for again in ([*each, each[0]], [each[2], *each], [*each, *each]):
        twice = greedy.fit(TASK, again, labels)
        expected = once.predict(each)
        found = twice.predict(again)
        np.testing.assert_allclose(found.emotion, expected.emotion, atol=1e-6)
        np.testing.assert_allclose(found.valence, expected.valence, atol=1e-6)


def test_a_head_is_chosen_by_the_tasks_own_metric_where_it_judges_that_head_alone():
    assert greedy.judging(TASK, "emotion") == "dis"
    by_ccc = Task(TASK.classes, TASK.valence_range, selected_by="ccc")
    assert (greedy.judging(by_ccc, "emotion"), greedy.judging(by_ccc, "valence")) == ("dis", "ccc")
    signed = Task((), (-3.0, 3.0), signed=True, selected_by="sign_f1")
    assert greedy.judging(signed, "valence") == "sign_f1"


def test_stacking_is_scikit_learns(labels, each):
    found = stacking.fit(TASK, each, labels)
    logits = [of.emotion.astype(np.float64) for of in each]
    logs = np.concatenate([x - np.log(np.exp(x).sum(1, keepdims=True)) for x in logits], 1)
    known = labels.emotion_mask
    model = LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000)  # by L-BFGS
    model.fit(logs[known], labels.emotion[known])
    predicted = found.predict(each)
    np.testing.assert_allclose(
        ensemble.probabilities(predicted), model.predict_proba(logs), atol=1e-4
    )
    known = labels.valence_mask
    valences = np.stack([of.valence for of in each], 1)
    ridge = Ridge(1.0).fit(valences[known], labels.valence[known])
    np.testing.assert_allclose(predicted.valence, ridge.predict(valences), atol=1e-5)
    shares = np.abs(ridge.coef_) / np.abs(ridge.coef_).sum()
    np.testing.assert_allclose(found.weights["valence"], shares, atol=1e-6)
    of_emotion = found.weights["emotion"]
    assert of_emotion.argmin() == 1
    np.testing.assert_allclose(of_emotion.sum(), 1)


def test_each_of_several_numbers_is_stacked_by_itself(labels, each):
    rng = np.random.default_rng(4)
    two = labels._replace(
        valence=np.stack([labels.valence, rng.normal(size=CLIPS)], 1).astype(np.float32),
        valence_mask=np.stack([labels.valence_mask, rng.random(CLIPS) < 0.5], 1),
    )
    of_two = [
        of._replace(valence=np.stack([of.valence, of.emotion[:, 0]], 1).astype(np.float32))
        for of in each
    ]
    found = stacking.fit(TASK, of_two, two).predict(of_two)
    assert found.valence.shape == (CLIPS, 2)
    alone = stacking.fit(TASK, each, labels).predict(each)
    np.testing.assert_allclose(found.valence[:, 0], alone.valence, atol=1e-6)
    known = two.valence_mask[:, 1]
    second = np.stack([of.emotion[:, 0] for of in each], 1)
    ridge = Ridge(1.0).fit(second[known], two.valence[known, 1])
    np.testing.assert_allclose(found.valence[:, 1], ridge.predict(second), atol=1e-5)


def test_stacking_predicts_no_class_that_it_has_not_seen(labels, each):
    without = labels._replace(emotion_mask=labels.emotion_mask & (labels.emotion != 1))
    found = stacking.fit(TASK, each, without).predict(each)
    assert set(found.emotion.argmax(1)) == {0, 2}
    assert np.isfinite(found.emotion).all()
    alone = labels._replace(emotion_mask=labels.emotion == 1)
    with pytest.raises(InputError, match="clips of two classes or more"):
        stacking.fit(TASK, each, alone)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "mean"])
def test_no_clip_is_predicted_by_weights_that_saw_its_label(labels, each, way):
    fold = np.arange(CLIPS) % 3
    rng = np.random.default_rng(2)
    held = np.flatnonzero(fold == 1)
    order = rng.permutation(held)
    permuted = Labels(*(np.array(column) for column in labels))
    for column in permuted:
        column[held] = column[order]
    fit = combining.FITS[way]
    before = combining.out_of_fold(fit, TASK, each, labels, fold)
    after = combining.out_of_fold(fit, TASK, each, permuted, fold)
    for head in ("emotion", "valence"):
        one, other = getattr(before, head), getattr(after, head)
        np.testing.assert_array_equal(one[held], other[held])
        assert (one[fold != 1] != other[fold != 1]).any(), "other folds are chosen by these labels"


def test_what_is_fitted_predicts_other_splits_and_folds_are_scored_together(labels, each):
    fold = np.arange(CLIPS) % 3
    names = np.array([f"{i:03d}" for i in range(CLIPS)])
    rows = np.arange(10)
    test = combining.Split(
        names[rows], members.rows(each, rows), Labels(*(x[rows] for x in labels)), False
    )
    own = combining.Split(names, each, labels, True)
    found = combining.combine(
        TASK, "greedy", {"train": own, "test": test}, fold, resamples=0, seed=0
    )
    rule = greedy.fit(TASK, each, labels)
    np.testing.assert_array_equal(
        found.predictions["test"].emotion, rule.predict(test.members).emotion
    )
    of_fold = greedy.fit(
        TASK, members.rows(each, fold != 2), Labels(*(x[fold != 2] for x in labels))
    )
    expected = of_fold.predict(members.rows(each, fold == 2))
    np.testing.assert_array_equal(found.predictions["train"].valence[fold == 2], expected.valence)
    known = labels.emotion_mask
    guess = found.predictions["train"].emotion.argmax(1)
    assert found.scores["train"]["ensemble"]["acc"] == pytest.approx(
        sk.accuracy_score(labels.emotion[known], guess[known])
    )
    content = combining.content(["x", "y", "z"], "greedy", found, 0)
    assert content["weights"]["valence"]["y"] == rule.weights["valence"][1]
    plain = combining.combine(TASK, "mean", {"train": own}, None, resamples=0, seed=0)
    np.testing.assert_array_equal(plain.predictions["train"].emotion, members.mean(each).emotion)
    assert plain.calibration is None
    judged = combining.combine(
        TASK, "mean", {"train": own}, None, resamples=0, seed=0, judged=fold
    ).calibration
    logits, true = members.mean(each).emotion[known], labels.emotion[known]
    of_all = calibration.temperature(logits, true)
    assert judged["temperature"] == pytest.approx(of_all, rel=1e-6)
    assert judged["before"] == pytest.approx(calibration.errors(logits, true))
    fold = fold[known]
    of_others = [calibration.temperature(logits[fold != f], true[fold != f]) for f in range(3)]
    assert max(of_others) > 1.02 * min(of_others)
    cooled = logits / np.array(of_others)[fold][:, None]
    assert judged["after"] == pytest.approx(calibration.errors(cooled, true), rel=1e-5)
    assert judged["after"] != pytest.approx(calibration.errors(logits / of_all, true), rel=1e-4)
