"""Dropout: its share, its scale."""

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.models.dropout import dropout


def test_dropout_zeroes_its_share_and_rescales_the_rest():
    x = jnp.ones((200, 500))
    y = np.asarray(jax.jit(dropout)(x, 0.3, jax.random.key(0)))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.005


def test_no_rate_drops_nothing():
    x = jnp.ones((200, 500))
    np.testing.assert_array_equal(dropout(x, 0.0, jax.random.key(0)), x)


def test_a_stored_mask_is_the_same_and_has_a_gradient():
    x, keys = jnp.linspace(-1, 1, 60).reshape(3, 20), jax.random.split(jax.random.key(4), 3)

    def loss(x, key, is_stored):
        return (dropout(x, 0.4, key, is_stored) ** 2).sum()

    of_runs = jax.jit(jax.vmap(jax.value_and_grad(loss), (0, 0, None)), static_argnums=2)
    value, gradient = of_runs(x, keys, True)
    expected, by_recomputing = of_runs(x, keys, False)
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(gradient, by_recomputing)
    assert 0 < (gradient == 0).mean() < 1
