"""Which feature sets of two extractions may be mixed: by their manifests and the clips in both."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from mer_jax.errors import InputError
from mer_jax.extraction.writer import (
    FEATURES,
    FREE,
    MANIFESTS,
    differences,
    manifest_file,
    read_manifest,
)

# How far values of a clip may lie apart, in deviations of the set's values: other processors and
# packages round otherwise, and leave 1e-6 to 1e-4.
CLOSE = 1e-3


class Verdict(NamedTuple):
    """What is said of a feature set that lies in both folders."""

    folder: str  # of the set, under features/
    may: bool | None  # be mixed; None: nobody can tell
    why: str


def verdicts(first: pathlib.Path, second: pathlib.Path) -> list[Verdict]:
    """A verdict for each set that both folders have, in the order of their names.

    What decides is what the manifests say beside packages' versions; where those alone differ, the
    values of the clips that lie in both. Raises InputError where no set lies in both.
    """
    folders = [
        name
        for name in sorted(path.stem for path in (first / MANIFESTS).glob("*.json"))
        if manifest_file(second, name).is_file() and (first / FEATURES / name).is_dir()
    ]
    if not folders:
        raise InputError(f"{first} and {second}: no feature set with a manifest lies in both")
    return [_of(name, first, second) for name in folders]


def _of(name: str, first: pathlib.Path, second: pathlib.Path) -> Verdict:
    theirs, ours = (read_manifest(manifest_file(root, name)) for root in (first, second))
    others = list(_told(theirs, ours))
    if others:
        return Verdict(name, False, f"made otherwise: {'; '.join(others)}")
    versions = ", ".join(
        f"{package} {said} and {value}"
        for package, said, value in differences(theirs["versions"], ours["versions"])
    )
    apart = _apart(first / FEATURES / name, second / FEATURES / name)
    if apart is None:
        if not versions:
            return Verdict(name, True, "made alike")
        return Verdict(name, None, f"made by {versions}, and no clip lies in both to tell by")
    made = f"made by {versions}" if versions else "made alike"
    how_far = "equal to the bit" if apart == 0 else f"up to {apart:.1g} deviations apart"
    return Verdict(name, apart <= CLOSE, f"{made}; clips in both are {how_far}")


def _told(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """What two manifests say otherwise, settings one by one; without what is free."""
    for key, said, value in differences(theirs, ours):
        if key in FREE:
            continue
        if isinstance(said, Mapping) and isinstance(value, Mapping):
            yield from _told(said, value)
        else:
            yield f"{key} {said!r} and {value!r}"


def _apart(first: pathlib.Path, second: pathlib.Path) -> float | None:
    """How far the clips that lie in both are apart at most, in deviations; None without any."""
    names = sorted(path.name for path in first.glob("*.npy"))
    most, total, squares, count = 0.0, 0.0, 0.0, 0
    for name in names:
        if not (second / name).is_file():
            continue
        one, other = (_values(folder / name) for folder in (first, second))
        if one.shape != other.shape:
            return float("inf")
        most = max(most, float(np.abs(one - other).max(initial=0)))
        total += float(one.sum())
        squares += float(np.square(one).sum())
        count += one.size
    if not count:
        return None
    deviation = max(squares / count - (total / count) ** 2, 0.0) ** 0.5
    return most / deviation if deviation else (float("inf") if most else 0.0)


def _values(path: pathlib.Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable array: {error}") from None
