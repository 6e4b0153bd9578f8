"""Random numbers against JAX's own Threefry and the distributions that they are of."""

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import scipy.stats

from mer_jax import random_bits
from mer_jax.random_bits import bernoulli, normal, random_words


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


def test_normal_numbers_are_normal():
    drawn = np.asarray(normal(jax.random.key(2), (40_000,)))
    assert scipy.stats.kstest(drawn, "norm").pvalue > 0.01
    assert np.isfinite(drawn).all()


def test_a_share_is_true():
    drawn = bernoulli(jax.random.key(3), 0.3, (200, 500))
    assert abs(float(drawn.mean()) - 0.3) < 0.005


def test_what_is_materialised_stays_as_it_is():
    """Its loop would double it. No key may start it, least of all the largest."""
    words = np.array([[0, 0], [1, 2], [2**31, 5], [2**32 - 1, 2**32 - 1]], np.uint32)
    keys = jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")
    values = {"audio": jnp.arange(12.0).reshape(4, 3), "text": jnp.ones((4, 2))}
    found = jax.jit(jax.vmap(random_bits.materialised))(keys, values)
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
