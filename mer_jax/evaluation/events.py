"""TensorBoard's event files: curves while the grid trains, and when it has, all that it compares.

While it trains, each chunk writes its own curves, epochs as they come. They are replaced in the end
by the curves of every trial and of the best one's runs, which are known only then: an event file
can be added to but not corrected.
"""

import math
import os
import pathlib
import shutil
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from tensorboardX import summary as summaries
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from mer_jax import files, metrics
from mer_jax.evaluation import history
from mer_jax.evaluation import results as results_lib
from mer_jax.semi import log
from mer_jax.task import Task
from mer_jax.training.grid import Outcome, Snapshot
from mer_jax.training.state import LOSS
from mer_jax.workdir import Workdir

WRITE_SECONDS = 5.0  # least time between two writings of a chunk's curves
_OF_POOL = (log.SHARE, log.ACCURACY, log.BALANCE, log.THRESHOLD)
_clock = time.monotonic


class Live:
    """The curves of chunks as they train: `training/trial_T/chunk_N`, the mean over the runs there.

    It is an observer of `grid.train`. A chunk that is found half done or done is written anew from
    its restored history, so that every epoch stands in its file once.
    """

    def __init__(self, workdir: os.PathLike[str]):
        self._folder = Workdir(workdir).tensorboard / "training"
        self._writers: dict[int, _Curves] = {}  # by trial, of the chunk that trains
        self._written = 0  # epochs
        self._latest = _clock()

    def __call__(self, snapshot: Snapshot) -> None:
        """Writes the epochs that are new, where it is time to."""
        with files.naming(self._folder):  # on a full disk, say
            self._see(snapshot)

    def _see(self, snapshot: Snapshot) -> None:
        if snapshot.is_found:
            self._begin(snapshot)
        ended = snapshot.epoch == snapshot.chunk.static.epochs
        if snapshot.epoch == self._written or not (
            ended or snapshot.is_found or _clock() - self._latest >= WRITE_SECONDS
        ):
            return
        trials = np.array([run.trial for run in snapshot.chunk.runs])
        curves = history.by_name(snapshot.history, snapshot.chunk.static.task)
        for trial, writer in self._writers.items():
            rows = np.flatnonzero(trials == trial)
            means = {name: history.mean(values[rows]) for name, values in curves.items()}
            writer.add(means, range(self._written, snapshot.epoch))
            if not ended:
                writer.flush()
        self._written, self._latest = snapshot.epoch, _clock()
        if ended:
            self.close()  # which flushes, too

    def _begin(self, snapshot: Snapshot) -> None:
        self.close()
        self._written = 0
        for trial in dict.fromkeys(run.trial for run in snapshot.chunk.runs):
            folder = self._folder / _trial(trial) / f"chunk_{snapshot.number + 1:02d}"
            shutil.rmtree(folder, ignore_errors=True)
            self._writers[trial] = _Curves(folder)

    def close(self) -> None:
        """Closes the files of the chunk that trained last."""
        with files.naming(self._folder):
            while self._writers:
                self._writers.popitem()[1].close()


def write(
    workdir: os.PathLike[str],
    outcomes: Sequence[Outcome],
    trials: Sequence[dict[str, Any]],
    best: int,
    task: Task,
) -> None:
    """Writes `tensorboard/` of a workdir anew, in place of what stood there.

    `trials/trial_T` holds each trial's hyper-parameters, its scores in cross-validation and the
    mean of its runs' curves; `best/repeat_R` the mean over the folds of the best trial, and
    `best/repeat_R/fold_F` each of its runs.
    """
    folder = Workdir(workdir).tensorboard
    with files.folder_beside(folder, "writing") as beside:
        new = beside / folder.name
        _write_trials(new / "trials", outcomes, trials, task)
        of_best = [outcome for outcome in outcomes if outcome.run.trial == best]
        for repeat in sorted({outcome.run.repeat for outcome in of_best}):
            runs = [outcome for outcome in of_best if outcome.run.repeat == repeat]
            where = new / "best" / f"repeat_{repeat}"
            _write_curves(where, _mean_of(runs, task))
            for outcome in runs:
                curves = history.by_name(outcome.history, task)
                _write_curves(where / f"fold_{outcome.run.fold}", curves)
        _replace(folder, new, beside)


