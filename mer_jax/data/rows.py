"""What a modality's features are on the host: one vector a clip, or frames; both indexed by rows.

Vectors are an array [N, D], or `Vectors` where they lie scattered in arrays of the built dataset.
`Frames` holds clips of unlike lengths without padding. All have `len`, `shape` (whose last entry is
the size D), `nbytes`, and give rows for rows: `x[index]`.
"""

import logging
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from mer_jax.data.npy import FRAME, UTTERANCE

LOG = logging.getLogger("mer_jax")
AUTO = "auto"  # as config.features.level: what the fusion takes first
LEVELS = {"utterance": UTTERANCE, "frames": FRAME}  # by what config.features.level calls them


@runtime_checkable
class Rows(Protocol):
    """N clips' features of one modality."""

    shape: tuple[int, ...]  # (N, D) of vectors, (N, T, D) of frames, T being the longest clip's
    nbytes: int  # of what is held, padding left out

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, index) -> "Rows":
        """The clips of an array of rows, or of a slice."""


class Stacked:
    """Arrays [R, D] one after another as one, none of them copied: they may be memory maps."""

    dtype = np.dtype(np.float32)
    itemsize = dtype.itemsize

    def __init__(self, parts: Sequence[np.ndarray]):
        self.parts = tuple(parts)
        self._stop = np.cumsum([len(part) for part in parts])  # of each part, in all rows
        self.shape = int(self._stop[-1]), parts[0].shape[1]

    def __len__(self) -> int:
        """The rows of all parts."""
        return self.shape[0]

    def __getitem__(self, index) -> np.ndarray:
        """The rows of an array of numbers, copied; of a slice that lies within a part, a view."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            number = int(np.searchsorted(self._stop, start, side="right"))
            if step == 1 and start < stop <= self._stop[number]:
                before = self._stop[number] - len(self.parts[number])
                return self.parts[number][start - before : stop - before]
            index = np.arange(start, stop, step)
        index = np.asarray(index)
        found = np.empty((*index.shape, self.shape[1]), self.dtype)
        part_of = np.searchsorted(self._stop, index, side="right")
        for number, part in enumerate(self.parts):
            inside = part_of == number
            found[inside] = part[index[inside] - (self._stop[number] - len(part))]
        return found


class Vectors:
    """Vectors of clips that are rows here and there in `values`: read when they are asked for.

    `values` may be a memory map, or several, that are larger than the memory. Indexing gives an
    array of the rows that are asked for; NumPy takes the whole as an array by reading all of it.
    """

    dtype = np.dtype(np.float32)
    itemsize = dtype.itemsize

    def __init__(self, values: np.ndarray | Stacked, row: np.ndarray):
        self.values = values  # float32 [R, D]
        self.row = row  # int64 [N]

    def __len__(self) -> int:
        """N."""
        return len(self.row)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return len(self), self.values.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of these clips' vectors."""
        return len(self) * self.values.shape[1] * self.itemsize

    def __getitem__(self, index) -> np.ndarray:
        """The vectors of an array of rows, of any shape, or of a slice: float32 [..., D]."""
        return self.values[self.row[index]]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """All vectors, read: [N, D]."""
        del copy  # it always is one
        return np.asarray(self[:], dtype)


