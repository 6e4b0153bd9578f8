"""Where a plan's samples lie: on the device, as bfloat16, or streamed from the host."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.data.arrays import Labels, Split
from mer_jax.data.rows import Stacked, Vectors
from mer_jax.errors import InputError
from mer_jax.training import batch
from mer_jax.training.feed import Feed, _as_bfloat16
from tests.support.plans import planned, trained
from tests.support.runs import samples_of


def split_of(count):
    """A pool of its own, nothing of it labelled."""
    samples = samples_of(count, seed=1)
    labels = Labels(
        np.zeros(count, np.int32), np.zeros(count, bool), np.zeros(count, np.float32),
        np.zeros(count, bool),
    )  # fmt: skip
    return Split(np.array([f"pool_{i:04d}" for i in range(count)]), samples.features, labels)


def of_own_pool(count, **changes):
    """A plan whose pool is the corpus's own."""
    return planned(
        unlabelled_split=split_of(count), data__labelled_fraction=1.0, semi__method="flexmatch",
        **changes,
    )  # fmt: skip


def test_a_pool_too_large_for_the_device_streams():
    bytes_of_pool = 400 * (6 + 4) * 4
    grid_plan = of_own_pool(400, data__device_bytes=bytes_of_pool // 3)
    feed = Feed(grid_plan)
    first, second = feed.shard(0), feed.shard(1)
    wanted = 2 * 40  # mu times the padded rows of a fold
    assert len(first.number) == len(set(first.number)) == wanted
    assert set(first.number) != set(second.number)
    for shard in (first, second):  # two hold at a time
        np.testing.assert_array_equal(
            shard.features["audio"], grid_plan.samples.pool.features["audio"][shard.number]
        )
    np.testing.assert_array_equal(feed.shard(1).number, second.number)
    assert feed.spans(2, 5) == [(2, 3), (3, 4), (4, 5)]
    state = trained(grid_plan)
    selected = np.asarray(state.semi.method)  # by the clips' numbers in the whole pool
    assert selected.shape == (2, 400)
    seen = np.unique(np.concatenate([feed.shard(epoch).number for epoch in range(3)]))
    assert (selected[:, np.setdiff1d(np.arange(400), seen)] == -1).all()
    assert (selected[:, seen] >= 0).any()


def test_an_epoch_that_was_copied_ahead_is_the_same():
    feed = Feed(of_own_pool(400, data__device_bytes=400 * (6 + 4) * 4 // 3))
    expected = [feed.shard(epoch).number for epoch in range(3)]
    for ahead, asked in ((1, 1), (2, 0), (2, 2)):
        feed.prepare(ahead)
        pool = feed.samples(asked).pool
        np.testing.assert_array_equal(pool.number, expected[asked])
        np.testing.assert_array_equal(
            pool.features["audio"], feed._pool.features["audio"][expected[asked]]
        )


def test_a_pool_that_fits_as_bfloat16_stays():
    bytes_of_pool = 400 * (6 + 4) * 4
    whole = of_own_pool(400)
    halved = of_own_pool(400, data__device_bytes=bytes_of_pool - 1)
    samples = Feed(halved).samples(0)
    assert samples.pool.features["audio"].dtype == jnp.uint16
    assert samples.features["audio"].dtype == jnp.float32
    for a, b in zip(
        jax.tree.leaves(trained(whole).params), jax.tree.leaves(trained(halved).params), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=0.02)


def test_rows_of_bfloat16_are_gathered_as_they_lie():
    values = jnp.asarray(np.random.default_rng(0).normal(size=(500, 7)), jnp.bfloat16)
    index = jnp.array([499, 3, 3, 0])
    taken = jax.jit(lambda x, index: batch._taken({"audio": x}, index, {})[0]["audio"])
    bits = _as_bfloat16(np.asarray(values, np.float32))
    found = taken(bits, index)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, np.asarray(values, np.float32)[np.asarray(index)])
    arrays = re.findall(r"(\w+)\[500,", taken.lower(bits, index).compile().as_text())
    assert set(arrays) == {"u16"}, "the whole of it is converted"


@pytest.mark.parametrize("limit", [0, 400 * 10 * 4 - 1, 400 * 10 * 4 // 3, 100])
def test_clips_that_lie_scattered_are_fed_as_those_that_do_not(limit):
    whole = of_own_pool(400, data__device_bytes=limit)

    def scattered(x):
        """The same vectors, at every other row of two arrays, from the last to the first."""
        among = np.repeat(x[::-1], 2, axis=0)
        return Vectors(Stacked([among[:7], among[7:]]), 2 * np.arange(len(x))[::-1])

    def apart(of):
        return of._replace(features={m: scattered(np.asarray(x)) for m, x in of.features.items()})

    samples = apart(whole.samples)._replace(pool=apart(whole.samples.pool))
    for epoch in (0, 1):
        one, other = (
            Feed(plan).samples(epoch) for plan in (whole, whole._replace(samples=samples))
        )
        index = jnp.array([3, 0, 19])
        for a, b in ((one, other), (one.pool, other.pool)):
            for m, x in a.features.items():
                assert type(x) is type(b.features[m])
                np.testing.assert_array_equal(x[index], b.features[m][index])
        np.testing.assert_array_equal(one.pool.number, other.pool.number)


def test_neighbours_of_a_pool_that_streams_are_refused():
    bytes_of_pool = 400 * (6 + 4) * 4
    grid_plan = of_own_pool(
        400, data__device_bytes=bytes_of_pool // 3, semi__strong="neighbours 0.5"
    )
    with pytest.raises(InputError, match=r"^config\.semi\.strong: pool of 400 clips.* it streams"):
        Feed(grid_plan)
    assert Feed(of_own_pool(400, semi__strong="neighbours 0.5")).samples(0).pool.near is not None
