"""Dropout: its share, its scale, its mask."""

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax import random_bits
from mer_jax.models.dropout import dropout


def test_dropout_zeroes_its_share_and_rescales_the_rest():
    x = jnp.ones((200, 500))
    y = np.asarray(jax.jit(dropout)(x, 0.3, jax.random.key(0)))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.005


def test_no_rate_drops_nothing():
    x = jnp.ones((200, 500))
    np.testing.assert_array_equal(dropout(x, 0.0, jax.random.key(0)), x)


def test_a_stored_mask_is_the_drawn_one():
    x = jnp.arange(1.0, 61.0).reshape(3, 20)
    keys = jax.random.split(jax.random.key(4), 3)

    def summed(x, key, stored):
        return (jnp.arange(20.0) * dropout(x, 0.4, key, stored=stored)).sum()

    one, other = (
        jax.vmap(lambda x, key, stored=stored: jax.value_and_grad(summed)(x, key, stored))(x, keys)
        for stored in (False, True)
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert 10 < (one[1] == 0).sum() < 40


def test_a_large_mask_is_that_of_its_words():
    key, x = jax.random.key(5), jnp.ones((2, 2**17))
    expected = np.where(random_bits.bernoulli(key, 0.75, x.shape), 1 / 0.75, 0)
    found, gradient = jax.jit(jax.value_and_grad(lambda x: dropout(x, 0.25, key).sum()))(x)
    np.testing.assert_allclose(found, expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
