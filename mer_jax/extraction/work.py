"""The pieces of work of an extraction, and what maps them to results, here or on a cluster."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from mer_jax.extraction import audio, calls, frames, video
from mer_jax.extraction.media import Packets
from mer_jax.extraction.plan import Task
from mer_jax.extraction.record import (
    AUDIO,
    FACES,
    IMAGES,
    Change,
    Clip,
    Follow,
    Made,
    MediaError,
)
from mer_jax.extraction.sets import Settings, Wanted

Answer = np.ndarray | MediaError  # the rows [T, D] of a clip, or why there are none


@dataclasses.dataclass(frozen=True)
class Heard:
    """What came of a clip's audio.

    Attributes:
      audio: float32 [S], or what stands for it where the samples are elsewhere; None: no set needs
        it, or it cannot be decoded.
      samples: S.
      error: why it cannot be decoded.
      packets: what was read and lost on the way.
    """

    audio: Any = None
    samples: int = 0
    error: MediaError | None = None
    packets: Packets = dataclasses.field(default_factory=Packets)


class Batch(NamedTuple):
    """Clips that a set of audio or text is asked for in one call."""

    name: str  # the feature folder
    members: Sequence[tuple[Task, Heard]]


class Look(NamedTuple):
    """A clip whose images are decoded for all sets that need them, in one pass."""

    task: Task
    names: Sequence[str]  # the feature folders


class Seen(NamedTuple):
    """What came of a clip's images."""

    rows: Mapping[str, Answer] = {}  # by feature folder; none of a set of faces that saw none
    error: MediaError | None = None  # why they cannot be decoded
    packets: Packets = Packets()


class Workers(Protocol):
    """Maps an extraction's pieces of work to results; the engine plans them and writes these."""

    def load(
        self, sets: Mapping[str, Wanted], follow: Callable[[], Follow] | None
    ) -> Iterator[tuple[str, Made]]:
        """Loads the extractors, by feature folder; gives each as it is there.

        Of what it gives the engine takes `size` and `manifest` alone. `follow` makes what finds
        faces. Raises InputError where weights, a package or the cluster are missing.
        """
        ...

    def hear(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Heard]]:
        """Decodes each task's audio where a set needs it, some tasks ahead; gives all in order."""
        ...

    def ask(
        self, work: Iterable[Batch | Look]
    ) -> Iterator[tuple[Batch, Sequence[Answer]] | tuple[Look, Seen]]:
        """Gives the answers of each piece, in any order; it may take some pieces ahead."""
        ...

    def close(self) -> None:
        """Ends what was begun; what has not been given by then is lost."""
        ...


def hear(clip: Clip, change: Change | None) -> Heard:
    """Decodes a clip's audio."""
    packets = Packets()
    try:
        samples_S = audio.read(_path_of(clip), packets)
        if change is not None:
            samples_S = change.audio(clip, samples_S)
    except Exception as error:
        return Heard(error=calls.media_error(error))
    return Heard(samples_S, len(samples_S), packets=packets)


def look(
    clip: Clip,
    sets: Mapping[str, tuple[str, Made]],
    follow: Follow | None,
    settings: Settings,
) -> Seen:
    """Decodes a clip's images once for all `sets`: what each needs and its extractor, by folder."""
    packets = Packets()
    kinds: dict[str, dict[str, Made]] = {IMAGES: {}, FACES: {}}
    for name, (needs, made) in sets.items():
        kinds[needs][name] = made
    try:
        path = _path_of(clip)
        change, every = settings.change, settings.every
        if change is not None and change.needs_all:
            shown = change.images(clip, video.read(path, 1, packets))
            shown = itertools.islice(shown, 0, None, every)
        else:
            shown = video.read(path, every, packets)
            shown = shown if change is None else change.images(clip, shown)
        rows = frames.extract(clip, shown, kinds, follow, calls.ask_one)
    except Exception as error:
        return Seen(error=calls.media_error(error))
    return Seen(rows, packets=packets)


def needs_audio(task: Task, sets: Mapping[str, Wanted]) -> bool:
    """Whether a set of the task's takes its audio."""
    return any(sets[name].extractor.needs == AUDIO for name in task.sets)


def _path_of(clip: Clip) -> pathlib.Path:
    if clip.path is None:
        raise MediaError("no media file has this name")
    return clip.path
