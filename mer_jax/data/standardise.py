"""Standardisation of features: what a config may ask for, and each group's clips by their own."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.data.arrays import Split
from mer_jax.data.rows import Frames, Rows, Stacked, Vectors, values_of
from mer_jax.errors import InputError, counted
from mer_jax.settings import Kind
from mer_jax.task import TRAIN, UNLABELLED

LOG = logging.getLogger("mer_jax")
# Values of `config.data.standardise` beside False and True, which mean none and column.
GROUP, ALL = "group", "all"
# Clips of a group from which its own statistics are used: of 8 the deviation is known to a quarter
# (1 / sqrt(2 * 7)); of fewer, the columns of train say more.
SMALLEST = 8
_TOGETHER = (TRAIN, UNLABELLED)  # training sees both: a group's clips in one tell of the other
_NAMED = {"false": False, "none": False, "true": True, "column": True, GROUP: GROUP, ALL: ALL}

Columns = dict[str, tuple[np.ndarray, np.ndarray]]  # by modality: mean and deviation float32 [D]
GroupOf = Callable[[str], str | None]  # of a clip's name; None or "": it is of no known group


def _read(value: Any, where: str) -> bool | str:
    text = str(value).lower()
    if text not in _NAMED:
        raise InputError(f"{where}: {value!r} is not False, True, {GROUP!r} or {ALL!r}")
    return _NAMED[text]


def standardises_columns(value: bool | str) -> bool:
    """Whether a value of the key gives every column one deviation, of whichever clips."""
    return value in (True, ALL)


KIND = Kind(f'False, True, "{GROUP}" or "{ALL}"', _read)


def columns_of(parts: Sequence[Rows]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation by column of the clips of all parts, or of all their frames: float32 [D].

    A constant column keeps its scale.
    """
    moments = []
    for part in parts:
        values = values_of(part)
        mean, deviation = values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
        moments.append((len(values), mean, deviation))
    (_, mean, deviation), *others = moments
    if others:
        count, means, deviations = map(np.array, zip(*moments, strict=True))
        share = (count / count.sum())[:, None]
        mean = (share * means).sum(0)
        deviation = np.sqrt((share * (deviations**2 + (means - mean) ** 2)).sum(0))
    deviation[deviation == 0] = 1
    return mean.astype(np.float32), deviation.astype(np.float32)


def by_group(splits: dict[str, Split], group_of: GroupOf) -> tuple[dict[str, Split], Columns]:
    """The splits with each group's clips standardised by that group, and the columns of train.

    A group's statistics are those of its clips in train and the pool together; in another split
    those of its clips there, so that test clips change nothing of a training. Labels play no part.
    Clips of no group, and of one with fewer than `SMALLEST` clips, are standardised by the columns
    of train, which the log says.
    """
    columns = {m: columns_of([x]) for m, x in splits[TRAIN].features.items()}
    found = dict(splits)
    alone = [(name,) for name in splits if name not in _TOGETHER]
    for names in (tuple(name for name in _TOGETHER if name in splits), *alone):
        parts = [_Part(splits[name].names.tolist(), splits[name].features) for name in names]
        scaled = _standardised(parts, group_of, columns, " and ".join(names))
        found |= {
            name: splits[name]._replace(features=features)
            for name, features in zip(names, scaled, strict=True)
        }
    return found, columns


def of_folder(
    names: Sequence[str],
    features: dict[str, Rows],
    group_of: GroupOf,
    columns: Columns,
    where: str,
) -> dict[str, Rows]:
    """The features of a folder's clips, standardised as those of a test split are."""
    return _standardised([_Part(names, features)], group_of, columns, where)[0]


def kept(columns: Mapping[str, tuple[np.ndarray, np.ndarray]], runs: int) -> dict[str, Any]:
    """What kept weights hold of the columns of train, alike for each run; nothing without any.

    Clips that are predicted elsewhere and are of no group need them.
    """
    if not columns:
        return {}
    return {"columns": {m: [np.stack([x] * runs) for x in pair] for m, pair in columns.items()}}


