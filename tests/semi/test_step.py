"""The unlabelled half of a step: its losses, their weights and the averaged parameters."""

import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.semi import step


def test_consistency_is_the_weighted_cross_entropy_over_the_whole_batch():
    logits = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)
    target, weight = np.array([0, 2, 1, 1, 0]), np.array([1, 0, 0.5, 0, 1], np.float32)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(weight * log_p[np.arange(5), target]).sum() / 5
    found = step.consistency(*map(jnp.asarray, (logits, target, weight)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("steps", "decay"), [(0, 0.1), (10, 11 / 20), (100_000, 0.999)])
def test_the_average_of_the_weights_warms_up(steps, decay):
    np.testing.assert_allclose(
        step.ema_decay(jnp.float32(0.999), jnp.int32(steps)), decay, rtol=1e-6
    )


def test_weights_rise_over_the_warm_up():
    given = {"weight": 2.0, "valence_weight": 1.0, "warmup": 4.0, "ema": 0.5}
    settings = {name: jnp.float32(value) for name, value in given.items()}
    risen = step.ramped(settings, jnp.int32(1))
    assert (risen["weight"], risen["valence_weight"], risen["ema"]) == (0.5, 0.25, 0.5)
    assert step.ramped(settings, jnp.int32(9))["weight"] == 2
    assert step.ramped({**settings, "warmup": jnp.float32(0)}, jnp.int32(0))["weight"] == 2
