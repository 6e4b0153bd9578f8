"""Predictions of kept weights: batching, averaging, scoring."""

import jax
import jax.numpy as jnp
import numpy as np
import sklearn.metrics as sk

from mer_jax.corpora import MELD, MER2023
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import ensemble
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.models.layers import Batch
from mer_jax.training.program import HParams, build_model
from tests.support.runs import Group, folds_of, samples_of, static_of

HPARAMS = HParams({"learning_rate": 1e-2, "weight_decay": 1e-5}, {"dropout": 0.3})


def kept_of(group, scaler=None):
    return {"params": group.state.params, "model_state": {}, "scaler": scaler or {}}


def test_each_run_predicts_with_its_own_weights_whatever_the_batches():
    samples = samples_of()
    group = Group([(0, 0, 1e-2), (0, 1, 1e-2), (1, 0, 1e-2)], samples=samples)
    found = ensemble.predict(group.static, HPARAMS, kept_of(group), samples.features, 37)
    assert found.emotion.shape == (3, 37, 6)
    for size in (10, 4096):
        again = ensemble.predict(group.static, HPARAMS, kept_of(group), samples.features, size)
        np.testing.assert_allclose(again.emotion, found.emotion, atol=1e-5)
        np.testing.assert_allclose(again.valence, found.valence, atol=1e-5)
    batch = Batch({m: jnp.asarray(x) for m, x in samples.features.items()}, {}, jnp.ones(37))
    for run in range(3):
        params = jax.tree.map(lambda x, run=run: x[run], group.state.params)
        output = build_model(group.static).apply({"params": params}, batch, HPARAMS.model)
        np.testing.assert_allclose(found.emotion[run], output.emotion, atol=1e-5)


def test_each_run_standardises_as_its_fold_did():
    samples = samples_of()
    group = Group([(0, 0, 1e-2), (0, 1, 1e-2)], samples=samples)
    folds = folds_of(samples, data__standardise=True)
    scalers = [folds[0, 0].scaler, folds[0, 1].scaler]
    stacked = jax.tree.map(lambda *x: np.stack(x), *scalers)
    found = ensemble.predict(group.static, HPARAMS, kept_of(group, stacked), samples.features, 64)
    for run, scaler in enumerate(scalers):
        scaled = {
            m: (x - scaler[m][0][None]) / scaler[m][1][None] for m, x in samples.features.items()
        }
        by_hand = ensemble.predict(group.static, HPARAMS, kept_of(group), scaled, 64)
        np.testing.assert_allclose(found.emotion[run], by_hand.emotion[run], atol=1e-5)


def test_the_ensemble_averages_logits_and_valence():
    logits = np.array([[[4.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]], np.float32)
    valence = np.array([[1.0], [2.0], [6.0]], np.float32)
    everyone = ensemble.average(Predictions(logits, valence))
    np.testing.assert_allclose(everyone.emotion, [[4 / 3, 2 / 3]])
    assert everyone.emotion.argmax() == 0  # two of three runs say 1: logits count, not votes
    np.testing.assert_allclose(everyone.valence, [3.0])
    some = ensemble.average(Predictions(logits, None), np.array([False, True, True]))
    np.testing.assert_allclose(some.emotion, [[0.0, 1.0]])
    assert some.valence is None


def test_scores_equal_sklearn_and_missing_labels_score_none():
    rng = np.random.default_rng(0)
    logits, valence = rng.normal(size=(30, 6)), rng.normal(size=30)
    predictions = Predictions(logits.astype(np.float32), valence.astype(np.float32))
    emotion = rng.integers(0, 6, 30).astype(np.int32)
    known = rng.random(30) < 0.7
    labels = Labels(emotion, known, np.zeros(30, np.float32), np.zeros(30, bool))
    found = ensemble.score(MER2023.task, predictions, labels)
    expected = sk.f1_score(emotion[known], logits.argmax(1)[known], average="weighted")
    assert abs(found["dis"] - expected) < 1e-6
    assert [name for name in found if found[name] is None] == ["dim", "com", "mae", "corr", "ccc"]


def test_a_corpus_without_valence_predicts_none():
    samples = samples_of(task=MELD.task)
    group = Group([(0, 0, 1e-2)], static_of(task=MELD.task), samples)
    found = ensemble.predict(group.static, HPARAMS, kept_of(group), samples.features, 64)
    assert found.valence is None
    assert found.emotion.shape == (1, 37, 7)
    score = ensemble.score(MELD.task, ensemble.average(found), samples.labels)
    assert set(score) == {"dis", "acc", "macro_f1", "uar"}


def test_probabilities_are_softmax():
    logits = np.array([[[0.0, np.log(3)], [1000.0, 0.0]]])
    found = ensemble.probabilities(Predictions(logits, None))
    np.testing.assert_allclose(found, [[[0.25, 0.75], [1, 0]]], atol=1e-7)