class _Part(NamedTuple):
    names: Sequence[str]
    features: dict[str, Rows]


def _standardised(
    parts: Sequence[_Part], group_of: GroupOf, columns: Columns, where: str
) -> list[dict[str, Rows]]:
    """The parts' features, lazily standardised by the groups of their clips taken together."""
    groups = [np.array([group_of(name) or "" for name in part.names]) for part in parts]
    sizes = Counter(np.concatenate(groups).tolist())
    unknown = sizes.pop("", 0)
    large = sorted(group for group, size in sizes.items() if size >= SMALLEST)
    _say(where, sizes, large, unknown)
    number = {group: place for place, group in enumerate(large, start=1)}  # 0: by the columns
    numbers = [np.array([number.get(group, 0) for group in of.tolist()], int) for of in groups]
    scaled: list[dict[str, Rows]] = [{} for _ in parts]
    for modality in columns:
        found = [columns[modality]]
        for place in number.values():
            of_group = [
                part.features[modality][rows]
                for part, numbers_of in zip(parts, numbers, strict=True)
                if len(rows := np.flatnonzero(numbers_of == place))
            ]
            found.append(columns_of(of_group))
        mean, deviation = map(np.stack, zip(*found, strict=True))
        for part, numbers_of, into in zip(parts, numbers, scaled, strict=True):
            into[modality] = _rows(part.features[modality], numbers_of, mean, deviation)
    return scaled


def _say(where: str, sizes: Counter, large: Sequence[str], unknown: int) -> None:
    small = [size for group, size in sizes.items() if group not in large]
    left = []
    if small:
        left.append(
            f"{counted(sum(small), 'clip')} of {counted(len(small), 'group')} with fewer than "
            f"{SMALLEST}"
        )
    if unknown:
        left.append(f"{counted(unknown, 'clip')} of no known group")
    rest = f"; by the columns of {TRAIN}: {', '.join(left)}" if left else ""
    LOG.info("%s: %s standardised by their own clips%s", where, counted(len(large), "group"), rest)


def _rows(x: Rows, group: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> Rows:
    """The clips of `x` by the statistics [G, D] of their groups [N]; nothing is read of them."""
    if not isinstance(x, Frames):
        row = x.row if isinstance(x, Vectors) else np.arange(len(x))
        values = x.values if isinstance(x, Vectors) else x
        return Vectors(_Standardised(values, row, group, mean, deviation), np.arange(len(x)))
    begins = np.cumsum(x.length) - x.length
    row = np.repeat(x.start - begins, x.length) + np.arange(x.length.sum())
    values = _Standardised(x.values, row, np.repeat(group, x.length), mean, deviation)
    return Frames(values, begins, x.length, x.blank)


class _Standardised:
    """Rows of `values`, each by its group's mean and deviation, computed when they are asked for.

    `values` may be a memory map that is larger than the memory.
    """

    dtype = np.dtype(np.float32)
    itemsize = dtype.itemsize

    def __init__(
        self,
        values: np.ndarray | Stacked,
        row: np.ndarray,
        group: np.ndarray,
        mean: np.ndarray,
        deviation: np.ndarray,
    ):
        self._values = values  # float32 [., D]
        self._row = row  # int64 [R]: which of them
        self._group = group  # int64 [R]
        self._mean, self._deviation = mean, deviation  # float32 [G, D]
        self.shape = len(row), values.shape[1]

    def __len__(self) -> int:
        """R."""
        return len(self._row)

    def __getitem__(self, index) -> np.ndarray:
        """The rows of an array of numbers, or of a slice: float32 [..., D]."""
        group = self._group[index]
        rows = np.asarray(self._values[self._row[index]])
        return (rows - self._mean[group]) / self._deviation[group]
