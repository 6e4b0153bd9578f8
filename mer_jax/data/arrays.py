"""The arrays of a corpus: labels with masks, splits, and the splits together."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from mer_jax.corpora import CorpusInfo
from mer_jax.data.left_out import LeftOut
from mer_jax.data.rows import Rows
from mer_jax.task import TRAIN, UNLABELLED, Task


class Labels(NamedTuple):
    """Labels of N clips; where a mask is False the value beside it means nothing."""

    emotion: np.ndarray  # int32 [N]
    emotion_mask: np.ndarray  # bool [N]
    valence: np.ndarray  # float32 [N]; of a task with targets [N, V]
    valence_mask: np.ndarray  # bool [N], or [N, V]

    @property
    def has_number(self) -> np.ndarray:
        """Whether a clip's valence is known, or any of its targets: bool [N]."""
        return self.valence_mask if self.valence_mask.ndim == 1 else self.valence_mask.any(-1)

    @property
    def known(self) -> np.ndarray:
        """Whether anything of a clip is known: bool [N]."""
        return self.emotion_mask | self.has_number

    def of_target(self, number: int) -> "Labels":
        """With one of several targets as the valence."""
        return self._replace(
            valence=self.valence[..., number], valence_mask=self.valence_mask[..., number]
        )

    def rows(self, rows: np.ndarray) -> "Labels":
        """Those of some of the clips, by a mask or by number."""
        return Labels(*(column[rows] for column in self))


class Split(NamedTuple):
    """The clips of a split, sorted by name."""

    names: np.ndarray  # str [N]
    features: dict[str, Rows]  # by modality: float32 [N, D], or Frames
    labels: Labels


class Corpus(NamedTuple):
    """All that is known of a corpus once its modalities are joined."""

    info: CorpusInfo
    splits: dict[str, Split]
    fingerprint: dict[str, str]  # hashes: of each feature set's content, and of the labels
    left_out: tuple[LeftOut, ...] = ()  # clips that a feature set lacks, and what was done
    narrowed: Task | None = None  # what is predicted; None: all that the corpus has
    # Where clips are standardised by group: train's mean and deviation by modality, for the others.
    columns: Mapping[str, tuple[np.ndarray, np.ndarray]] = MappingProxyType({})

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.info.task if self.narrowed is None else self.narrowed

    def test_splits(self, without: str | None = None) -> dict[str, Split]:
        """The splits that are predicted: all but train, the pool, and `without`."""
        hidden = (TRAIN, UNLABELLED, without)
        return {name: split for name, split in self.splits.items() if name not in hidden}
