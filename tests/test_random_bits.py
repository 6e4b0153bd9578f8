"""Random numbers against JAX's own Threefry and the distributions that they are of."""

import functools

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from mer_jax import random_bits
from mer_jax.random_bits import (
    bernoulli,
    hashed_pairs,
    normal,
    normal_of,
    random_words,
    shuffled,
    word_pairs,
)

KEY, ALL = (0x13198A2E, 0x03707344), (0xFFFFFFFF, 0xFFFFFFFF)
# Random123's tests/kat_vectors: rounds, counter, key, words.
KNOWN = [
    (13, (0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
    (13, ALL, ALL, (0xFD36D048, 0x2D17272C)),
    (13, (0x243F6A88, 0x85A308D3), KEY, (0xBA3E4725, 0xF27D669E)),
    (20, (0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
]


def threefry(rounds, counter, key):
    """Random123's Threefry-2x32 in whole numbers, a round after another."""
    most = 1 << 32
    parts = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    a, b = ((counter[i] + key[i]) % most for i in (0, 1))
    for number in range(rounds):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        a = (a + b) % most
        b = ((b << turn) % most | b >> (32 - turn)) ^ a
        if number % 4 == 3:
            added = number // 4 + 1
            a = (a + parts[added % 3]) % most
            b = (b + parts[(added + 1) % 3] + added) % most
    return a, b


def test_words_are_threefrys():
    key = jax.random.fold_in(jax.random.key(7), 3)
    counts = jnp.concatenate([jnp.arange(15, dtype=jnp.uint32), jnp.zeros(15, jnp.uint32)])
    expected = jax.extend.random.threefry_2x32(jax.random.key_data(key), counts)
    for found, words in zip(word_pairs(key, (3, 5)), np.split(expected, 2), strict=True):
        np.testing.assert_array_equal(found.ravel(), words)
    np.testing.assert_array_equal(random_words(key, (3, 5)).ravel(), expected[:15])


def test_words_of_fewer_rounds_are_random123s():
    for rounds, counter, key, words in KNOWN:
        assert threefry(rounds, counter, key) == words
    of_key = jax.random.wrap_key_data(jnp.array(KEY, jnp.uint32), impl="threefry2x32")
    found = np.stack(word_pairs(of_key, (2, 3), 13)).reshape(2, 6)
    expected = [threefry(13, (number, 0), KEY) for number in range(6)]
    np.testing.assert_array_equal(found.T, expected)


@pytest.mark.parametrize(("shape", "low", "high"), [((5, 300), -0.3, 0.3), ((3,), 0, 1)])
def test_uniform_numbers_are_jaxs_to_the_last_bit(shape, low, high):
    keys = jax.random.split(jax.random.key(4), 2)
    draw = functools.partial(jax.random.uniform, shape=shape, minval=low, maxval=high)
    expected = jax.jit(jax.vmap(draw))(keys)
    found = jax.jit(jax.vmap(lambda key: random_bits.uniform(key, shape, low, high)))(keys)
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_uniform_numbers_are_jaxs_in_64_bits_too():
    with jax.enable_x64(True):
        key = jax.random.key(4)
        found = random_bits.uniform(key, (5,), -0.3, 0.3)
        expected = jax.random.uniform(key, (5,), minval=-0.3, maxval=0.3)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def pcg4d(number, key):
    """The code of Jarzynski and Olano's listing in whole numbers: the first two of its words."""
    most = 1 << 32
    x, y, z, w = ((v * 1664525 + 1013904223) % most for v in (number, *key, 0))
    for last in (False, True):
        x = (x + y * w) % most
        y = (y + z * x) % most
        z = (z + x * y) % most
        w = (w + y * z) % most
        if not last:
            x, y, z, w = (v ^ v >> 16 for v in (x, y, z, w))
    return x, y


def test_hashed_words_are_pcg4ds():
    of_key = jax.random.wrap_key_data(jnp.array(KEY, jnp.uint32), impl="threefry2x32")
    found = np.stack(hashed_pairs(of_key, (2, 3))).reshape(2, 6)
    np.testing.assert_array_equal(found.T, [pcg4d(number, KEY) for number in range(6)])


def test_hashed_words_are_uniform_and_apart():
    """Between their bits, a value's two words, neighbours along both axes, and keys."""
    one, other = (hashed_pairs(key, (64, 1024)) for key in jax.random.split(jax.random.key(3)))
    for words in (*one, *other):
        drawn = np.asarray(words).ravel() / 2**32
        assert scipy.stats.kstest(drawn, "uniform").pvalue > 0.01
        bits = np.unpackbits(np.asarray(words).view(np.uint8).reshape(-1, 4), axis=1)
        np.testing.assert_allclose(bits.mean(0), 0.5, atol=2 / np.sqrt(len(bits)))
    x = np.asarray(one[0]) / 2**32
    others = (one[1], other[0], np.roll(x, 1, 0), np.roll(x, 1, 1), np.roll(one[1], 1, 1))
    together = [x.ravel(), *(np.asarray(each).ravel() / 2**32 for each in others)]
    for values in (together, [np.abs(y / np.max(y) - 0.5) for y in together]):
        np.testing.assert_allclose(np.corrcoef(values), np.eye(6), atol=4 / np.sqrt(x.size))


def orders(size, count):
    """Random orders of 0..size-1, [count, size]."""
    keys = jax.random.split(jax.random.key(size), count)
    place = jnp.arange(size, dtype=jnp.uint32)
    return np.asarray(jax.vmap(lambda key: shuffled(key, size, place))(keys))


def test_an_order_has_every_number_once():
    for size in (1, 2, 3, 16, 17, 5000):
        np.testing.assert_array_equal(np.sort(orders(size, 3)), np.tile(np.arange(size), (3, 1)))


def test_orders_are_equally_likely():
    _, counts = np.unique(orders(4, 12_000), axis=0, return_counts=True)
    assert len(counts) == 24
    assert scipy.stats.chisquare(counts).pvalue > 0.01


def test_neighbours_of_an_order_are_apart():
    found = orders(1000, 40)
    for values in (found, np.diff(found) % 1000):
        counts = [np.bincount(column, minlength=1000) for column in values.T[:: 1000 // 5]]
        assert scipy.stats.chisquare(np.sum(counts, 0)[1:]).pvalue > 0.01
    assert abs(np.corrcoef(found[:, 1:].ravel(), found[:, :-1].ravel())[0, 1]) < 0.02


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


def test_normal_numbers_of_words_are_normal():
    drawn = np.asarray(normal_of(random_words(jax.random.key(2), (40_000,))), np.float64)
    assert scipy.stats.kstest(drawn, "norm").pvalue > 0.01
    np.testing.assert_allclose([drawn.std(), scipy.stats.kurtosis(drawn)], [1, 0], atol=0.05)
    assert len(np.unique(drawn)) > 0.95 * len(drawn)


def test_a_words_bytes_give_the_quantile_of_their_sum():
    """The distribution of four bytes' sum, by counting, against the normal one at each value.

    The word as a fraction moves it by half a step at most.
    """
    byte = np.full(256, 1 / 256)
    share = np.convolve(np.convolve(byte, byte), np.convolve(byte, byte))
    total = np.arange(len(share))
    # Words whose bytes, all four in turn the odd ones, have each sum.
    bytes_4 = (total[None, :] + np.arange(4)[:, None]) // 4
    np.testing.assert_array_equal(bytes_4.sum(0), total)
    for order in (bytes_4, bytes_4[::-1], np.roll(bytes_4, 1, 0)):
        words = (order << np.array([[0], [8], [16], [24]])).sum(0)
        found = np.asarray(normal_of(jnp.asarray(words, jnp.uint32)), np.float64)
        excess = np.abs(scipy.stats.norm.cdf(found) - (np.cumsum(share) - share / 2)) - share / 2
        assert excess.max() < 5e-4
        moments = [(share * found**power).sum() for power in (1, 2, 3, 4, 6)]
        np.testing.assert_allclose(moments, [0, 1, 0, 3, 15], atol=0.03)
        assert 4.8 < found.max() < 4.9


def test_a_share_is_true():
    drawn = bernoulli(jax.random.key(3), 0.3, (200, 500))
    assert abs(float(drawn.mean()) - 0.3) < 0.005


def test_what_is_materialised_stays_as_it_is():
    """Its loop would double it. No key may start it, least of all the largest."""
    words = np.array([[0, 0], [1, 2], [2**31, 5], [2**32 - 1, 2**32 - 1]], np.uint32)
    keys = jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")
    values = {
        "audio": jnp.arange(12.0).reshape(4, 3),
        "text": jnp.ones((4, 2)),
        "mask": jnp.arange(12).reshape(4, 3) % 2 == 0,
    }
    found = jax.jit(jax.vmap(random_bits.materialised))(keys, values)
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