def write_figures(workdir: os.PathLike[str], pictures: Mapping[str, bytes]) -> None:
    """Writes `tensorboard/figures` of a workdir anew: PNG files by name."""
    folder = Workdir(workdir).tensorboard / "figures"
    with files.folder_beside(folder, "writing") as beside:
        new = beside / folder.name
        with _Curves(new) as writer:
            for name, png in pictures.items():
                width, height = struct.unpack(">II", png[16:24])  # IHDR comes first in every PNG
                image = Summary.Image(width=width, height=height, encoded_image_string=png)
                writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]))
        _replace(folder, new, beside)


def _replace(folder: pathlib.Path, new: pathlib.Path, beside: pathlib.Path) -> None:
    """Puts a folder in another's place, which goes with the folder beside."""
    if folder.exists():
        folder.rename(beside / "outdated")
    new.rename(folder)


def _write_trials(folder, outcomes, trials, task) -> None:
    together = {key: value for trial in trials for key, value in trial.items()}
    named = {_score(name): 0.0 for name in metrics.every_epoch(task)}
    # Of all trials: one of another fusion has other hyper-parameters.
    experiment, *_ = summaries.hparams(together, named)
    with _Curves(folder) as writer:
        writer.add_summary(experiment)
    for number, trial in enumerate(trials):
        runs = [outcome for outcome in outcomes if outcome.run.trial == number]
        scores = results_lib.cross_validation(outcomes, number, task)
        found = {_score(name): score["mean"] for name, score in scores.items() if score}
        _, begun, ended = summaries.hparams(trial, found)
        with _Curves(folder / _trial(number)) as writer:
            writer.add_summary(begun)
            writer.add_scalars(found, 0)
            _add_all(writer, _mean_of(runs, task))
            if found:  # without an end TensorBoard shows it as one that never came to a score
                writer.add_summary(ended)


def _write_curves(folder: pathlib.Path, curves: dict[str, np.ndarray]) -> None:
    with _Curves(folder) as writer:
        _add_all(writer, curves)


def _add_all(writer: "_Curves", curves: dict[str, np.ndarray]) -> None:
    writer.add(curves, range(len(curves[LOSS])))


def _mean_of(outcomes: Sequence[Outcome], task: Task) -> dict[str, np.ndarray]:
    """The mean of the runs' curves, each [E]."""
    curves = [history.by_name(outcome.history, task) for outcome in outcomes]
    return {name: history.mean(np.stack([of[name] for of in curves])) for name in curves[0]}


def _trial(number: int) -> str:
    return f"trial_{number + 1:02d}"


def _score(metric: str) -> str:
    return f"cross_validation/{metric}"


def _tag(curve: str) -> str:
    """The tag of a curve of the history, in a group of TensorBoard's page."""
    if curve == LOSS:
        return f"train/{curve}"
    if curve.startswith(_OF_POOL):
        return f"pool/{curve.removeprefix('pool_')}"
    return f"validation/{curve}"


class _Curves:
    """One event file, alone in its folder. What is not a number is left out of it."""

    def __init__(self, folder: pathlib.Path):
        folder.mkdir(parents=True)
        self._writer = EventsWriter(str(folder / "events"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, curves: dict[str, np.ndarray], epochs: Iterable[int]) -> None:
        """Adds some epochs of curves [E]."""
        tagged = {_tag(name): values.tolist() for name, values in curves.items()}
        for epoch in epochs:
            self.add_scalars({tag: values[epoch] for tag, values in tagged.items()}, epoch)

    def add_scalars(self, values: dict[str, float], step: int) -> None:
        scalars = [
            Summary.Value(tag=tag, simple_value=value)
            for tag, value in values.items()
            if math.isfinite(value)
        ]
        self.add_summary(Summary(value=scalars), step)

    def add_summary(self, content: Summary, step: int = 0) -> None:
        self._writer.write_event(Event(wall_time=time.time(), step=step, summary=content))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
