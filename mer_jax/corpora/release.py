"""The record of a published version of a corpus: its clips by split, class and session."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Release:
    """One published version of a corpus, by which its label file is recognised.

    Counts are by split; those that nobody published stay empty and are not checked.
    """

    owner: str  # whose it is, as a sentence says it: MERBench
    title: str  # of the corpus: CMU-MOSI
    clips: Mapping[str, int]
    classes: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)  # as indexed
    signs: Mapping[str, tuple[int, int, int]] = dataclasses.field(  # valences < 0, = 0, > 0
        default_factory=dict
    )
    groups: tuple[int, ...] = ()  # clips of train by session, in the order of their names
