"""Which clips are to be decoded for which sets: what is missing, and what it is batched with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from mer_jax.extraction.record import Clip, MediaError
from mer_jax.extraction.writer import Failures, SetFolder

WINDOW = 64  # clips, of the list in its order, among which batches are made


@dataclasses.dataclass
class Task:
    """A clip that is to be decoded."""

    clip: Clip
    window: int
    sets: tuple[str, ...]  # the feature folders that get it
    failed: dict[str, MediaError] = dataclasses.field(default_factory=dict)  # of these, and why


def plan(clips: Sequence[Clip], folders: Mapping[str, SetFolder], failures: Failures) -> list[Task]:
    """The clips that have something to do, in the order of their list.

    An extractor that batches gets a whole window again where a clip of it is missing: a row's last
    bits may depend on the clips beside it, and shall not on where an earlier start was killed.
    Where clips alone are missing that failed before, only these are tried.
    """
    known = {name: failures.of(name) for name in folders}
    tasks = []
    for start in range(0, len(clips), WINDOW):
        window = clips[start : start + WINDOW]
        members: dict[str, set[str]] = {}
        for name, folder in folders.items():
            missing = {clip.name for clip in window} - folder.done
            if folder.wanted.batch > 1 and missing - known[name].keys():
                missing = {clip.name for clip in window}
            members[name] = missing
        for clip in window:
            sets = tuple(name for name in folders if clip.name in members[name])
            if sets:
                tasks.append(Task(clip, start // WINDOW, sets))
    return tasks
