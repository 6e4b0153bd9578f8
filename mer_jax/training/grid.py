"""The grid: every trial, repeat and fold as a run, in chunks of runs that train side by side."""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from mer_jax import metrics
from mer_jax.config import HParams, Static, hparams_of, static_of
from mer_jax.data import folds as folds_lib
from mer_jax.data.corpus import Labels, Split
from mer_jax.data.registry import Task
from mer_jax.errors import InputError
from mer_jax.training import devices, loop
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.loop import Fold, RunState, Samples

LOG = logging.getLogger("mer_jax")
# Runs side by side, by device. An accelerator wants many. On a CPU a step is bound by moving
# parameters, gradients and both moments of Adam (16 bytes a parameter): a large model is fastest
# alone, small ones share the cost of starting a step's many small operations, and past 15 nothing
# is gained (benchmarks/README.md).
_MAX_CHUNK = {"cpu": 15, "gpu": 90, "tpu": 90}
_CPU_CACHE_BYTES = 8 << 20
_BYTES_PER_PARAMETER = 16


class Run(NamedTuple):
    """One training: a trial's hyper-parameters in one fold of one repeat."""

    trial: int
    repeat: int
    fold: int


class Chunk(NamedTuple):
    """Runs of one program; `width` of them are computed, the last chunk's surplus being copies."""

    static: Static
    runs: tuple[Run, ...]
    width: int

    @property
    def padded(self) -> tuple[Run, ...]:
        """The runs, the last one repeated to the width."""
        return self.runs + self.runs[-1:] * (self.width - len(self.runs))


class Outcome(NamedTuple):
    """What a run leaves: its best epoch (-1: none was finite) and its curves."""

    run: Run
    best_epoch: int
    validation: dict[str, float]  # every metric at the best epoch; NaN throughout where it failed
    history: dict[str, np.ndarray]  # float32 [E]


Groups = dict[Static, list[Run]]


def group(
    config: ConfigDict, trials: Sequence[dict[str, Any]], modalities: tuple[str, ...], task: Task
) -> Groups:
    """Every run once, by the compiled program that it shares with others."""
    groups: Groups = {}
    for number, trial in enumerate(trials):
        runs = groups.setdefault(static_of(config, trial, modalities, task), [])
        for repeat in range(config.repeats):
            runs += [Run(number, repeat, fold) for fold in range(max(config.folds, 1))]
    return groups


def widths(config: ConfigDict, groups: Groups, sizes: dict[str, int]) -> list[int]:
    """How many runs of each group train side by side: the config's number, or the rule's.

    The rule looks at the kind of device and at the model's size (`sizes` are the features').
    """
    chosen = []
    for static, runs in groups.items():
        most = config.train.chunk
        if most == "auto":
            backend = jax.default_backend()
            most = _MAX_CHUNK.get(backend, _MAX_CHUNK["gpu"])
            if backend == "cpu":
                held = _BYTES_PER_PARAMETER * loop.count_parameters(static, sizes)
                most = max(1, min(most, round(_CPU_CACHE_BYTES / held)))
            most = _least_waste(len(runs), most)
        chosen.append(min(most, len(runs)))
    return chosen


def _least_waste(runs: int, most: int) -> int:
    """The width in (most / 2, most] whose chunks compute the fewest copies; the largest of them."""
    return min(range(most, most // 2, -1), key=lambda width: math.ceil(runs / width) * width)


def cut(groups: Groups, chosen: Sequence[int]) -> list[Chunk]:
    """The groups in chunks of their widths, each computed at a whole number of devices.

    Which runs a chunk has depends on the recorded widths alone: a workdir may be continued on
    another number of devices.
    """
    chunks = []
    for (static, runs), width in zip(groups.items(), chosen, strict=True):
        whole = width + -width % jax.device_count()
        starts = range(0, len(runs), width)
        chunks += [Chunk(static, tuple(runs[start : start + width]), whole) for start in starts]
    return chunks


def training_samples(train: Split, validation: Split | None) -> Samples:
    """The rows that runs index: train's, then those of a validation split of its own."""
    splits = [train] if validation is None else [train, validation]
    return Samples(
        features={
            m: np.concatenate([split.features[m] for split in splits]) for m in train.features
        },
        labels=Labels(*map(np.concatenate, zip(*(split.labels for split in splits), strict=True))),
    )


def make_folds(
    config: ConfigDict, samples: Samples, names: np.ndarray, groups: Sequence[str] | None
) -> dict[tuple[int, int], Fold]:
    """The Fold of every (repeat, fold), all padded alike.

    `names` are train's; rows of `samples` beyond them are a validation split, which then is the
    one fold.
    """
    rows = np.arange(len(samples.labels.emotion))
    divided = {}
    for repeat in range(config.repeats):
        if config.folds:
            of = folds_lib.assign(names, config.folds, config.seed, repeat, groups)
            for fold in range(config.folds):
                divided[repeat, fold] = rows[of != fold], rows[of == fold]
        else:
            divided[repeat, 0] = rows[: len(names)], rows[len(names) :]
    longest = max(len(train) for train, _ in divided.values())
    longest += -longest % config.train.batch_size
    longest_validation = max(len(validation) for _, validation in divided.values())
    return {
        key: Fold(
            *_padded(train, longest),
            *_padded(validation, longest_validation),
            scaler=_scaler(samples, train) if config.data.standardise else {},
        )
        for key, (train, validation) in divided.items()
    }


def _padded(index: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    padded = np.zeros(length, np.int32)
    padded[: len(index)] = index
    return padded, (np.arange(length) < len(index)).astype(np.float32)


def _scaler(samples: Samples, rows: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and deviation by column of the training rows; a constant column keeps its scale."""
    scaler = {}
    for modality, x in samples.features.items():
        mean = x[rows].mean(0, dtype=np.float64)
        deviation = x[rows].std(0, dtype=np.float64)
        deviation[deviation == 0] = 1
        scaler[modality] = mean.astype(np.float32), deviation.astype(np.float32)
    return scaler


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
    on_device = jax.device_put(samples, NamedSharding(mesh, PartitionSpec()))
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
                chunk.static, loop.make_train(chunk.static, whole_batches, by_run)
            )
            title = f"chunk {number + 1}/{len(chunks)} ({len(chunk.runs)} runs)"
            state = _train_chunk(
                config, trials, chunk, program, on_device, folds, by_run, checkpoints, number, title
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
    config, trials, chunk, program, samples, folds, by_run, checkpoints, number, title
) -> RunState:
    runs = chunk.padded
    hparams = jax.device_put(
        _stack([_arrays(hparams_of(trials[run.trial])) for run in runs]), by_run
    )
    keys = jnp.stack([loop.run_key(config.seed, run.repeat, run.fold) for run in runs])
    of_runs = jax.device_put(_stack([folds[run.repeat, run.fold] for run in runs]), by_run)
    state = program.init(hparams, samples, jax.device_put(keys, by_run))
    epochs, epoch = config.train.epochs, 0
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
