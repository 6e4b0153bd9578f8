"""The plan of a grid: every trial, repeat and fold as a run, the runs' chunks, and their folds."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from mer_jax.config import uses_views
from mer_jax.data import folds as folds_lib
from mer_jax.data.arrays import Labels, Split
from mer_jax.task import Task
from mer_jax.training import loop
from mer_jax.training.loop import Fold, Samples
from mer_jax.training.program import Static, static_of

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


Groups = dict[Static, list[Run]]


class Plan(NamedTuple):
    """What every chunk of a grid is trained with."""

    config: ConfigDict
    trials: Sequence[dict[str, Any]]
    samples: Samples
    folds: dict[tuple[int, int], Fold]  # by repeat and fold

    @property
    def whole_batches(self) -> bool:
        """Whether every batch of every fold holds a sample."""
        size = self.config.train.batch_size
        weights = [fold.train_weight for fold in self.folds.values()]
        return all(weight.sum() > len(weight) - size for weight in weights)


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

    The rule looks at the kind of device and at the model's size (`sizes` are the features'). Its
    widths are also what measuring starts from (training/measure.py).
    """
    chosen = []
    for static, runs in groups.items():
        most = config.train.chunk
        if most in ("auto", "measure"):
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
    """The groups in chunks of their widths, each computed at a whole number of local devices.

    Which runs a chunk has depends on the recorded widths alone: a workdir may be continued on
    another number of devices, or of processes.
    """
    chunks = []
    for (static, runs), width in zip(groups.items(), chosen, strict=True):
        whole = width + -width % jax.local_device_count()
        starts = range(0, len(runs), width)
        chunks += [Chunk(static, tuple(runs[start : start + width]), whole) for start in starts]
    return chunks


def training_samples(train: Split, validation: Split | None) -> Samples:
    """The rows that runs index: train's, then those of a validation split of its own."""
    if validation is None:
        return Samples(train.features, train.labels)  # memory-mapped arrays stay so
    splits = [train, validation]
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
    one fold. With `config.data.labelled_fraction` folds are made within the labelled clips, and
    the others of train are the repeat's rows of the pool.
    """
    rows = np.arange(len(samples.labels.emotion))
    divided, pool_rows = {}, {}
    for repeat in range(config.repeats):
        kept, hidden = _labelled_rows(config, samples, names, repeat)
        pool_rows[repeat] = hidden
        if config.folds:
            of_kept = None if groups is None else [groups[row] for row in kept]
            of = folds_lib.assign(names[kept], config.folds, config.seed, repeat, of_kept)
            for fold in range(config.folds):
                divided[repeat, fold] = kept[of != fold], kept[of == fold]
        else:
            divided[repeat, 0] = kept, rows[len(names) :]
    longest = max(len(train) for train, _ in divided.values())
    longest += -longest % config.train.batch_size
    longest_validation = max(len(validation) for _, validation in divided.values())
    longest_validation += -longest_validation % config.train.batch_size
    folds = {}
    for (repeat, fold), (train, validation) in divided.items():
        scaler = _scaler(samples, train) if config.data.standardise else {}
        folds[repeat, fold] = Fold(
            *_padded(train, longest),
            *_padded(validation, longest_validation),
            scaler=scaler,
            deviation=_deviation(samples, train, scaler) if uses_views(config) else {},
            pool_index=_pool_index(config, samples, pool_rows[repeat]),
        )
    return folds


def _labelled_rows(
    config: ConfigDict, samples: Samples, names: np.ndarray, repeat: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of train that keep their labels in a repeat, and those that lose them."""
    rows = np.arange(len(names))
    if config.data.labelled_fraction == 1:
        return rows, rows[:0]
    labels = samples.labels
    emotion = np.where(labels.emotion_mask, labels.emotion, -1)[: len(names)]
    keep = folds_lib.labelled(names, emotion, config.data.labelled_fraction, config.seed, repeat)
    return rows[keep], rows[~keep]


def _pool_index(config: ConfigDict, samples: Samples, hidden: np.ndarray) -> np.ndarray | None:
    if samples.pool is None:
        return None
    if config.data.labelled_fraction != 1:
        return hidden.astype(np.int32)
    return samples.pool.number


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


def _deviation(
    samples: Samples, rows: np.ndarray, scaler: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What the noise of a view is relative to: the columns' deviation, 1 after standardising."""
    return {
        modality: np.ones(x.shape[1], np.float32)
        if modality in scaler
        else x[rows].std(0, dtype=np.float64).astype(np.float32)
        for modality, x in samples.features.items()
    }
