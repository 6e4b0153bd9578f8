"""Buckets of batches: the least padding, whole folds, and an order that all runs share."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.data.rows import Frames
from mer_jax.training.buckets import Bucket, buckets, by_length
from mer_jax.training.order import bucketed_order

BATCH = 4


def features_of(lengths):
    return {
        m: Frames.of_lengths(np.zeros((sum(each), 2), np.float32), each)
        for m, each in lengths.items()
    }


def test_short_clips_come_first_and_vectors_stay():
    features = features_of({"audio": [3, 9, 1, 3], "text": [5, 1, 2, 1]})
    rows = np.array([3, 0, 1, 2])
    assert by_length(features, rows).tolist() == [2, 3, 0, 1]
    assert by_length({"audio": np.zeros((4, 2))}, rows).tolist() == rows.tolist()
    assert buckets({"audio": np.zeros((4, 2))}, [], BATCH, 3) == ()


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_no_other_division_pads_less(most):
    rng = np.random.default_rng(most)
    lengths = np.sort(rng.geometric(0.1, 26))
    features = features_of({"audio": lengths})
    rows = np.concatenate([np.arange(26), [0, 0]])
    weight = (np.arange(28) < 26).astype(np.float32)
    found = buckets(features, [(rows, weight)], BATCH, most)
    ends = [min(end, 26) - 1 for end in range(BATCH, 29, BATCH)]
    cost = [lengths[end] for end in ends]  # of each batch alone
    divisions = (
        (0, *inner, 7)
        for groups in range(1, most + 1)
        for inner in itertools.combinations(range(1, 7), groups - 1)
    )
    least = min(
        sum((b - a) * cost[b - 1] for a, b in itertools.pairwise(each)) for each in divisions
    )
    assert sum(bucket.batches * bucket.longest["audio"] for bucket in found) == least
    assert sum(bucket.batches for bucket in found) == 7 and len(found) <= most
    start = 0
    for bucket in found:
        held = rows[start : start + bucket.batches * BATCH]
        assert lengths[held].max() <= bucket.longest["audio"]
        start += bucket.batches * BATCH


def test_folds_share_the_longest_of_theirs():
    features = features_of({"audio": [1, 2, 3, 4, 7, 8, 9, 9], "text": [2, 2, 2, 2, 1, 1, 1, 1]})
    folds = [(np.arange(4), np.ones(4)), (np.arange(4, 8), np.array([1, 1, 0, 0]))]
    assert buckets(features, folds, 2, 1) == (Bucket(2, (("audio", 8), ("text", 2))),)


def test_every_clip_once_each_in_its_bucket_and_shapes_alike_for_all_runs():
    of = (Bucket(3, ()), Bucket(2, ()))
    weight = jnp.asarray(np.arange(20) < 18, jnp.float32)

    @jax.jit
    def order(key, epoch):
        return bucketed_order(key, epoch, weight, of, BATCH)

    keys, epoch = jax.random.split(jax.random.key(0), 5), jnp.int32(3)
    orders, ids = jax.vmap(order, in_axes=(0, None))(keys, epoch)
    for positions, bucket in zip(np.asarray(orders), np.asarray(ids), strict=True):
        assert sorted(positions.ravel().tolist()) == list(range(20))
        assert ((positions >= 12).all(1) == (bucket == 1)).all()
        assert (bucket == ids[0]).all()
        padded = (positions >= 18).sum(1)
        assert sorted(padded.tolist()) == [0, 0, 0, 0, 2], "padding in one batch"
    assert (orders[0] != orders[1]).any()
    shapes = {tuple(order(keys[0], jnp.int32(epoch))[1].tolist()) for epoch in range(9)}
    assert len(shapes) > 3, "another order of lengths in every epoch"


def test_runs_side_by_side_choose_one_shape_and_compute_no_other():
    of, weight = (Bucket(2, ()), Bucket(3, ())), jnp.ones(20)

    def total(key, start, stop):
        def epoch(number, total):
            order, bucket_S = bucketed_order(key, number, weight, of, BATCH)
            return total + jax.lax.switch(bucket_S[0], [jnp.sin, jnp.cos], order[0, 0] * 1.0)

        return jax.lax.fori_loop(start, stop, epoch, 0.0)

    keys = jax.random.split(jax.random.key(0), 3)
    program = jax.make_jaxpr(jax.vmap(total, in_axes=(0, None, None)))(
        keys, jnp.int32(0), jnp.int32(2)
    )
    assert " cond[" in str(program)
