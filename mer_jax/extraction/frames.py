"""One pass over a clip's images for all sets that need them, a stretch in memory at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from mer_jax.extraction.record import FACES, Clip, Decoded, Follow, Frame, Made, MediaError

STRETCH = 64  # images or faces in a call of an extractor
_MOST_BYTES = 1 << 28  # of the images of a stretch, which large ones reach sooner

# Calls an extractor with one clip: its rows [T, D], or the MediaError that says why there are none.
Ask = Callable[[Made, Decoded], "np.ndarray | MediaError"]


@dataclasses.dataclass
class _Stretch:
    """The images or faces that wait for the extractors, and the rows that these gave."""

    clip: Clip
    needs: str
    sets: dict[str, Made]  # by feature folder
    ask: Ask
    rows: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=dict)
    failed: dict[str, MediaError] = dataclasses.field(default_factory=dict)
    waiting: list[Frame] = dataclasses.field(default_factory=list)
    bytes: int = 0

    def add(self, frame: Frame) -> None:
        """Takes one more; calls the extractors when there are enough."""
        self.waiting.append(frame)
        self.bytes += frame.image.nbytes
        if len(self.waiting) == STRETCH or self.bytes > _MOST_BYTES:
            self.extract()

    def extract(self) -> None:
        """Calls the extractors with what waits."""
        if not self.waiting:
            return
        images = [frame.image for frame in self.waiting]
        times = [frame.time for frame in self.waiting]
        decoded = Decoded(self.clip, times=times, **{self.needs: images})
        for folder, made in self.sets.items():
            if folder in self.failed:
                continue
            rows_TxD = self.ask(made, decoded)
            if isinstance(rows_TxD, MediaError):
                self.failed[folder] = rows_TxD
            else:
                self.rows.setdefault(folder, []).append(rows_TxD)
        self.waiting, self.bytes = [], 0

    def result(self) -> dict[str, np.ndarray | MediaError]:
        """Each set's rows of the whole clip; none where there was nothing to see."""
        joined = {folder: np.concatenate(rows) for folder, rows in self.rows.items()}
        return {**joined, **self.failed}


def extract(
    clip: Clip,
    frames: Iterable[Frame],
    sets: dict[str, dict[str, Made]],
    follow: Follow | None,
    ask: Ask,
) -> dict[str, np.ndarray | MediaError]:
    """The rows of every set of a clip, by feature folder; a set of faces without one is absent.

    Args:
      clip: the clip.
      frames: its images, read once.
      sets: the extractors by what they need, IMAGES or FACES, and by feature folder.
      follow: finds the faces; needed with sets of faces.
      ask: calls an extractor.
    """
    stretches = {
        needs: _Stretch(clip, needs, of_kind, ask) for needs, of_kind in sets.items() if of_kind
    }
    faces = stretches.get(FACES)
    others = [stretch for stretch in stretches.values() if stretch is not faces]

    def passing() -> Iterator[Frame]:
        for frame in frames:
            for stretch in others:
                stretch.add(frame)
            yield frame

    shown = passing()
    if faces is not None and follow is not None:
        for face in follow(shown):
            faces.add(face)
    for _ in shown:  # all of them, where nobody follows faces, or no longer does
        pass
    found: dict[str, np.ndarray | MediaError] = {}
    for stretch in stretches.values():
        stretch.extract()
        found |= stretch.result()
    return found
