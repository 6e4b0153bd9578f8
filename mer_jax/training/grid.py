"""The grid: chunks of runs train one after another, and each run leaves its outcome."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from mer_jax import metrics
from mer_jax.config import HParams, Static, hparams_of
from mer_jax.errors import InputError
from mer_jax.training import devices, loop
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.loop import Fold, RunState, Samples
from mer_jax.training.plan import Chunk, Run
from mer_jax.training.pool import Feed

LOG = logging.getLogger("mer_jax")


class Outcome(NamedTuple):
    """What a run leaves: its best epoch (-1: none was finite) and its curves."""

    run: Run
    best_epoch: int
    validation: dict[str, float]  # every metric at the best epoch; NaN throughout where it failed
    history: dict[str, np.ndarray]  # float32 [E]


def train(
    config: ConfigDict,
    trials: Sequence[dict[str, Any]],
    chunks: Sequence[Chunk],
    samples: Samples,
    folds: dict[tuple[int, int], Fold],
    checkpoints: Checkpoints,
) -> list[Outcome]:
    """Trains every run that `checkpoints` does not hold finished, and gives all outcomes."""
    mesh = devices.mesh()
    by_run = NamedSharding(mesh, PartitionSpec("run"))
    feed = Feed(config, samples, folds)
    on_device = jax.device_put(feed.resident(), NamedSharding(mesh, PartitionSpec()))
    folds = {key: feed.index(fold) for key, fold in folds.items()}
    programs: dict[Static, loop.Train] = {}
    whole_batches = all(
        fold.train_weight.sum() > len(fold.train_weight) - config.train.batch_size
        for fold in folds.values()
    )
    outcomes = []
    for number, chunk in enumerate(chunks):
        finished = checkpoints.restore_chunk(number)
        if finished is None:
            program = programs.setdefault(
                chunk.static, loop.make_train(chunk.static, whole_batches, by_run, feed.pool_size)
            )
            title = f"chunk {number + 1}/{len(chunks)} ({len(chunk.runs)} runs)"
            state = _train_chunk(
                config,
                trials,
                chunk,
                program,
                on_device,
                feed,
                folds,
                by_run,
                checkpoints,
                number,
                title,
            )
            finished = _finished(state, [folds[run.repeat, run.fold] for run in chunk.padded])
            checkpoints.save_chunk(number, finished)
        outcomes += _outcomes(chunk, finished)
    if all(outcome.best_epoch < 0 for outcome in outcomes):
        raise InputError(
            "every run failed: no epoch of any had a finite validation score; lower the learning "
            "rate or standardise the features (config.data.standardise=True)"
        )
    return outcomes


def _train_chunk(
    config, trials, chunk, program, samples, feed, folds, by_run, checkpoints, number, title
) -> RunState:
    runs = chunk.padded
    hparams = jax.device_put(
        _stack([_arrays(hparams_of(trials[run.trial])) for run in runs]), by_run
    )
    keys = jnp.stack([loop.run_key(config.seed, run.repeat, run.fold) for run in runs])
    of_runs = jax.device_put(_stack([folds[run.repeat, run.fold] for run in runs]), by_run)
    state = program.init(hparams, samples, jax.device_put(keys, by_run))
    epochs, epoch = config.train.epochs, 0
    samples_sharding = NamedSharding(by_run.mesh, PartitionSpec())
    own = np.arange(len(chunk.runs))  # copies are not saved: other devices need another number
    like = jax.eval_shape(lambda tree: _rows(tree, own), state)
    left = checkpoints.restore_progress(number, epochs, like)
    if left is not None:
        epoch, state = left
        state = _rows(state, np.minimum(np.arange(chunk.width), len(own) - 1))
        LOG.info("%s: continuing after epoch %d", title, epoch)
    state = jax.device_put(state, by_run)
    saved = time.monotonic()
    while epoch < epochs:
        stop = min(epoch + config.train.segment, epochs)
        if feed.streams and chunk.static.semi is not None:
            stop = epoch + 1
            shard = jax.device_put(feed.shard(epoch), samples_sharding)
            samples = samples._replace(pool=shard)
        state = jax.block_until_ready(
            program.advance(hparams, of_runs, samples, state, jnp.int32(epoch), jnp.int32(stop))
        )
        epoch = stop
        selection = chunk.static.task.selection
        best = chunk.static.task.selection_sign * np.asarray(state.best.score)
        LOG.info("%s: epoch %d/%d, best %s %.3f", title, epoch, epochs, selection, best.mean())
        if epoch < epochs and time.monotonic() - saved >= config.train.checkpoint_seconds:
            checkpoints.save_progress(number, epoch, epochs, _rows(state, own))
            saved = time.monotonic()
    return state


def _rows(tree: Any, rows: np.ndarray) -> Any:
    return jax.tree.map(lambda x: x[rows], tree)


def _arrays(hparams: HParams) -> HParams:
    return jax.tree.map(np.float32, hparams)


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _finished(state: RunState, folds: Sequence[Fold]) -> dict[str, Any]:
    """What is left of a chunk: the kept weights, how to scale their input, and the curves."""
    return {
        "params": state.best.params,
        "model_state": state.best.model_state,
        "scaler": _stack([fold.scaler for fold in folds]),
        "best_epoch": state.best.epoch,
        "history": state.history,
    }


def _outcomes(chunk: Chunk, finished: dict[str, Any]) -> Iterator[Outcome]:
    names = metrics.names(chunk.static.task)
    for i, run in enumerate(chunk.runs):
        epoch = int(finished["best_epoch"][i])
        history = {name: np.asarray(values[i]) for name, values in finished["history"].items()}
        at_best = {name: float(history[name][epoch]) if epoch >= 0 else np.nan for name in names}
        yield Outcome(run, epoch, at_best, history)


def kept_runs(chunks: Sequence[Chunk], trial: int, checkpoints: Checkpoints) -> dict[str, Any]:
    """What the chunks left of a trial's runs, those that failed left out, with their repeats."""
    trees = []
    for number, chunk in enumerate(chunks):
        rows = [i for i, run in enumerate(chunk.runs) if run.trial == trial]
        if rows:
            finished = checkpoints.restore_chunk(number)
            finished["repeat"] = np.array([run.repeat for run in chunk.padded])
            rows = [i for i in rows if finished["best_epoch"][i] >= 0]
            trees.append(jax.tree.map(lambda x, rows=rows: np.asarray(x)[rows], finished))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *trees)
