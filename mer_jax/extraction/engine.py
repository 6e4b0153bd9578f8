"""Extracts sets of clips: decodes each clip once for all of them, and batches clips by length."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from mer_jax.extraction.media import Packets
from mer_jax.extraction.plan import Task, plan
from mer_jax.extraction.record import (
    AUDIO,
    FACES,
    IMAGES,
    SAMPLE_RATE,
    TEXT,
    Clip,
    Follow,
    MediaError,
)
from mer_jax.extraction.sets import Wanted
from mer_jax.extraction.threads import Threads
from mer_jax.extraction.work import Answer, Batch, Heard, Look, Seen, Workers
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
    workers: Workers | int | None = None,
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
      workers: who decodes and calls the extractors; so many threads of this process, or None: as
        many as there are cores. They are closed in the end.
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
        if workers is None or isinstance(workers, int):
            workers = Threads(workers)
        try:
            running = _Running(workers, folders, failures, outcome)
            running.load({name for task in tasks for name in task.sets}, follow)
            with count("extracting", len(tasks)) as tell:
                running.extract(tasks, tell)
        finally:
            workers.close()
    failures.write()
    for name in folders:
        reasons = failures.of(name)
        outcome.failed[name] = {clip: reasons[clip] for clip in names if clip in reasons}
    return outcome


@dataclasses.dataclass
class _Running:
    """An extraction on its way."""

    workers: Workers
    folders: Mapping[str, SetFolder]
    failures: Failures
    outcome: Outcome
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)  # D of each feature folder

    def load(self, names: set[str], follow: Callable[[], Follow] | None) -> None:
        """Loads the extractors that have something to do."""
        sets = {name: folder.wanted for name, folder in self.folders.items() if name in names}
        for each in sets.values():
            if each.extractor.notice:
                LOG.info("%s: %s", each.extractor.name, each.extractor.notice)
        needs_faces = any(each.extractor.needs == FACES for each in sets.values())
        for name, made in self.workers.load(sets, follow if needs_faces else None):
            self.folders[name].begin(made)
            self.sizes[name] = made.size

    def extract(self, tasks: Sequence[Task], tell: Tick) -> None:
        """Has the work of the tasks done, and writes what comes of it."""
        for each, answers in self.workers.ask(self._work(tasks, tell)):
            if isinstance(each, Look):
                self._settle_images(each, answers)
            else:
                for (task, _), answer in zip(each.members, answers, strict=True):
                    self._settle(each.name, task, answer)

    def _work(self, tasks: Sequence[Task], tell: Tick) -> Iterator[Batch | Look]:
        """The pieces of work: clips' images, and batches among groups of clips of one window."""
        group: list[tuple[Task, Heard]] = []
        seconds, window = 0.0, None
        for task, heard in self.workers.hear(tasks):
            self._note_heard(task, heard)
            length = heard.samples / SAMPLE_RATE
            if task.window != window or seconds + length > _MOST_SECONDS:
                yield from self._batches(group)
                self.failures.write()
                group, seconds, window = [], 0.0, task.window
            group.append((task, heard))
            seconds += length
            if names := self._of_kind(task, IMAGES, FACES):
                if task.clip.path is not None:
                    self.outcome.decoded[task.clip.name, IMAGES] += 1
                yield Look(task, names)
            tell(1)
        yield from self._batches(group)

    def _batches(self, group: Sequence[tuple[Task, Heard]]) -> Iterator[Batch]:
        """The batches of some clips, which are all of one window, for each set."""
        for name, folder in self.folders.items():
            needs = folder.wanted.extractor.needs
            if needs not in (AUDIO, TEXT):
                continue
            members = [each for each in group
                       if name in each[0].sets and name not in each[0].failed]  # fmt: skip
            if needs == TEXT:
                self._settle_wordless(name, [task for task, _ in members])
                members = [each for each in members if each[0].clip.text.strip()]
            members.sort(key=lambda each: (_length(*each), each[0].clip.name))
            size = folder.wanted.batch
            for i in range(0, len(members), size):
                yield Batch(name, members[i : i + size])

    def _note_heard(self, task: Task, heard: Heard) -> None:
        """Notes what was decoded of a clip's audio, and what could not be."""
        names = self._of_kind(task, AUDIO)
        if not names:
            return
        if task.clip.path is not None:
            self.outcome.decoded[task.clip.name, AUDIO] += 1
        if heard.error is None:
            self._note_losses(task.clip, heard.packets)
            return
        for name in names:
            task.failed[name] = heard.error
            self._fail(name, task, heard.error)

    def _settle_wordless(self, name: str, tasks: Sequence[Task]) -> None:
        """Clips without a text: zeros where nothing is said in them, else a failure."""
        for task in tasks:
            if task.clip.text.strip():
                continue
            if task.clip.is_silent:
                self.outcome.wordless.add(task.clip.name)
                self._settle(name, task, self._zeros(name))
            else:
                self._fail(name, task, MediaError(task.clip.no_text or "its text is empty"))

    def _settle_images(self, look: Look, seen: Seen) -> None:
        """Writes what came of a clip's images; zeros where no face was seen."""
        if seen.error is not None:
            for name in look.names:
                self._fail(name, look.task, seen.error)
            return
        self._note_losses(look.task.clip, seen.packets)
        for name in look.names:
            if name not in seen.rows:
                self.outcome.faceless.add(look.task.clip.name)
            self._settle(name, look.task, seen.rows.get(name, self._zeros(name)))

    def _of_kind(self, task: Task, *needs: str) -> list[str]:
        """The sets of a task that need one of these, those of the first first."""
        return [name for kind in needs for name in task.sets
                if self.folders[name].wanted.extractor.needs == kind]  # fmt: skip

    def _zeros(self, name: str) -> np.ndarray:
        return np.zeros((1, self.sizes[name]), np.float32)

    def _note_losses(self, clip: Clip, packets: Packets) -> None:
        if packets.lost:
            self.outcome.damaged[clip.name] = packets

    def _settle(self, name: str, task: Task, answer: Answer) -> None:
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


def _length(task: Task, heard: Heard) -> int:
    return len(task.clip.text) if heard.audio is None else heard.samples
