"""The grid: chunks of runs train one after another, and each run leaves its outcome."""

import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax import metrics
from mer_jax.errors import InputError
from mer_jax.termination import Terminated
from mer_jax.training import devices, loop
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.feed import Feed
from mer_jax.training.plan import Chunk, Plan, Run
from mer_jax.training.program import HParams, Static, hparams_of
from mer_jax.training.state import RunState, run_keys

LOG = logging.getLogger("mer_jax")
Advance = Callable[[RunState, int, int], RunState]  # (state, start, stop) -> after those epochs
_program = functools.cache(loop.make_train)  # chunks of one Static share what is compiled
_LEFT = ("params", "model_state", "scaler", "best_epoch", "failed", "history")  # by every chunk


class Outcome(NamedTuple):
    """What a run leaves: its best epoch (-1: it failed) and its curves."""

    run: Run
    best_epoch: int
    validation: dict[str, float]  # the metrics at the best epoch; NaN throughout where it failed
    history: dict[str, np.ndarray]  # float32 [E]
    failed_epoch: int = -1  # whose loss or gradient was not finite; -1: none


class Snapshot(NamedTuple):
    """A chunk as the host sees it: as it finds or begins it, and after each segment."""

    number: int  # of the chunk, from 0
    chunk: Chunk
    before: int  # epochs behind it when the segment began
    epoch: int  # epochs behind it now
    score: np.ndarray  # float32 [R]: the best selection metric of each run so far; NaN: none
    history: dict[str, Any]  # arrays [R and copies, E, ...], gone once the next segment begins

    @property
    def is_found(self) -> bool:
        """Whether it is as it was found: nothing of it is trained now yet."""
        return self.before == self.epoch


Observer = Callable[[Snapshot], None]


def share(chunks: Sequence[Chunk]) -> list[tuple[int, Chunk]]:
    """The chunks that this process trains, with their numbers: each n-th of n processes'."""
    return list(enumerate(chunks))[jax.process_index() :: jax.process_count()]


def train(
    plan: Plan,
    chunks: Sequence[Chunk],
    checkpoints: Checkpoints,
    ending: Callable[[], bool] = lambda: False,
    observe: Observer = lambda _: None,
) -> None:
    """Trains this process's share of the chunks, those that are finished left out.

    Every process trains its chunks on devices of its own, and saves them. `observe` is called for
    what is found finished, and between segments, when the host has the numbers anyway. Raises
    Terminated after a segment in which `ending` has become True, with what was done saved.
    """
    for number, chunk in share(chunks):
        if checkpoints.has_chunk(number):
            observe(_finished_earlier(number, chunk, checkpoints.restore_chunk(number)))
    work = _Work(plan, Feed(plan), checkpoints, ending, observe)
    for number, chunk in share(chunks):
        if not checkpoints.has_chunk(number):
            title = f"chunk {number + 1}/{len(chunks)} ({len(chunk.runs)} runs)"
            state = _train_chunk(work, number, chunk, title)
            scalers = [plan.folds[run.repeat, run.fold].scaler for run in chunk.padded]
            checkpoints.save_chunk(number, _finished(state, scalers))
        if ending():
            raise Terminated(f"{number + 1} of {len(chunks)} chunks are done")


def is_trained(chunks: Sequence[Chunk], checkpoints: Checkpoints) -> bool:
    """Whether every chunk is finished, whichever process trained it."""
    return all(checkpoints.has_chunk(number) for number in range(len(chunks)))


def program_of(plan: Plan, feed: Feed, static: Static) -> loop.Program:
    """The compiled functions that a plan's runs of one Static share."""
    by_run = devices.by_run(plan.devices)
    return _program(static, plan.whole_batches, by_run, feed.pool_size, plan.lengths)


def start(plan: Plan, feed: Feed, chunk: Chunk) -> tuple[Advance, RunState]:
    """A chunk's program on this process's devices, and its runs before their first epoch.

    `feed` gives the plan's samples on the devices. Runs are sharded over them; jit does the rest.
    """
    program, runs = program_of(plan, feed, chunk.static), chunk.padded
    by_run = devices.by_run(plan.devices)
    hparams = _stack([_arrays(hparams_of(plan.trials[run.trial])) for run in runs])
    classes = len(chunk.static.task.classes)
    own = [
        plan.folds[run.repeat, run.fold]._replace(spread=feed.spreading.targets(run, classes))
        for run in runs
    ]
    whole, folds = (_stack(rows) for rows in (own, [feed.fold(fold) for fold in own]))
    of_run = np.array([(run.repeat, run.fold) for run in runs], np.int32)
    keys = run_keys(plan.config.seed, *of_run.T)
    hparams, whole, folds, keys = jax.device_put((hparams, whole, folds, keys), by_run)

    def advance(state: RunState, start: int, stop: int) -> RunState:
        for first, last in feed.spans(start, stop):
            samples = feed.samples(first)  # while the devices train the epochs before
            # Its buffers come round again: those epochs are over before the next ones begin.
            state = jax.block_until_ready(state)
            state = program.advance(
                hparams, folds, samples, state, jnp.int32(first), jnp.int32(last)
            )
        if stop < chunk.static.epochs:
            feed.prepare(stop)
        return jax.block_until_ready(state)

    return advance, program.init(hparams, whole, feed.resident, keys)


class _Work(NamedTuple):
    """What every chunk of a training is trained with."""

    plan: Plan
    feed: Feed
    checkpoints: Checkpoints
    ending: Callable[[], bool]
    observe: Observer


