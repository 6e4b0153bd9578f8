"""Dropout: its share, its scale."""

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.models.dropout import dropout, stored_dropout


def test_dropout_zeroes_its_share_and_rescales_the_rest():
    x = jnp.ones((200, 500))
    y = np.asarray(jax.jit(dropout)(x, 0.3, jax.random.key(0)))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.005


def test_no_rate_drops_nothing():
    x = jnp.ones((200, 500))
    np.testing.assert_array_equal(dropout(x, 0.0, jax.random.key(0)), x)


def test_a_stored_mask_is_the_mask_also_in_the_gradient():
    x, keys = jnp.ones((3, 5, 8)), jax.random.split(jax.random.key(1), 3)

    def squared(drop, x):
        return (jax.vmap(lambda x, key: drop(x, 0.3, key))(x, keys) ** 2).sum()

    for of in (lambda f: f, jax.grad):
        expected, found = (
            jax.jit(of(lambda x, drop=drop: squared(drop, x)))(x)
            for drop in (dropout, stored_dropout)
        )
        np.testing.assert_array_equal(found, expected)
