"""Algorithm 1 on a small case worked by hand."""

import logging

import numpy as np
import pytest

from mer_jax.evaluation import selection
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task
from mer_jax.training.state import Fold

TASK = Task(classes=("calm", "tense", "odd"), valence_range=None)
LABELLED = np.array(
    [
        [0.6, 0.3, 0.1],  # calm, right
        [0.8, 0.1, 0.1],  # calm, right
        [0.9, 0.1, 0.0],  # calm, right
        [0.7, 0.2, 0.1],  # tense, wrong: in nobody's list
        [0.2, 0.5, 0.3],  # tense, right
        [0.1, 0.9, 0.0],  # tense, right
        [0.0, 1.0, 0.0],  # unknown
    ]
)
EMOTION = np.array([0, 0, 0, 1, 1, 1, 0])
KNOWN = np.array([True] * 6 + [False])
POOL = np.array(
    [[0.85, 0.1, 0.05], [0.79, 0.2, 0.01], [0.1, 0.7, 0.2], [0.1, 0.71, 0.19], [0.0, 0.1, 0.9]]
)


def test_those_above_the_quantile_of_their_class_are_selected(caplog):
    logging.getLogger("mer_jax").propagate = True
    with caplog.at_level("WARNING"):
        found = selection.select(TASK, LABELLED, EMOTION, KNOWN, POOL, eta=0.5)
    # calm: 0.6, 0.8, 0.9 -> 0.8; tense: 0.5, 0.9 -> 0.7, which 0.7 does not exceed.
    np.testing.assert_allclose(found.threshold, [0.8, 0.7, np.inf], rtol=1e-6)
    np.testing.assert_array_equal(found.row, [0, 3])
    np.testing.assert_array_equal(found.emotion, [0, 1])
    np.testing.assert_allclose(found.confidence, [0.85, 0.71], rtol=1e-6)
    assert "no clip of odd is classified correctly" in caplog.text


@pytest.mark.parametrize(("eta", "threshold"), [(0.0, 0.6), (0.8, 0.86), (1.0, 0.9)])
def test_eta_is_the_quantile(eta, threshold):
    found = selection.select(TASK, LABELLED, EMOTION, KNOWN, POOL, eta)
    np.testing.assert_allclose(found.threshold[0], threshold, rtol=1e-6)


def fold_of(*rows):
    """A fold that validates on `rows`, padded."""
    index = np.array([*rows, 0], np.int32)
    weight = np.array([1.0] * len(rows) + [0.0], np.float32)
    return Fold(index, weight, index, weight, {}, {})


def test_each_clip_is_judged_by_the_runs_that_did_not_train_on_it():
    folds = {(0, 0): fold_of(0, 2), (0, 1): fold_of(1), (1, 0): fold_of(1), (1, 1): fold_of(0)}
    probability = np.arange(4)[:, None, None] + np.array([0.0, 0.25, 0.5])[None, :, None]
    found, known = selection.out_of_fold(
        np.broadcast_to(probability, (4, 3, 2)),
        repeat=np.array([0, 0, 1, 1]),
        fold=np.array([0, 1, 0, 1]),
        folds=folds,
    )
    # Clip 0: runs 0 and 3; clip 1: runs 1 and 2; clip 2: run 0 alone.
    np.testing.assert_allclose(found[:, 0], [1.5, 1.75, 0.5])
    assert known.all()
    tree = {"a": np.arange(12.0).reshape(4, 3), "b": None}
    of_tree, _ = selection.out_of_fold(tree, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), folds)
    np.testing.assert_allclose(of_tree["a"], [(0 + 9) / 2, (4 + 7) / 2, 2])
    assert of_tree["b"] is None
    without = selection.out_of_fold(np.ones((1, 3, 2)), np.array([0]), np.array([1]), folds)[1]
    np.testing.assert_array_equal(without, [False, True, False])


def test_probabilities_are_softmax():
    logits = np.array([[[0.0, np.log(3)], [1000.0, 0.0]]])
    found = selection.probabilities(Predictions(logits, None))
    np.testing.assert_allclose(found, [[[0.25, 0.75], [1, 0]]], atol=1e-7)
