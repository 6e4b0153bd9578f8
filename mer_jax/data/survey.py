"""What a folder of labels and features holds, whether it can be trained on, and how."""

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mer_jax.corpora import CORPORA, SYNTHETIC, CorpusInfo
from mer_jax.data import features as features_lib
from mer_jax.data import label_files, table
from mer_jax.data.labels import MISSING_EMOTION, Label
from mer_jax.data.reader import Reader
from mer_jax.data.rows import mean_over_frames
from mer_jax.errors import InputError
from mer_jax.observer import Count, uncounted
from mer_jax.task import VALENCE, of_bounds

# Between the deviations of a set's columns: beyond it the small ones reach no model that is given
# them as they are.
UNEVEN = 100.0
_SHARES = (5, 95)  # percentiles of the columns' deviations: a single odd column is no reason


class Labels(NamedTuple):
    """The label files of a folder, read as those of one corpus."""

    name: str  # of the corpus, as config.data.corpus has it
    info: CorpusInfo
    paths: list[pathlib.Path]
    splits: dict[str, dict[str, Label]]
    why: dict[str, str]  # by split: why labels that stand there do not count
    is_released: bool  # the counts are those of a published version

    @property
    def names(self) -> set[str]:
        """Every clip."""
        return set().union(*self.splits.values())

    def classes(self, split: str) -> dict[str, int]:
        """How many clips of a split are of each class."""
        found = Counter(label.emotion for label in self.splits[split].values())
        return {name: found[i] for i, name in enumerate(self.info.task.classes)}

    def numbers(self, split: str) -> dict[str, np.ndarray]:
        """The known valences of a split, or the known numbers of each target, by its name."""
        task, labels = self.info.task, self.splits[split].values()
        of_clips = [label.numbers if task.targets else (label.valence,) for label in labels]
        names = task.targets or (VALENCE,)
        found = zip(names, np.array(of_clips).reshape(-1, len(names)).T, strict=True)
        return {name: values[~np.isnan(values)] for name, values in found}

    def unlabelled(self, split: str) -> int:
        """How many clips of a split have no label."""
        return sum(
            label.emotion == MISSING_EMOTION and not label.has_number
            for label in self.splits[split].values()
        )

    def groups(self, split: str) -> int:
        """How many groups the clips of a split are of; 0 where the corpus knows none."""
        of = self.info.group
        return len({of(name) for name in self.splits[split]} - {None}) if of else 0


@dataclasses.dataclass(frozen=True)
class SetSurvey:
    """A feature set, all of it read."""

    name: str
    level: str
    size: int
    clips: frozenset[str]
    faults: Mapping[str, str]  # name -> the sentence of what is wrong with its file
    zero: tuple[str, ...]  # clips whose values are all 0
    spread: float  # of the columns' deviations over clips, the large by the small; 1: all alike

    @property
    def is_uneven(self) -> bool:
        """Whether columns differ so much that they want standardising."""
        return self.spread > UNEVEN


def labels_of(
    root: pathlib.Path, asked: str | None = None, targets: tuple[str, ...] = ()
) -> tuple[list[Labels], dict[str, str]]:
    """The corpora whose label files a folder holds, the likeliest first; why it is no other's.

    `asked` is the one corpus that is looked for; None: any. A published version of a corpus stands
    before others, a table before what reads its files by chance. `targets` are those of a table.
    """
    found, refused = [], {}
    for name, info in CORPORA.items():
        if name == SYNTHETIC or asked not in (None, name):
            continue
        try:
            found.append(_labels(name, info, root, targets))
        except InputError as refusal:
            refused[name] = str(refusal)
    found.sort(key=lambda labels: (not labels.is_released, not labels.info.from_file))
    return found, refused


def _labels(name: str, info: CorpusInfo, root: pathlib.Path, targets: tuple[str, ...]) -> Labels:
    paths = label_files.find(root, info)
    if info.from_file:
        info = dataclasses.replace(info, task=of_bounds((), targets, ()))
    info = table.described(info, root)
    read = label_files.read(paths, info)
    counts = {split: len(labels) for split, labels in read.splits.items()}
    is_released = any(counts == each.clips for each in info.releases)
    return Labels(name, info, paths, read.splits, read.why, is_released)


def set_of(root: pathlib.Path, name: str, count: Count = uncounted) -> SetSurvey:
    """Reads a feature set clip by clip; frames are averaged, as most models do.

    Raises InputError for a set that cannot be listed; faults of its files are collected.
    """
    reader = Reader(features_lib.scan(root, name))
    clips, zero = [], []
    total, of_squares = 0.0, 0.0
    with count(f"reading {name}", len(reader.names)) as tick:
        for clip in reader.names:
            rows_TxD = reader.rows(clip)
            if rows_TxD is not None:
                clips.append(clip)
                if not rows_TxD.any():
                    zero.append(clip)
                vector = mean_over_frames(rows_TxD).astype(np.float64)
                total, of_squares = total + vector, of_squares + vector**2
            tick(1)
    return SetSurvey(
        name, reader.level, reader.size, frozenset(clips), dict(reader.faults), tuple(zero),
        _spread(total, of_squares, len(clips)),
    )  # fmt: skip


def _spread(total, of_squares, count: int) -> float:
    """How far the columns' deviations lie apart; constant columns do not count."""
    if not count:
        return 1.0
    mean = total / count
    deviation = np.sqrt(np.maximum(of_squares / count - mean**2, 0))
    moving = deviation[deviation > 1e-6 * np.maximum(np.abs(mean), 1e-12)]
    if not moving.size:
        return 1.0
    low, high = np.percentile(moving, _SHARES)
    return float(high / low)