class Frames:
    """Clips of unlike lengths: a clip's frames are rows of `values`, from its start on.

    Indexing takes clips and copies nothing: `values` may be a memory map that is larger than the
    memory, of which only rows that are asked for are read. Before a clip's frames there may be
    blanks: places in time at which it has none (see mer_jax/data/framing.py).
    """

    def __init__(
        self,
        values: np.ndarray | Stacked,
        start: np.ndarray,
        length: np.ndarray,
        blank: np.ndarray | None = None,
    ):
        self.values = values  # float32 [R, D]
        self.start = start  # int64 [N]
        self.length = length  # int64 [N]: frames of each clip, 1 or more
        self.blank = np.zeros_like(length) if blank is None else blank  # int64 [N]
        self._vectors: np.ndarray | None = None

    @classmethod
    def of_lengths(cls, values: np.ndarray, length: np.ndarray) -> "Frames":
        """Clips whose frames follow each other in `values`."""
        length = np.asarray(length, np.int64)
        return cls(values, np.cumsum(length) - length, length)

    @classmethod
    def of_clips(cls, clips: Sequence[np.ndarray]) -> "Frames":
        """Clips given one by one, each [T, D]."""
        return cls.of_lengths(np.concatenate(clips), [len(clip) for clip in clips])

    def __len__(self) -> int:
        """N."""
        return len(self.start)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, T, D), T being the frames of the longest clip, blanks included."""
        return len(self), int(self.ends.max(initial=1)), self.values.shape[1]

    @property
    def ends(self) -> np.ndarray:
        """int64 [N]: the frames of each clip, blanks included."""
        return self.blank + self.length

    @property
    def nbytes(self) -> int:
        """Bytes of these clips' frames."""
        return int(self.length.sum()) * self.values.shape[1] * self.values.itemsize

    def __getitem__(self, index) -> "Frames":
        """The clips of an array of rows, or of a slice."""
        return Frames(self.values, self.start[index], self.length[index], self.blank[index])

    def clip(self, row: int) -> np.ndarray:
        """One clip's frames: float32 [T, D]."""
        return self.values[self.start[row] : self.start[row] + self.length[row]]

    def packed(self) -> "Frames":
        """The same clips with `values` that hold their frames and nothing else."""
        is_whole = isinstance(self.values, np.ndarray) and len(self.values) == self.length.sum()
        if is_whole and (np.diff(self.start) >= 0).all():
            return self
        packed = Frames.of_clips([self.clip(row) for row in range(len(self))])
        return Frames(packed.values, packed.start, packed.length, self.blank)

    def shortened(self, filled: bool) -> "Frames":
        """Clips without blanks: those in front are left out, or are zeros where `filled`."""
        if not filled:
            return Frames(self.values, self.start, self.length)
        width = self.values.shape[1]
        zeros = [np.zeros((blank, width), np.float32) for blank in self.blank.tolist()]
        clips = [np.concatenate([zero, self.clip(row)]) for row, zero in enumerate(zeros)]
        return Frames.of_clips(clips)

    def in_front(self, frames: int) -> "Frames":
        """The same clips, each with as many blanks as end it at frame `frames`."""
        return Frames(self.values, self.start, self.length, frames - self.length)

    def padded(self, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """float32 [N, `frames`, D], zeros around each clip, and the mask [N, `frames`].

        Of a longer clip its first frames.
        """
        frame_1xT = np.arange(frames)[None, :]
        mask_NxT = (frame_1xT >= self.blank[:, None]) & (frame_1xT < self.ends[:, None])
        padded_NxTxD = np.zeros((len(self), frames, self.values.shape[1]), np.float32)
        for row, (blank, end) in enumerate(zip(self.blank, self.ends, strict=True)):
            padded_NxTxD[row, blank:end] = self.clip(row)[: max(frames - blank, 0)]
        return padded_NxTxD, mask_NxT

    @property
    def vectors(self) -> np.ndarray:
        """float32 [N, D]: each clip's frames averaged; computed once."""
        if self._vectors is None:
            rows = (mean_over_frames(self.clip(row)) for row in range(len(self)))
            self._vectors = np.stack(list(rows))
        return self._vectors


def mean_over_frames(rows_TxD: np.ndarray) -> np.ndarray:
    """The utterance vector of a clip's rows: their mean, float32 [D]."""
    if len(rows_TxD) == 1:
        return rows_TxD[0]
    return rows_TxD.mean(axis=0, dtype=np.float64).astype(np.float32)


def at_level(features: dict[str, Rows], level: str) -> dict[str, Rows]:
    """The features as a model of that level takes them.

    At UTTERANCE frames are averaged; at FRAME a vector is a clip of one frame.
    """
    if level == UTTERANCE:
        return {m: x.vectors if isinstance(x, Frames) else x for m, x in features.items()}
    assert level == FRAME, level
    return {m: _as_frames(x) for m, x in features.items()}


def _as_frames(x: Rows) -> Frames:
    if isinstance(x, Frames):
        return x
    one = np.ones(len(x), np.int64)
    return Frames(x.values, x.row, one) if isinstance(x, Vectors) else Frames.of_lengths(x, one)


def say_averaged(feature_set: str) -> None:
    """Says in the log that a frame-level set is used as vectors."""
    LOG.info("%s is frame level: its frames are averaged over time", feature_set)


def values_of(x: Rows) -> np.ndarray:
    """What statistics are taken of: the vectors [N, D], or the frames of all clips [R, D]."""
    return x.packed().values if isinstance(x, Frames) else np.asarray(x)


def sizes(features: dict[str, Rows]) -> dict[str, int]:
    """D of each modality."""
    return {modality: x.shape[-1] for modality, x in features.items()}


def longest(features: dict[str, Rows]) -> int:
    """T of the longest clip in any modality; 1 for vectors."""
    return max(x.shape[1] if isinstance(x, Frames) else 1 for x in features.values())


def count(features: dict[str, Rows]) -> int:
    """N."""
    return len(next(iter(features.values())))


def one_after_another(parts: Sequence[Rows]) -> Rows:
    """The clips of several parts; vectors are read when they are asked for, frames are copied."""
    if isinstance(parts[0], Frames):
        return joined(parts)
    return Vectors(Stacked(parts), np.arange(sum(map(len, parts))))


def joined(parts: Sequence[Rows]) -> Rows:
    """The clips of several parts, one after another, as arrays of their own."""
    if isinstance(parts[0], Frames):
        packed = [part.packed() for part in parts]
        together = Frames.of_lengths(
            np.concatenate([part.values for part in packed]),
            np.concatenate([part.length for part in packed]),
        )
        blank = np.concatenate([part.blank for part in packed])
        return Frames(together.values, together.start, together.length, blank)
    return np.concatenate(parts)
