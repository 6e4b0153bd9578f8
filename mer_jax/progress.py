"""How far long work is: one live display on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import datetime
import logging
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mer_jax.observer import Tick
    from mer_jax.training.grid import Observer, Snapshot
    from mer_jax.training.plan import Chunk, Run

LOG = logging.getLogger("mer_jax")
LINE_SECONDS = 5.0  # least time between two lines where there is no terminal
_clock = time.monotonic


class Row(Protocol):
    """One line of a display."""

    what: str
    done: int
    total: int

    def words(self) -> str:
        """What stands beside the bar at this moment."""


Renderer = Callable[[Sequence[Row]], AbstractContextManager[Callable[[], None]]]


class Display:
    """Shows work while it lasts; a renderer draws it whenever something has changed."""

    def __init__(self, renderer: Renderer):
        self._renderer = renderer

    @contextlib.contextmanager
    def count(self, what: str, total: int) -> Iterator[Tick]:
        """A body of `total` steps; it is given a Tick."""
        row = _Counted(what, total)
        with self._renderer([row]) as refresh:

            def tick(steps: int) -> None:
                row.pace.add(steps)
                refresh()

            yield tick

    @contextlib.contextmanager
    def grid(self, share: Sequence[Chunk], chunks: int) -> Iterator[Observer]:
        """A body that trains `share` of a grid's `chunks` and is given an Observer."""
        runs, chunk = _Runs(share, chunks), _Epochs(chunks)
        with self._renderer([runs, chunk]) as refresh:

            def observe(snapshot: Snapshot) -> None:
                runs.update(snapshot)
                chunk.update(snapshot)
                refresh()

            yield observe


class _Pace:
    """How far work is and how fast it goes: what was found done counts, but not for the speed."""

    def __init__(self, total: int):
        self.total, self.done = total, 0
        self._found = 0
        self._begun = self._latest = _clock()

    def add(self, steps: int, found: bool = False) -> None:
        self.done += steps
        self._found += steps if found else 0
        self._latest = _clock()

    @property
    def speed(self) -> float | None:
        """Steps a second; None before any is done."""
        spent, steps = self._latest - self._begun, self.done - self._found
        return steps / spent if steps and spent > 0 else None

    def words(self, unit: str) -> list[str]:
        """The speed and what is left, once any step is done."""
        if self.speed is None:
            return []
        since = _clock() - self._latest
        left = max((self.total - self.done) / self.speed - since, 0)
        return [f"{self.speed:.3g} {unit}/s", f"{datetime.timedelta(seconds=round(left))} left"]


class _Counted:
    """Steps of one kind."""

    def __init__(self, what: str, total: int):
        self.what, self.total = what, total
        self.pace = _Pace(total)

    @property
    def done(self) -> int:
        return self.pace.done

    def words(self) -> str:
        return ", ".join([f"{self.done}/{self.total} clips", *self.pace.words("clips")])


class _Runs:
    """The runs of a grid: how many are trained, how fast, and the best trial so far."""

    def __init__(self, share: Sequence[Chunk], chunks: int):
        self.what = "training" if len(share) == chunks else "this process"
        self._runs = sum(len(chunk.runs) for chunk in share)
        self._trained = 0
        self._pace = _Pace(sum(len(chunk.runs) * chunk.static.epochs for chunk in share))
        self._scores: dict[int, dict[Run, float]] = {}  # by trial and run
        self._best = ""

    @property
    def done(self) -> int:
        return self._pace.done

    @property
    def total(self) -> int:
        return self._pace.total

    def update(self, snapshot: Snapshot) -> None:
        from mer_jax import metrics

        runs, task = snapshot.chunk.runs, snapshot.chunk.static.task
        epochs = snapshot.epoch if snapshot.is_found else snapshot.epoch - snapshot.before
        self._pace.add(epochs * len(runs), found=snapshot.is_found)
        self._trained += len(runs) if snapshot.epoch == snapshot.chunk.static.epochs else 0
        for run, score in zip(runs, snapshot.score.tolist(), strict=True):
            if math.isfinite(score):
                self._scores.setdefault(run.trial, {})[run] = score
        # As trials are compared in the end: by the mean over their folds and repeats.
        means = [statistics.fmean(scores.values()) for scores in self._scores.values()]
        if means:
            sign = metrics.selection_sign(task)
            best = max(means, key=lambda mean: sign * mean)
            self._best = f"best {task.selection} {best:.3f}"

    def words(self) -> str:
        parts = [f"{self._trained}/{self._runs} runs", *self._pace.words("run-epochs"), self._best]
        return ", ".join(filter(None, parts))


class _Epochs:
    """The chunk that trains at the moment."""

    def __init__(self, chunks: int):
        self._chunks = chunks
        self.what, self.done, self.total = "", 0, 1
        self._runs = 0

    def update(self, snapshot: Snapshot) -> None:
        self.what = f"chunk {snapshot.number + 1}/{self._chunks}"
        self.done, self.total = snapshot.epoch, snapshot.chunk.static.epochs
        self._runs = len(snapshot.chunk.runs)

    def words(self) -> str:
        return f"epoch {self.done}/{self.total} of {self._runs} runs" if self.what else ""


@contextlib.contextmanager
def _unseen(_rows: Sequence[Row]) -> Iterator[Callable[[], None]]:
    yield lambda: None


@contextlib.contextmanager
def _lines(rows: Sequence[Row]) -> Iterator[Callable[[], None]]:
    """Work that is over sooner than a line is due says nothing."""
    latest = _clock()

    def refresh() -> None:
        nonlocal latest
        if _clock() - latest >= LINE_SECONDS:
            latest = _clock()
            LOG.info("%s", "; ".join(f"{row.what}: {row.words()}" for row in rows))

    yield refresh


SILENT = Display(_unseen)


def display(silent: bool) -> Display:
    """Bars where standard error is a terminal, else lines of the log; nothing where `silent`."""
    if silent:
        return SILENT
    if sys.stderr.isatty():
        from mer_jax import bars

        if bars.are_possible():
            return Display(bars.live)
    return Display(_lines)
