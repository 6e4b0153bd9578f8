"""Algorithm 1 on a small case worked by hand."""

import logging

import numpy as np
import pytest

from mer_jax.evaluation import pseudo_labels
from mer_jax.task import Task

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
        found = pseudo_labels.select(TASK, LABELLED, EMOTION, KNOWN, POOL, eta=0.5)
    # calm: 0.6, 0.8, 0.9 -> 0.8; tense: 0.5, 0.9 -> 0.7, which 0.7 does not exceed.
    np.testing.assert_allclose(found.threshold, [0.8, 0.7, np.inf], rtol=1e-6)
    np.testing.assert_array_equal(found.row, [0, 3])
    np.testing.assert_array_equal(found.emotion, [0, 1])
    np.testing.assert_allclose(found.confidence, [0.85, 0.71], rtol=1e-6)
    assert "no clip of odd is classified correctly" in caplog.text


@pytest.mark.parametrize(("eta", "threshold"), [(0.0, 0.6), (0.8, 0.86), (1.0, 0.9)])
def test_eta_is_the_quantile(eta, threshold):
    found = pseudo_labels.select(TASK, LABELLED, EMOTION, KNOWN, POOL, eta)
    np.testing.assert_allclose(found.threshold[0], threshold, rtol=1e-6)
