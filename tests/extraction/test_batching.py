"""Batches by length: every input once, few shapes, little padding."""

import random

import numpy as np

from mer_jax.extraction import batching


def test_padded_lengths_grow_with_the_length():
    lengths = [1, 4, 5, 31, 32, 33, 63, 64, 65, 70, 127, 128, 129, 500]
    assert [batching.padded_length(n, 4) for n in lengths] == [
        4, 4, 8, 32, 32, 36, 64, 64, 72, 72, 128, 128, 144, 512,
    ]  # fmt: skip


def test_each_input_is_in_one_batch_of_its_length():
    random.seed(3)
    shapes = set()
    for _ in range(30):
        lengths = [random.randint(1, 2000) for _ in range(random.randint(1, 80))]
        found = list(batching.batches(lengths, 16, 8, 6000))
        assert sorted(row for batch in found for row in batch.rows) == list(range(len(lengths)))
        for batch in found:
            own = [lengths[row] for row in batch.rows]
            assert len(own) in (1, 2, 4, 8)
            assert len(own) * batch.length <= 6000
            assert batch.length == batching.padded_length(max(own), 16)
            assert min(own) >= 0.75 * batch.length or len(own) == 1
            shapes.add((len(own), batch.length))
    assert len({length for _, length in shapes}) <= 41  # 16 to 128 by 16, then 8 an octave
    assert list(batching.batches([9000], 16, 8, 6000)) == [batching.Batch([0], 9216)]
    assert list(batching.batches([9000, 9100], 16, 8, 6000, 9120)) == [
        batching.Batch([1], 9120),
        batching.Batch([0], 9120),
    ]
    assert list(batching.batches([], 16, 8, 6000)) == []


def test_rows_are_padded_at_their_end():
    inputs = [np.float32([[1, 2], [3, 4]]), np.float32([[5], [6]])]
    values, mask = batching.padded(inputs, batching.Batch([1, 0], 3), fill=9)
    np.testing.assert_array_equal(values, [[[5, 9, 9], [6, 9, 9]], [[1, 2, 9], [3, 4, 9]]])
    np.testing.assert_array_equal(mask, [[True, False, False], [True, True, False]])
    assert values.dtype == np.float32


def test_windows_cover_all_but_a_rest_that_is_too_short():
    assert batching.windows(10, 4, 1) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert batching.windows(10, 4, 3) == [slice(0, 4), slice(4, 8)]
    assert batching.windows(8, 4, 3) == [slice(0, 4), slice(4, 8)]
    assert batching.windows(0, 4, 1) == []
