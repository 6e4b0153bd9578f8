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
from mer_jax.config import HParams, hparams_of
from mer_jax.errors import InputError
from mer_jax.termination import Terminated
from mer_jax.training import devices, loop
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.loop import RunState
from mer_jax.training.plan import Chunk, Plan, Run
from mer_jax.training.pool import Feed

LOG = logging.getLogger("mer_jax")
Advance = Callable[[RunState, int, int], RunState]  # (state, start, stop) -> after those epochs
_program = functools.cache(loop.make_train)  # chunks of one Static share what is compiled
_LEFT = ("params", "model_state", "scaler", "best_epoch", "failed", "history")  # by every chunk


class Outcome(NamedTuple):
    """What a run leaves: its best epoch (-1: it failed) and its curves."""

    run: Run
    best_epoch: int
    validation: dict[str, float]  # every metric at the best epoch; NaN throughout where it failed
    history: dict[str, np.ndarray]  # float32 [E]
    failed_epoch: int = -1  # whose loss or gradient was not finite; -1: none


def train(
    plan: Plan,
    chunks: Sequence[Chunk],
    checkpoints: Checkpoints,
    ending: Callable[[], bool] = lambda: False,
) -> None:
    """Trains this process's share of the chunks, those that are finished left out.

    Every process takes each n-th chunk, trains it on devices of its own, and saves it. Raises
    Terminated after a segment in which `ending` has become True, with what was done saved.
    """
    feed = Feed(plan)
    for number, chunk in enumerate(chunks):
        mine = number % jax.process_count() == jax.process_index()
        if mine and not checkpoints.has_chunk(number):
            title = f"chunk {number + 1}/{len(chunks)} ({len(chunk.runs)} runs)"
            state = _train_chunk(plan, feed, chunk, number, title, checkpoints, ending)
            scalers = [plan.folds[run.repeat, run.fold].scaler for run in chunk.padded]
            checkpoints.save_chunk(number, _finished(state, scalers))
        if ending():
            raise Terminated(f"terminated; {number + 1} of {len(chunks)} chunks are done")


def is_trained(chunks: Sequence[Chunk], checkpoints: Checkpoints) -> bool:
    """Whether every chunk is finished, whichever process trained it."""
    return all(checkpoints.has_chunk(number) for number in range(len(chunks)))


def start(plan: Plan, feed: Feed, chunk: Chunk) -> tuple[Advance, RunState]:
    """A chunk's program on this process's devices, and its runs before their first epoch.

    `feed` gives the plan's samples on the devices. Runs are sharded over them; jit does the rest.
    """
    by_run = devices.by_run()
    program = _program(chunk.static, plan.whole_batches, by_run, feed.pool_size)
    runs = chunk.padded
    hparams = _stack([_arrays(hparams_of(plan.trials[run.trial])) for run in runs])
    folds = _stack([feed.fold(plan.folds[run.repeat, run.fold]) for run in runs])
    keys = jnp.stack([loop.run_key(plan.config.seed, run.repeat, run.fold) for run in runs])
    hparams, folds, keys = jax.device_put((hparams, folds, keys), by_run)

    def advance(state: RunState, start: int, stop: int) -> RunState:
        for first, last in feed.spans(start, stop):
            samples = feed.samples(first)
            state = program.advance(
                hparams, folds, samples, state, jnp.int32(first), jnp.int32(last)
            )
        return jax.block_until_ready(state)

    return advance, program.init(hparams, feed.resident, keys)


def _train_chunk(plan, feed, chunk, number, title, checkpoints, ending) -> RunState:
    advance, state = start(plan, feed, chunk)
    epochs, epoch = plan.config.train.epochs, 0
    own = np.arange(len(chunk.runs))  # copies are not saved: other devices need another number
    left = checkpoints.restore_progress(number, state)
    if left is not None:
        epoch, state = left
        state = _rows(state, np.minimum(np.arange(chunk.width), len(own) - 1))
        state = jax.device_put(state, devices.by_run())
        LOG.info("%s: continuing after epoch %d", title, epoch)
    saved = time.monotonic()
    while epoch < epochs:
        stop = min(epoch + plan.config.train.segment, epochs)
        state = advance(state, epoch, stop)
        first, epoch = epoch, stop
        selection = chunk.static.task.selection
        best = chunk.static.task.selection_sign * np.asarray(state.best.score)
        LOG.info("%s: epoch %d/%d, best %s %.3f", title, epoch, epochs, selection, best.mean())
        stopped = np.asarray(state.failed)[own]
        if (stopped >= first).any():
            LOG.warning("%s: numbers of %d runs went wrong", title, (stopped >= 0).sum())
        if epoch == epochs:
            break
        asked = ending()
        if asked or time.monotonic() - saved >= plan.config.train.checkpoint_seconds:
            checkpoints.save_progress(number, epoch, _rows(state, own))
            saved = time.monotonic()
        if asked:
            raise Terminated(f"terminated; {title} is saved after epoch {epoch}")
    return state


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
    names = metrics.names(chunk.static.task)
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
