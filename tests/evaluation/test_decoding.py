"""Emotion and valence decoded together, and predictions as they are written."""

import numpy as np
import pytest
from scipy import special, stats

from mer_jax.corpora import MELD
from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.evaluation import calibration, decoding, ensemble
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.joint import Joint
from mer_jax.task import Task, of_bounds
from tests.support.configs import changed

TASK = Task(("a", "b", "c"), (-5.0, 5.0))
CLIPS = 300


@pytest.fixture(scope="module")
def labels():
    """Valence tells the class but for noise; some clips have no label."""
    rng = np.random.default_rng(0)
    emotion = rng.integers(0, 3, CLIPS).astype(np.int32)
    valence = (np.array([-3.0, 0, 3])[emotion] + 0.5 * rng.normal(size=CLIPS)).astype(np.float32)
    return Labels(emotion, rng.random(CLIPS) < 0.9, valence, rng.random(CLIPS) < 0.9)


@pytest.fixture(scope="module")
def predictions(labels):
    """Weak logits, and a valence that says more of the class than they do."""
    rng = np.random.default_rng(1)
    logits = 0.7 * np.eye(3)[labels.emotion] + rng.normal(size=(CLIPS, 3))
    valence = labels.valence + 1.5 * rng.normal(size=CLIPS)
    return Predictions(logits.astype(np.float32), valence.astype(np.float32))


@pytest.fixture(scope="module")
def fold():
    return np.arange(CLIPS) % 3


def config_of(**changes):
    return changed(**{f"evaluate__{key}": value for key, value in changes.items()})


def test_posteriors_are_bayes_and_valences_move_towards_the_classes_means():
    joint = Joint([-1.0, 0.0, 2.0], [0.5, 1.0, 1.5], [-3.0, 0.0, 3.0], 0.5, 0.25)
    logits = np.array([[0.2, 0.1, -0.3], [1.0, 0.0, 0.5]], np.float32)
    valence = np.array([-0.8, 1.7], np.float32)
    found = joint.apply(Predictions(logits, valence))
    likelihood = stats.norm(joint.mean, joint.deviation).pdf(valence[:, None])
    posterior = special.softmax(logits, 1) * likelihood**0.5
    posterior /= posterior.sum(1, keepdims=True)
    np.testing.assert_allclose(ensemble.probabilities(found), posterior, rtol=1e-5)
    expected = 0.75 * valence + 0.25 * posterior @ [-3, 0, 3]
    np.testing.assert_allclose(found.valence, expected, rtol=1e-5)


def test_what_one_head_knows_helps_the_other(labels, predictions, fold):
    fitted = decoding.fit(TASK, config_of(joint_decoding=True), predictions, labels, fold)
    recorded = fitted.recorded["joint_decoding"]
    assert recorded["after"]["dis"] > recorded["before"]["dis"] + 0.1
    assert recorded["after"]["dim"] < recorded["before"]["dim"]
    assert recorded["power"] > 0 and recorded["share"] > 0
    known = labels.emotion_mask & labels.valence_mask
    of_class = predictions.valence[known & (labels.emotion == 2)].astype(np.float64)
    np.testing.assert_allclose(recorded["mean"][2], of_class.mean())
    np.testing.assert_allclose(recorded["deviation"][2], of_class.std())
    assert recorded["after"] == ensemble.score(TASK, fitted.predictions, labels)
    # What results.json holds decodes other clips.
    restored = decoding.restore(fitted.recorded, config_of(joint_decoding=True), TASK)
    assert restored == fitted.decoding
    assert decoding.restore({}, config_of(joint_decoding=True), TASK) is None
    assert decoding.restore({}, config_of(calibrate=True), TASK) is None
    assert decoding.restore({}, config_of(), TASK) == decoding.Decoding()


def test_what_says_nothing_is_left_alone(labels, predictions, fold):
    rng = np.random.default_rng(2)
    sure = Predictions(
        20 * np.eye(3, dtype=np.float32)[labels.emotion], rng.normal(size=CLIPS).astype(np.float32)
    )
    recorded = decoding.fit(TASK, config_of(joint_decoding=True), sure, labels, fold).recorded[
        "joint_decoding"
    ]
    assert recorded["power"] == 0
    assert recorded["after"]["dis"] == recorded["before"]["dis"] == 1


