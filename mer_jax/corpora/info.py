"""The record of a corpus: its task, the layout of its label file, and the groups of its clips."""

import dataclasses
from collections.abc import Callable, Mapping

from mer_jax.corpora.release import Release
from mer_jax.task import UNLABELLED, Task

ABSENT_VALENCE = -10.0  # how the release writes a valence that nobody gave
AUTO = "auto"  # of `config.data.group_folds`


@dataclasses.dataclass(frozen=True)
class CorpusInfo:
    """The layout of a corpus. `name` is also its builder's folder in datasets/."""

    name: str
    task: Task
    corpora: Mapping[str, str]  # key in the label file -> split
    label_files: tuple[str, ...] = (
        "label-6way.npz",
        "label.npz",
    )  # the first that is in the folder is read
    pool_split: str | None = None  # its clips without an emotion are in `unlabelled` as well
    emotion_from_valence: bool = False  # classes are (negative, positive) by the valence's sign
    group: Callable[[str], str] | None = None  # the session, video or dialogue of a clip
    # Classes, valences, splits and groups stand in the label file: mer_jax/data/table.py reads it.
    from_file: bool = False
    folds_are_groups: bool = False  # the corpus's own rule: a fold is a session
    releases: tuple[Release, ...] = ()  # its published versions, MERBench's first
    absent_valence: float | None = ABSENT_VALENCE  # what stands where nobody gave one; None: blank

    @property
    def splits(self) -> tuple[str, ...]:
        """Every split that the corpus can have, in the order of reports."""
        pool = (UNLABELLED,) if self.pool_split else ()
        return tuple(dict.fromkeys((*self.corpora.values(), *pool)))

    def folds_by_group(self, asked: bool | str) -> bool:
        """Whether groups stay whole in folds; `asked` is the value of `config.data.group_folds`.

        AUTO keeps those whole that the label file names, and those that the corpus's rule names.
        """
        if asked == AUTO:
            return (self.from_file or self.folds_are_groups) and self.group is not None
        return bool(asked)


def before_last_underscore(name: str) -> str:
    """`dia0_utt3` -> `dia0`: how CMU-MOSI and MELD name the clips of one video or dialogue."""
    return name.rpartition("_")[0]
