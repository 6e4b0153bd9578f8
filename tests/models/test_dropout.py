"""Dropout and its random bits against JAX's own Threefry."""

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import scipy.stats

from mer_jax.models.dropout import dropout, random_words


def test_words_are_threefrys():
    key = jax.random.fold_in(jax.random.key(7), 3)
    counts = jnp.concatenate([jnp.arange(15, dtype=jnp.uint32), jnp.zeros(15, jnp.uint32)])
    expected = jax.extend.random.threefry_2x32(jax.random.key_data(key), counts)[:15]
    np.testing.assert_array_equal(
        jax.jit(random_words, static_argnums=1)(key, (3, 5)).ravel(), expected
    )


def test_a_runs_words_do_not_depend_on_its_neighbours():
    keys = jax.random.split(jax.random.key(0), 3)
    together = jax.vmap(lambda key: random_words(key, (4, 8)))(keys)
    np.testing.assert_array_equal(together[1], random_words(keys[1], (4, 8)))
    assert (together[0] != together[2]).all()


def test_words_are_uniform():
    drawn = np.asarray(random_words(jax.random.key(1), (20_000,))) / 2**32
    assert scipy.stats.kstest(drawn, "uniform").pvalue > 0.01


def test_dropout_zeroes_its_share_and_rescales_the_rest():
    x = jnp.ones((200, 500))
    y = np.asarray(jax.jit(dropout)(x, 0.3, jax.random.key(0)))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.005


def test_no_rate_drops_nothing():
    x = jnp.ones((200, 500))
    np.testing.assert_array_equal(dropout(x, 0.0, jax.random.key(0)), x)