def test_no_clip_is_decoded_by_its_own_folds_labels(labels, predictions, fold):
    held = fold == 1
    other = Labels(*(np.array(column) for column in labels))
    order = np.random.default_rng(3).permutation(np.flatnonzero(held))
    for column in other:
        column[held] = column[order]
    config = config_of(joint_decoding=True, calibrate=True)
    one, two = (decoding.fit(TASK, config, predictions, of, fold) for of in (labels, other))
    for head in ("emotion", "valence"):
        before, after = getattr(one.predictions, head), getattr(two.predictions, head)
        np.testing.assert_array_equal(before[held], after[held])
        assert (before[~held] != after[~held]).any()


def test_probabilities_are_written_at_the_temperature_and_classes_stay(labels, predictions, fold):
    sure = predictions._replace(emotion=5 * predictions.emotion)
    plain = decoding.fit(TASK, config_of(), sure, labels, fold)
    np.testing.assert_array_equal(plain.predictions.emotion, sure.emotion)
    assert plain.decoding == decoding.Decoding()
    fitted = decoding.fit(TASK, config_of(calibrate=True), sure, labels, fold)
    assert fitted.recorded == plain.recorded
    known = labels.emotion_mask
    temperature = calibration.temperature(sure.emotion[known], labels.emotion[known])
    assert fitted.recorded["calibration"]["temperature"] == temperature > 2
    held = fold == 2
    others = known & ~held
    of_others = calibration.temperature(sure.emotion[others], labels.emotion[others])
    np.testing.assert_allclose(
        fitted.predictions.emotion[held], sure.emotion[held] / of_others, rtol=1e-6
    )
    for part, of in (("before", sure), ("after", fitted.predictions)):
        errors = calibration.errors(of.emotion[known], labels.emotion[known])
        assert fitted.recorded["calibration"][part] == errors
    written = fitted.decoding.calibrated(sure)
    np.testing.assert_allclose(written.emotion, sure.emotion / temperature, rtol=1e-6)
    np.testing.assert_array_equal(fitted.predictions.emotion.argmax(1), sure.emotion.argmax(1))
    alone = fitted.decoding.calibrated(Predictions(None, sure.valence))
    assert alone.emotion is None
    valence_alone = Task((), (-5.0, 5.0))
    of_valence = decoding.fit(
        valence_alone, config_of(calibrate=True), Predictions(None, sure.valence), labels, fold
    )
    assert of_valence.recorded == {}
    restored = decoding.restore({}, config_of(calibrate=True), valence_alone)
    assert restored == decoding.Decoding()


def test_one_head_alone_is_not_decoded_together(labels, predictions, fold):
    with pytest.raises(InputError, match="only one of them is predicted"):
        decoding.check(config_of(joint_decoding=True), MELD.task)
    for key in ({"calibrate": True}, {"joint_decoding": True}, {"ensemble": "greedy"}):
        config = config_of(**key)
        decoding.check(config, TASK)
        config.folds = 0
        with pytest.raises(InputError, match=f"evaluate.{next(iter(key))} rests on clips"):
            decoding.check(config, TASK)
    targets = of_bounds(TASK.classes, ("p", "q"), (0, 1, 0, 1))
    two = predictions._replace(valence=np.stack([predictions.valence] * 2, 1))
    with pytest.raises(InputError, match=r"not with targets of one's own \(p, q\)"):
        decoding.check(config_of(joint_decoding=True), targets)
    with pytest.raises(InputError, match="targets of one's own"):
        decoding.fit(targets, config_of(joint_decoding=True), two, labels, fold)
    without = labels._replace(valence_mask=np.zeros(CLIPS, bool))
    with pytest.raises(InputError, match="no clip of train has an emotion and a valence"):
        decoding.fit(TASK, config_of(joint_decoding=True), predictions, without, fold)
