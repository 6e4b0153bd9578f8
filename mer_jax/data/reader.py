"""Reading a feature set clip by clip; what is wrong with its clips is collected, all of it."""

import os
import re

import numpy as np

from mer_jax.data.features import FeatureSet
from mer_jax.data.npy import FRAME, UTTERANCE, read_array, read_shape
from mer_jax.data.rows import mean_over_frames
from mer_jax.errors import InputError

_LEVEL_ENDINGS = {"UTT": UTTERANCE, "FRA": FRAME}
_LEVEL_PATTERN = re.compile(r"[-_](UTT|FRA)$")
_LOOKED_AT = 15  # clips that vote for a set's size


class Reader:
    """The clips of a feature set as rows of one size; `faults` tells of those that are none."""

    def __init__(self, features: FeatureSet):
        self._features = features
        self.names = features.clips.keys()
        self.folder = features.folder
        ending = _LEVEL_PATTERN.search(features.name)
        named = _LEVEL_ENDINGS[ending[1]] if ending else None
        self.size, self._example = self._vote(named)
        self.level = named or self._level_of_content()
        self.faults = dict(features.refused)  # name -> the sentence of what is wrong with it

    def _vote(self, level: str | None) -> tuple[int, str]:
        """The size that most of a few clips have, and the file of one that has it; 0 if unknown.

        A column says nothing beside other shapes; where there are none, the level tells.
        """
        names = list(self.names)
        sizes: dict[int, list[str]] = {}
        columns: dict[int, list[str]] = {}
        for name in names[:: max(1, len(names) // _LOOKED_AT)]:
            path = self._features.clips[name][0]
            try:
                frames, size = read_shape(path)
            except InputError:
                continue
            if frames > 1 and size == 1:
                columns.setdefault(1 if level == FRAME else frames, []).append(path)
            else:
                sizes.setdefault(size, []).append(path)
        found = sizes or (columns if level else {})
        if not found:
            return 0, ""
        size = max(found, key=lambda size: len(found[size]))
        return size, found[size][0]

    def _level_of_content(self) -> str:
        """FRAME if any clip has more than one row; what cannot be read says nothing."""
        for files in self._features.clips.values():
            try:
                frames, size = read_shape(files[0])
            except InputError:
                continue
            is_column = frames > 1 and size == 1 and self.size != 1
            if len(files) > 1 or (frames > 1 and not is_column):
                return FRAME
        return UTTERANCE

    def rows(self, name: str) -> np.ndarray | None:
        """A clip's rows, float32 [T, size], T being 1 for a vector; None, and a fault, for none."""
        try:
            return self._rows(name)
        except InputError as fault:
            self.faults[name] = str(fault)
            return None

    def vector(self, name: str) -> np.ndarray | None:
        """A clip's rows averaged, float32 [size]; None, and a fault, where it has none."""
        rows_TxD = self.rows(name)
        return None if rows_TxD is None else mean_over_frames(rows_TxD)

    def _rows(self, name: str) -> np.ndarray:
        files = self._features.clips[name]
        rows = [read_array(file, self.size or None) for file in files]
        _check_sizes({row.shape[1]: file for row, file in zip(rows, files, strict=True)})
        self.size = self.size or rows[0].shape[1]  # none of those looked at could be read
        self._example = self._example or files[0]
        _check_sizes({self.size: self._example, rows[0].shape[1]: files[0]})
        return np.concatenate(rows) if len(rows) > 1 else rows[0]


def _check_sizes(files: dict[int, str]) -> None:
    """Refuses files of two sizes, one of each given by its size."""
    if len(files) > 1:
        (size_a, file_a), (size_b, file_b) = list(files.items())[:2]
        raise InputError(
            f"{file_b}: features of size {size_b}, but {os.path.basename(file_a)} has size {size_a}"
        )
