"""The work of an extraction in this process: threads decode ahead, one calls the extractors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from mer_jax import environment
from mer_jax.extraction import calls, work
from mer_jax.extraction.plan import Task
from mer_jax.extraction.record import Decoded, Follow, Made
from mer_jax.extraction.sets import Wanted
from mer_jax.extraction.work import Answer, Batch, Heard, Look, Seen


class Threads:
    """The Workers of this process."""

    def __init__(self, count: int | None = None):
        """`count` threads decode, and call extractors that may run in several; None: the cores."""
        self._count = count or environment.cores()
        self._pool = ThreadPoolExecutor(self._count, "extraction")
        self._sets: Mapping[str, Wanted] = {}
        self._made: dict[str, Made] = {}
        self._follow: Follow | None = None

    def load(
        self, sets: Mapping[str, Wanted], follow: Callable[[], Follow] | None
    ) -> Iterator[tuple[str, Made]]:
        """Loads the extractors one after the other."""
        self._sets = sets
        for name, wanted in sets.items():
            self._made[name] = wanted.make()
            yield name, self._made[name]
        if follow is not None:
            self._follow = follow()

    def hear(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Heard]]:
        """Each task with its audio, in order; the pool decodes as many ahead as it has threads."""
        waiting: deque[tuple[Task, Future[Heard]]] = deque()
        left = iter(tasks)
        while True:
            while len(waiting) <= self._count and (task := next(left, None)) is not None:
                waiting.append((task, self._pool.submit(self._hear, task)))
            if not waiting:
                return
            task, future = waiting.popleft()
            yield task, future.result()

    def ask(
        self, work: Iterable[Batch | Look]
    ) -> Iterator[tuple[Batch, Sequence[Answer]] | tuple[Look, Seen]]:
        """The answers in order; batches that may run in several threads run while more comes."""
        waiting: deque[tuple[Batch, Future[Sequence[Answer]]]] = deque()
        for each in work:
            if isinstance(each, Look):
                yield each, self._look(each)
            elif self._sets[each.name].extractor.threads:
                waiting.append((each, self._pool.submit(self._answers, each)))
            else:
                yield each, self._answers(each)
            if len(waiting) > self._count:
                batch, future = waiting.popleft()
                yield batch, future.result()
        for batch, future in waiting:
            yield batch, future.result()

    def close(self) -> None:
        """Waits for what runs; what waits is not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _hear(self, task: Task) -> Heard:
        if not work.needs_audio(task, self._sets):
            return Heard()
        return work.hear(task.clip, self._sets[task.sets[0]].settings.change)

    def _answers(self, batch: Batch) -> Sequence[Answer]:
        clips = [Decoded(task.clip, audio=heard.audio) for task, heard in batch.members]
        return calls.ask_batch(self._made[batch.name], clips)

    def _look(self, each: Look) -> Seen:
        sets = {name: (self._sets[name].extractor.needs, self._made[name]) for name in each.names}
        return work.look(each.task.clip, sets, self._follow, self._sets[each.names[0]].settings)