def _train_chunk(work: _Work, number: int, chunk: Chunk, title: str) -> RunState:
    plan, feed, checkpoints, ending, observe = work
    advance, state = start(plan, feed, chunk)
    epochs, epoch = plan.config.train.epochs, 0
    own = np.arange(len(chunk.runs))  # copies are not saved: other devices need another number
    left = checkpoints.restore_progress(number, state)
    if left is not None:
        epoch, state = left
        state = _rows(state, np.minimum(np.arange(chunk.width), len(own) - 1))
        state = jax.device_put(state, devices.by_run(plan.devices))
        LOG.info("%s: continuing after epoch %d", title, epoch)
    snapshot = _snapshot(number, chunk, epoch, epoch, state)
    observe(snapshot)
    saved = time.monotonic()
    while epoch < epochs:
        stop = min(epoch + plan.config.train.segment, epochs)
        state = advance(state, epoch, stop)
        first, epoch = epoch, stop
        snapshot = _snapshot(number, chunk, first, epoch, state)
        observe(snapshot)
        stopped = np.asarray(state.failed)[own]
        if (stopped >= first).any():
            LOG.warning(
                "%s: the loss or gradient of %d runs is no longer finite; they count as failed",
                title, (stopped >= 0).sum(),
            )  # fmt: skip
        if epoch == epochs:
            break
        asked = ending()
        if asked or time.monotonic() - saved >= plan.config.train.checkpoint_seconds:
            checkpoints.save_progress(number, epoch, _rows(state, own))
            saved = time.monotonic()
        if asked:
            raise Terminated(f"{title} is saved after epoch {epoch}")
    scores = snapshot.score[np.isfinite(snapshot.score)]
    reached = "no score"
    if scores.size:
        reached = f"best {chunk.static.task.selection} {scores.mean():.3f} on average"
    LOG.info("%s: trained, %s", title, reached)
    return state


def _snapshot(number: int, chunk: Chunk, before: int, epoch: int, state: RunState) -> Snapshot:
    own = len(chunk.runs)
    score, failed = np.asarray(state.best.score)[:own], np.asarray(state.failed)[:own]
    counts = np.isfinite(score) & (failed < 0)
    score = np.where(counts, metrics.selection_sign(chunk.static.task) * score, np.float32(np.nan))
    return Snapshot(number, chunk, before, epoch, score, state.history)


def _finished_earlier(number: int, chunk: Chunk, finished: dict[str, Any]) -> Snapshot:
    rows = np.arange(len(chunk.runs))
    best = np.asarray(finished["best_epoch"])[rows]
    curves = np.asarray(finished["history"][chunk.static.task.selection])
    score = np.where(best >= 0, curves[rows, best], np.float32(np.nan))
    epochs = chunk.static.epochs
    return Snapshot(number, chunk, epochs, epochs, score, finished["history"])


def _rows(tree: Any, rows: np.ndarray) -> Any:
    return jax.tree.map(lambda x: x[rows], tree)


def _arrays(hparams: HParams) -> HParams:
    return jax.tree.map(np.float32, hparams)


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _finished(state: RunState, scalers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is left of a chunk: the kept weights, how to scale their input, and the curves.

    A run whose numbers went wrong has no best epoch, whatever it had reached before: an epoch
    chosen from a training that was cut short is no result of that trial.
    """
    left = (
        state.best.params,
        state.best.model_state,
        {m: list(pair) for m, pair in _stack(scalers).items()},
        jnp.where(state.failed < 0, state.best.epoch, -1),
        state.failed,
        state.history,
    )
    return dict(zip(_LEFT, left, strict=True))


def outcomes(chunks: Sequence[Chunk], checkpoints: Checkpoints) -> list[Outcome]:
    """The outcome of every run, from chunks that are all finished.

    Raises InputError where every run failed.
    """
    found = [
        outcome
        for number, chunk in enumerate(chunks)
        for outcome in _outcomes(chunk, checkpoints.restore_chunk(number, _LEFT))
    ]
    if all(outcome.best_epoch < 0 for outcome in found):
        raise InputError(
            "every run failed: its loss, its gradient or every validation score was not finite; "
            "lower the learning rate or standardise the features (config.data.standardise=True)"
        )
    return found


def _outcomes(chunk: Chunk, finished: dict[str, Any]) -> Iterator[Outcome]:
    names = metrics.every_epoch(chunk.static.task)
    for i, run in enumerate(chunk.runs):
        epoch = int(finished["best_epoch"][i])
        history = {name: np.asarray(values[i]) for name, values in finished["history"].items()}
        at_best = {name: float(history[name][epoch]) if epoch >= 0 else np.nan for name in names}
        yield Outcome(run, epoch, at_best, history, int(finished["failed"][i]))


def kept_runs(chunks: Sequence[Chunk], trial: int, checkpoints: Checkpoints) -> dict[str, Any]:
    """What the chunks left of a trial's runs, those that failed left out, with repeat and fold."""
    trees = []
    for number, chunk in enumerate(chunks):
        rows = [i for i, run in enumerate(chunk.runs) if run.trial == trial]
        if rows:
            finished = checkpoints.restore_chunk(number, _LEFT)
            finished["repeat"] = np.array([run.repeat for run in chunk.padded])
            finished["fold"] = np.array([run.fold for run in chunk.padded])
            rows = [i for i in rows if finished["best_epoch"][i] >= 0]
            trees.append(jax.tree.map(lambda x, rows=rows: np.asarray(x)[rows], finished))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *trees)
