"""Losses against a NumPy transcription of Eq. 6 to 8."""

import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.data.arrays import Labels
from mer_jax.models.multitask import Output
from mer_jax.training import losses

B, C = 9, 6


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return {
        "logits": rng.normal(size=(B, C)).astype(np.float32),
        "predicted": rng.normal(size=B).astype(np.float32),
        "emotion": rng.integers(0, C, B).astype(np.int32),
        "valence": rng.normal(size=B).astype(np.float32),
        "emotion_mask": np.arange(B) % 3 > 0,
        "valence_mask": np.arange(B) % 4 > 0,
        "row_weight": (np.arange(B) < 7).astype(np.float32),
    }


def total(case, aux=None, settings=None, emotion=True, valence=True):
    output = Output(
        jnp.asarray(case["logits"]) if emotion else None,
        jnp.asarray(case["predicted"]) if valence else None,
        aux or {},
    )
    labels = Labels(
        *(jnp.asarray(case[k]) for k in ("emotion", "emotion_mask", "valence", "valence_mask"))
    )
    return losses.supervised(output, labels, jnp.asarray(case["row_weight"]), settings or {})


def cross_entropy(case, rows):
    logits = case["logits"][rows].astype(np.float64)
    log_probability = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -log_probability[np.arange(len(rows)), case["emotion"][rows]].mean()


def squared_error(case, rows):
    return ((case["valence"] - case["predicted"])[rows].astype(np.float64) ** 2).mean()


def test_each_half_counts_its_own_labelled_rows(case):
    emotion_rows = np.flatnonzero(case["emotion_mask"] & (case["row_weight"] > 0))
    valence_rows = np.flatnonzero(case["valence_mask"] & (case["row_weight"] > 0))
    expected = cross_entropy(case, emotion_rows) + squared_error(case, valence_rows)
    np.testing.assert_allclose(total(case), expected, rtol=1e-6)


def test_a_task_without_one_half_leaves_it_out(case):
    emotion_rows = np.flatnonzero(case["emotion_mask"] & (case["row_weight"] > 0))
    np.testing.assert_allclose(
        total(case, valence=False), cross_entropy(case, emotion_rows), rtol=1e-6
    )


def test_a_batch_without_labels_costs_nothing(case):
    case["emotion_mask"] = case["valence_mask"] = np.zeros(B, bool)
    assert total(case) == 0


def test_a_models_own_losses_enter_by_their_weight(case):
    with_aux = total(case, {"entropy": jnp.float32(3)}, {"entropy_weight": jnp.float32(0.5)})
    np.testing.assert_allclose(with_aux, total(case) + 1.5, rtol=1e-6)


def test_an_own_loss_without_a_weight_is_weighted_already(case):
    settings = {"entropy_weight": jnp.float32(0.5), "alpha": jnp.float32(7)}
    aux = {"entropy": jnp.float32(3), "contrast": jnp.float32(2)}
    np.testing.assert_allclose(total(case, aux, settings), total(case) + 3.5, rtol=1e-6)
