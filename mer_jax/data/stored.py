"""A built dataset as it lies on disk: its columns read back, its fingerprint, its source."""

import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mer_jax.errors import InputError

SOURCE = "source.json"  # what the dataset was built from; written last, so a whole one has it
ARRAYS = "arrays"
VERSION = "2.0.0"  # of the format, after TFDS's rules; a folder of that name holds the dataset


class Columns(NamedTuple):
    """One split of a built dataset, sorted by name."""

    names: np.ndarray  # str [N]
    lengths: np.ndarray  # int64 [N], rows of each clip; 1 throughout for an utterance-level set
    feature: np.ndarray  # float32 [sum of lengths, D]


def fingerprint(target: pathlib.Path) -> str:
    """The hash of a built dataset's content, names and features: splits make no difference."""
    source = read_source(target)
    if source is None:
        raise InputError(f"{target}: no built dataset; --mode=build builds it")
    return source["fingerprint"]


def is_as_built(target: pathlib.Path) -> bool:
    """Whether a built dataset's arrays still have its fingerprint; reads every byte of them."""
    clips: list[Clip] = []
    try:
        for columns in read(target).values():
            clips += digests(columns)
    except InputError:
        return False
    return fingerprint_of(clips) == fingerprint(target)


Clip = tuple[str, bytes]  # a clip's name and the hash of its features


def digests(columns: Columns) -> Iterator[Clip]:
    """The hash of each clip by itself, so that the whole depends on no order and no split."""
    feature = np.asarray(columns.feature)  # slices of a mapped array cost several times as much
    stops = np.cumsum(columns.lengths)
    starts = stops - columns.lengths
    for name, start, stop in zip(columns.names.tolist(), starts, stops, strict=True):
        rows = feature[start:stop]
        digest = hashlib.sha256(f"{name} {rows.dtype} {rows.shape}".encode())
        digest.update(np.ascontiguousarray(rows).data)
        yield name, digest.digest()


def fingerprint_of(clips: list[Clip]) -> str:
    """The hash of clips together, whatever their order."""
    return hashlib.sha256(b"".join(digest for _, digest in sorted(clips))).hexdigest()


def read(target: pathlib.Path) -> dict[str, Columns]:
    """The splits of a built dataset as arrays, memory-mapped where they are large."""
    arrays = target / ARRAYS
    try:
        splits = {
            folder.name: Columns(
                **{
                    column: np.load(
                        folder / f"{column}.npy",
                        mmap_mode="r" if column == "feature" else None,
                        allow_pickle=False,
                    )
                    for column in Columns._fields
                }
            )
            for folder in sorted(arrays.iterdir())
        }
        for split, columns in splits.items():
            _check_columns(split, columns)
    except PermissionError:
        raise
    except Exception as error:  # a header is parsed as Python: a damaged one raises anything
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{arrays}: damaged ({reason}); remove {target} to build it again"
        ) from None
    if not splits:
        raise InputError(f"{arrays}: damaged (empty); remove {target} to build it again")
    return splits


def _check_columns(split: str, columns: Columns) -> None:
    """Raises ValueError for columns that `_parse` would not give."""
    clips = (len(np.atleast_1d(columns.names)),)
    for column, kind, shape in (
        ("names", "U", clips),
        ("lengths", np.int64, clips),
        ("feature", np.float32, (int(columns.lengths.sum()), columns.feature.shape[-1])),
    ):
        array = getattr(columns, column)
        is_kind = array.dtype.kind == kind if kind == "U" else array.dtype == kind
        if not is_kind or array.shape != shape:
            raise ValueError(f"{column} of {split} is {array.dtype} {array.shape}")
    if (columns.lengths < 1).any():
        raise ValueError(f"lengths of {split} is out of range")


def faults(target: pathlib.Path) -> dict[str, str]:
    """The clips that a built dataset lacks because their files are no features, and why."""
    return (read_source(target) or {}).get("faults", {})


def read_source(target: pathlib.Path) -> dict | None:
    """What a dataset was built from, or None where there is no whole one."""
    try:
        source = json.loads((target / SOURCE).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    is_whole = isinstance(source, dict) and isinstance(source.get("fingerprint"), str)
    return source if is_whole else None
