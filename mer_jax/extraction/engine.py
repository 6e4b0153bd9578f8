"""Extracts sets of clips: decodes each clip once for all of them, and batches clips by length."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import pathlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from mer_jax.extraction import audio, calls, frames, video
from mer_jax.extraction.media import Packets
from mer_jax.extraction.plan import Task, plan
from mer_jax.extraction.record import (
    AUDIO,
    FACES,
    IMAGES,
    SAMPLE_RATE,
    TEXT,
    Change,
    Clip,
    Decoded,
    Follow,
    Made,
    MediaError,
)
from mer_jax.extraction.sets import Wanted
from mer_jax.extraction.writer import Failures, SetFolder
from mer_jax.observer import Count, Tick, uncounted

LOG = logging.getLogger("mer_jax")
_MOST_SECONDS = 20 * 60  # of audio that waits for being batched, unless one clip has more


@dataclasses.dataclass
class Outcome:
    """What an extraction did."""

    written: Counter = dataclasses.field(default_factory=Counter)  # clips, by feature folder
    there: Counter = dataclasses.field(default_factory=Counter)  # clips that lay there before
    failed: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)  # folder, clip: why
    decoded: Counter = dataclasses.field(default_factory=Counter)  # by clip and AUDIO or IMAGES
    faceless: set[str] = dataclasses.field(default_factory=set)  # clips whose vectors are zeros
    wordless: set[str] = dataclasses.field(default_factory=set)  # nothing said: zeros as well
    damaged: dict[str, Packets] = dataclasses.field(default_factory=dict)  # clips, in part


def run(
    sets: Sequence[Wanted],
    clips: Sequence[Clip],
    out: pathlib.Path,
    *,
    follow: Callable[[], Follow] | None = None,
    workers: int | None = None,
    count: Count = uncounted,
) -> Outcome:
    """Extracts the sets of the clips into `out`, but what lies there already.

    A clip that fails is listed in `out`/failures.csv and stops no other; it is tried again by the
    next start. Killed at any moment and started again, it ends with the same files: clips are
    batched within windows of the list, which what lies there does not change.

    Args:
      sets: the sets, of one Settings.
      clips: the clips, in the order of their list.
      out: the folder that gets features/, manifests/ and failures.csv.
      follow: makes what finds faces, once it is needed.
      workers: threads that decode, and call extractors that may run in several; None: the cores.
      count: told of the clips.

    Raises:
      InputError: `out` holds features of other settings, or weights or a package are missing.
    """
    folders = {each.folder: SetFolder(out, each) for each in sets}
    failures = Failures(out)
    outcome = Outcome()
    names = [clip.name for clip in clips]
    for name, folder in folders.items():
        outcome.there[name] = len(folder.done.intersection(names))
        failures.drop(name, folder.done.intersection(names))
    tasks = plan(clips, folders, failures)
    if tasks:
        workers = workers or len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(workers, "extraction") as pool:
            running = _Running(pool, workers, folders, failures, outcome)
            running.load({name for task in tasks for name in task.sets}, follow)
            try:
                with count("extracting", len(tasks)) as tell:
                    running.extract(tasks, tell)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    failures.write()
    for name in folders:
        reasons = failures.of(name)
        outcome.failed[name] = {clip: reasons[clip] for clip in names if clip in reasons}
    return outcome


@dataclasses.dataclass
class _Running:
    """An extraction on its way."""

    pool: ThreadPoolExecutor
    workers: int
    folders: Mapping[str, SetFolder]
    failures: Failures
    outcome: Outcome
    made: dict[str, Made] = dataclasses.field(default_factory=dict)
    follow: Follow | None = None

    def load(self, names: set[str], follow: Callable[[], Follow] | None) -> None:
        """Loads the extractors that have something to do."""
        for name, folder in self.folders.items():
            if name in names:
                extractor = folder.wanted.extractor
                if extractor.notice:
                    LOG.info("%s: %s", extractor.name, extractor.notice)
                self.made[name] = folder.wanted.make()
                folder.begin(self.made[name])
                if extractor.needs == FACES and self.follow is None and follow is not None:
                    self.follow = follow()

    def extract(self, tasks: Sequence[Task], tell: Tick) -> None:
        """Decodes the tasks' clips ahead, and extracts them in groups."""
        group: list[tuple[Task, Decoded]] = []
        seconds, window = 0.0, None
        for task, decoded in self._decoded(tasks):
            length = 0.0 if decoded.audio is None else len(decoded.audio) / SAMPLE_RATE
            if task.window != window or seconds + length > _MOST_SECONDS:
                self._extract_group(group)
                self.failures.write()
                group, seconds, window = [], 0.0, task.window
            group.append((task, decoded))
            seconds += length
            self._extract_images(task)
            tell(1)
        self._extract_group(group)

    def _decoded(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Decoded]]:
        """Each task's clip with its audio, where a set needs it; the pool decodes ahead."""
        waiting: deque[tuple[Task, Future[Decoded]]] = deque()
        left = iter(tasks)
        while True:
            while len(waiting) <= self.workers and (task := next(left, None)) is not None:
                waiting.append((task, self.pool.submit(self._decode, task)))
            if not waiting:
                return
            task, future = waiting.popleft()
            yield task, future.result()

    def _decode(self, task: Task) -> Decoded:
        """A clip with its audio; without it where no set needs it or it cannot be decoded."""
        sets = self._of_kind(task, AUDIO)
        if not sets:
            return Decoded(task.clip)
        packets = Packets()
        try:
            path = _path_of(task.clip)
            self.outcome.decoded[task.clip.name, AUDIO] += 1
            samples_S = audio.read(path, packets)
            change = self._change(sets)
            if change is not None:
                samples_S = change.audio(task.clip, samples_S)
        except Exception as error:
            task.failed |= {name: calls.media_error(error) for name in sets}
            return Decoded(task.clip)
        self._note_losses(task.clip, packets)
        return Decoded(task.clip, audio=samples_S)

    def _extract_group(self, group: Sequence[tuple[Task, Decoded]]) -> None:
        """The sets of audio and text of some clips, which are all of one window."""
        for task, _ in group:
            for name, error in task.failed.items():
                self._fail(name, task, error)
        for name, folder in self.folders.items():
            extractor = folder.wanted.extractor
            if extractor.needs not in (AUDIO, TEXT):
                continue
            members = [(task, decoded) for task, decoded in group
                       if name in task.sets and name not in task.failed]  # fmt: skip
            if extractor.needs == TEXT:
                self._settle_wordless(name, members)
                members = [each for each in members if each[1].text.strip()]
            members.sort(key=lambda each: (_length(each[1]), each[0].clip.name))
            size = folder.wanted.batch
            batches = [members[i : i + size] for i in range(0, len(members), size)]
            ask = self._ask_of(name)
            asked = self.pool.map if extractor.threads else map
            for batch, answers in zip(batches, asked(ask, batches), strict=True):
                for (task, _), answer in zip(batch, answers, strict=True):
                    self._settle(name, task, answer)

    def _settle_wordless(self, name: str, members: Sequence[tuple[Task, Decoded]]) -> None:
        """Clips without a text: zeros where nothing is said in them, else a failure."""
        for task, decoded in members:
            if decoded.text.strip():
                continue
            if task.clip.is_silent:
                self.outcome.wordless.add(task.clip.name)
                self._settle(name, task, np.zeros((1, self.made[name].size), np.float32))
            else:
                self._fail(name, task, MediaError(task.clip.no_text or "its text is empty"))

    def _ask_of(self, name: str) -> Callable[[Sequence[tuple[Task, Decoded]]], list]:
        made = self.made.get(name)  # None: no clip of this extraction needs the set
        return lambda batch: calls.ask_batch(made, [decoded for _, decoded in batch])

    def _extract_images(self, task: Task) -> None:
        """The sets of images and faces of one clip, in one pass."""
        kinds = {kind: self._of_kind(task, kind) for kind in (IMAGES, FACES)}
        names = [*kinds[IMAGES], *kinds[FACES]]
        if not names:
            return
        packets = Packets()
        settings = self.folders[names[0]].wanted.settings
        try:
            path = _path_of(task.clip)
            self.outcome.decoded[task.clip.name, IMAGES] += 1
            change, every = settings.change, settings.every
            if change is not None and change.needs_all:
                shown = change.images(task.clip, video.read(path, 1, packets))
                shown = itertools.islice(shown, 0, None, every)
            else:
                shown = video.read(path, every, packets)
                shown = shown if change is None else change.images(task.clip, shown)
            found = frames.extract(task.clip, shown, kinds, self.follow, calls.ask_one)
        except Exception as error:
            for name in names:
                self._fail(name, task, calls.media_error(error))
            return
        self._note_losses(task.clip, packets)
        for name in names:
            if name not in found:
                self.outcome.faceless.add(task.clip.name)
            nothing = np.zeros((1, self.made[name].size), np.float32)
            self._settle(name, task, found.get(name, nothing))

    def _of_kind(self, task: Task, needs: str) -> dict[str, Made]:
        return {
            name: self.made[name]
            for name in task.sets
            if self.folders[name].wanted.extractor.needs == needs
        }

    def _change(self, sets: Mapping[str, Made]) -> Change | None:
        return self.folders[next(iter(sets))].wanted.settings.change

    def _note_losses(self, clip: Clip, packets: Packets) -> None:
        if packets.lost:
            self.outcome.damaged[clip.name] = packets

    def _settle(self, name: str, task: Task, answer: np.ndarray | MediaError) -> None:
        """Writes the rows of a clip that is not there yet, or notes why there are none."""
        if isinstance(answer, MediaError):
            self._fail(name, task, answer)
        elif task.clip.name not in self.folders[name].done:
            try:
                self.folders[name].write(task.clip.name, answer)
            except MediaError as error:
                self._fail(name, task, error)
            else:
                self.outcome.written[name] += 1
                self.failures.drop(name, [task.clip.name])

    def _fail(self, name: str, task: Task, error: MediaError) -> None:
        self.failures.add(name, task.clip.name, str(error))


def _length(decoded: Decoded) -> int:
    return len(decoded.text) if decoded.audio is None else len(decoded.audio)


def _path_of(clip: Clip) -> pathlib.Path:
    if clip.path is None:
        raise MediaError("no media file has this name")
    return clip.path
