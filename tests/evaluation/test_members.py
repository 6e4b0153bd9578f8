"""Several models as one ensemble, against NumPy and scikit-learn on arrays by hand."""

import dataclasses

import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.evaluation import counts, ensemble, members
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.members import Member
from mer_jax.task import Task

TASK = Task(("a", "b", "c"), (-1.0, 1.0))


def predictions_of(seed, scale, clips=40):
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(clips, 3))
    return Predictions(logits.astype(np.float32), rng.normal(size=clips).astype(np.float32))


def softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_probabilities_are_averaged_whatever_the_scale_of_the_logits():
    each = [predictions_of(0, 1), predictions_of(1, 30), predictions_of(2, 1)]
    found = members.mean(each)
    probability = np.mean([softmax(one.emotion) for one in each], 0)
    np.testing.assert_allclose(ensemble.probabilities(found), probability, atol=1e-6)
    np.testing.assert_allclose(found.valence, np.mean([one.valence for one in each], 0), atol=1e-6)
    by_logits = np.mean([one.emotion for one in each], 0).argmax(-1)
    assert (by_logits != found.emotion.argmax(-1)).any(), "the case must tell the two means apart"


def test_weights_count_as_often_as_they_say():
    each = [predictions_of(seed, 1) for seed in range(3)]
    weights = {"emotion": np.array([2.0, 0, 1]), "valence": np.array([0, 3.0, 1])}
    found = members.mean(each, weights)
    expected = members.mean([each[0], each[0], each[2]])
    np.testing.assert_allclose(found.emotion, expected.emotion, atol=1e-6)
    expected = members.mean([each[1]] * 3 + [each[2]])
    np.testing.assert_allclose(found.valence, expected.valence, atol=1e-6)


def test_the_names_that_all_members_predict_are_shared():
    one, other = predictions_of(0, 1, clips=4), predictions_of(1, 1, clips=3)
    names, found = members.shared(
        [Member("one", np.array(list("abde")), one), Member("other", np.array(list("bce")), other)]
    )
    assert names.tolist() == ["b", "e"]
    np.testing.assert_array_equal(found[0].emotion, one.emotion[[1, 3]])
    np.testing.assert_array_equal(found[1].valence, other.valence[[0, 2]])


def test_a_head_that_the_task_lacks_stays_absent():
    alone = members.mean([predictions_of(0, 1)._replace(emotion=None)] * 2)
    assert alone.emotion is None
    np.testing.assert_allclose(alone.valence, predictions_of(0, 1).valence)
    assert members.mean([predictions_of(0, 1)._replace(valence=None)] * 2).valence is None


def test_scores_are_of_the_ensemble_and_of_each_member():
    rng = np.random.default_rng(5)
    known = rng.random(40) < 0.6
    emotion = rng.integers(0, 3, 40).astype(np.int32)
    labels = Labels(emotion, known, np.zeros(40, np.float32), np.zeros(40, bool))
    each = [predictions_of(0, 1), predictions_of(1, 1)]
    found = members.scores(TASK, members.mean(each), each, labels, resamples=20, seed=0)
    together = np.mean([softmax(one.emotion) for one in each], 0).argmax(-1)
    for guess, scores in zip(
        (together, *(one.emotion.argmax(-1) for one in each)),
        (found["ensemble"], *found["members"]),
        strict=True,
    ):
        assert scores["acc"] == pytest.approx(sk.accuracy_score(emotion[known], guess[known]))
        assert scores["dim"] is None
    low, high = found["interval"]["acc"]
    assert low <= found["ensemble"]["acc"] <= high
    assert found["clips"] == {"all": 40, "emotion": known.sum(), "valence": 0}
    assert "interval" not in members.scores(TASK, each[0], each, labels, resamples=0, seed=0)


def test_members_of_other_tasks_are_refused():
    members.check_tasks(
        {"a": MER2023.task, "b": dataclasses.replace(MER2023.task, metrics=("dis",))}
    )
    with pytest.raises(InputError, match=r"^b: .*classes: anger, joy.* of a: neutral, angry"):
        members.check_tasks({"a": MER2023.task, "b": MELD.task})
    without = dataclasses.replace(CMUMOSI.task, valence_range=None)
    with pytest.raises(InputError, match=r"valence range: none, .* of a: -3\.0, 3\.0"):
        members.check_tasks({"a": CMUMOSI.task, "b": without})


def test_members_of_other_clips_are_told():
    names = np.array(["p", "q", "r"])
    one, other = Member("one", names, None), Member("other", names[[0, 2]], None)
    assert members.difference([one, one]) is None
    assert members.difference([one, one, other]).startswith(
        "1 name in one or other, but not in both: q;"
    )


@pytest.mark.parametrize(
    ("clips", "words"),
    [
        ({"all": 1411, "emotion": 1411, "valence": 1411}, "1,411"),
        ({"all": 8, "emotion": 3, "valence": 3}, "3 of 8"),
        ({"all": 834, "emotion": 834, "valence": 0}, "834 (emotion) and 0 (valence) of 834"),
        ({"all": 10, "valence": 9}, "9 of 10"),
    ],
)
def test_counts_in_words(clips, words):
    assert counts.words(clips) == words
