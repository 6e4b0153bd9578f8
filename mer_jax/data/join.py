"""Joining features and labels by name: which clips a split has, and where their features lie."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mer_jax.corpora import CorpusInfo
from mer_jax.data import label_arrays, left_out, strays
from mer_jax.data import labels as labels_lib
from mer_jax.data.arrays import Split
from mer_jax.data.framing import Framing, framed
from mer_jax.data.labels import Label, LabelRules
from mer_jax.data.left_out import LeftOut
from mer_jax.data.rows import Frames, Rows, Stacked, Vectors, at_level
from mer_jax.data.stored import Columns
from mer_jax.task import UNLABELLED


class Built(NamedTuple):
    """A feature set as it is built."""

    name: str
    columns: dict[str, Columns]  # by split of the build
    faults: dict[str, str]  # by clip: why it is not among them
    serves: frozenset[str] | None = None  # the splits that are taken from it; None: all

    @property
    def names(self) -> set[str]:
        """Every clip that it has."""
        return {name for split in self.columns.values() for name in split.names.tolist()}


def with_pool(
    labels: Mapping[str, dict[str, Label]], sets: Sequence[Built], info: CorpusInfo
) -> tuple[dict[str, dict[str, Label]], list[LeftOut]]:
    """Labels by split with the unlabelled clips among them, and what was no clip.

    Unlabelled is every name with features that no other split than the pool's own holds, and that
    has no emotion label; what is called a copy or a statistic of other clips is none.
    """
    if not info.pool_split:
        return dict(labels), []
    elsewhere = {
        name
        for split, of_split in labels.items()
        for name, label in of_split.items()
        if split != info.pool_split or label.emotion != labels_lib.MISSING_EMOTION
    }
    listed = {name for of_split in labels.values() for name in of_split}
    present = set().union(*(built.names | built.faults.keys() for built in sets))
    copies = set(strays.no_clips(sorted(present | listed))) - listed
    names = sorted(present - elsewhere - copies)
    copied = [
        LeftOut(UNLABELLED, built.name, left_out.COPY, left_out.DROP, tuple(found))
        for built in sets
        if (found := sorted(copies & built.names))
    ]
    return {**labels, UNLABELLED: dict.fromkeys(names, Label())}, copied


def lacking(labels: Mapping[str, dict[str, Label]], sets: Sequence[Built]) -> list[LeftOut]:
    """The clips of each split that a set lacks: because their files are bad, or without a file."""
    found = []
    for built in sets:
        names = built.names
        for split, of_split in labels.items():
            if built.serves is not None and split not in built.serves:
                continue
            absent = [name for name in of_split if name not in names]
            for reason, group in (
                (left_out.BAD, [name for name in absent if name in built.faults]),
                (left_out.MISSING, [name for name in absent if name not in built.faults]),
            ):
                if group:
                    found.append(LeftOut(split, built.name, reason, left_out.DROP, tuple(group)))
    return found


def join(
    labels: Mapping[str, Label],
    sets: Mapping[str, Built],
    info: CorpusInfo,
    rules: LabelRules,
    level: str,
    framing: Framing | None = None,
) -> Split:
    """A split: its clips sorted by name, their labels, and their features by modality.

    A clip that a set lacks is filled with zeros there.
    """
    names = sorted(labels)
    features = {modality: _rows(built.columns, names) for modality, built in sets.items()}
    return Split(
        names=np.array(names),
        features=framed(at_level(features, level), framing),
        labels=label_arrays.masked(*label_arrays.columns(labels, names, info.task), info, rules),
    )


def _rows(columns: Mapping[str, Columns], names: list[str]) -> Rows:
    """The features of `names`, mapped: nothing is read of them here, however they are spread."""
    for split in columns.values():
        if len(split.names) == len(names) and split.names.tolist() == names:
            if (split.lengths == 1).all():
                return split.feature
            return Frames.of_lengths(split.feature, split.lengths)
    place = {name: i for i, name in enumerate(names)}
    parts, held = [], 0  # the arrays of the splits with any of them, and the rows of these arrays
    start, length = np.full(len(names), -1, np.int64), np.ones(len(names), np.int64)
    for split in columns.values():
        rows = [(i, place[name]) for i, name in enumerate(split.names.tolist()) if name in place]
        if rows:
            theirs, ours = np.array(rows).T
            begins = np.cumsum(split.lengths) - split.lengths
            start[ours], length[ours] = held + begins[theirs], split.lengths[theirs]
            parts.append(split.feature)
            held += len(split.feature)
    absent = start < 0
    if absent.any() or not parts:
        size = next(iter(columns.values())).feature.shape[1]
        parts.append(np.zeros((1, size), np.float32))
        start[absent] = held
    values = parts[0] if len(parts) == 1 else Stacked(parts)
    return Vectors(values, start) if (length == 1).all() else Frames(values, start, length)
