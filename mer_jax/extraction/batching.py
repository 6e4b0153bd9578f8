"""Batches of inputs that differ in length: rows of near lengths together, few shapes in all."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

_STEPS_AN_OCTAVE = 8  # of the lengths that are compiled: at most an eighth of a row is padding
_LEAST_FULL = 0.75  # of a batch's length, that each of its rows has of its own


class Batch(NamedTuple):
    """Rows to be run together."""

    rows: list[int]  # which of the inputs
    length: int  # that each is padded to


def padded_length(length: int, step: int) -> int:
    """The length that is compiled for `length`: multiples of `step` that grow with it."""
    octave = max(length // step, 1).bit_length() - 1
    stride = step * max(2**octave // _STEPS_AN_OCTAVE, 1)
    return -(-length // stride) * stride


def batches(
    lengths: Sequence[int], step: int, most_rows: int, most: int, longest: int = sys.maxsize
) -> Iterator[Batch]:
    """Batches of all inputs, the longest first.

    A batch has a power of two of rows, at most `most_rows`, and its length is one of
    `padded_length`, but none above `longest`: so many shapes and no more are compiled, whatever
    the inputs. `most` bounds rows times length, except for one row.
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    while order:
        length = min(padded_length(lengths[order[0]], step), longest)
        limit = max(min(most_rows, most // length), 1)
        fit = sum(lengths[row] >= _LEAST_FULL * length for row in order[1:limit]) + 1
        count = 1 << (fit.bit_length() - 1)
        yield Batch(order[:count], length)
        order = order[count:]


def padded(inputs: Sequence[np.ndarray], batch: Batch, fill: Any = 0) -> tuple[Any, Any]:
    """The rows of a batch, padded at the end of their last axis by `fill`, and the mask."""
    first = inputs[batch.rows[0]]
    values = np.full((len(batch.rows), *first.shape[:-1], batch.length), fill, first.dtype)
    mask = np.zeros((len(batch.rows), batch.length), bool)
    for i, row in enumerate(batch.rows):
        size = inputs[row].shape[-1]
        values[i, ..., :size] = inputs[row]
        mask[i, :size] = True
    return values, mask


def powers(count: int, most: int) -> Iterator[slice]:
    """Stretches that cover `count` rows, each a power of two of at most `most`: few shapes."""
    begin = 0
    while begin < count:
        size = 1 << (min(most, count - begin).bit_length() - 1)
        yield slice(begin, begin + size)
        begin += size


def windows(length: int, most: int, least: int) -> list[slice]:
    """Stretches of at most `most` that cover an input; a rest below `least` is left out."""
    return [
        slice(begin, min(begin + most, length))
        for begin in range(0, length, most)
        if min(begin + most, length) - begin >= least
    ]
