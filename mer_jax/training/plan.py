"""The plan of a grid: every trial, repeat and fold as a run, and the runs in chunks."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from mer_jax import environment
from mer_jax.data.npy import FRAME
from mer_jax.task import Task
from mer_jax.training import devices
from mer_jax.training.buckets import Buckets, Lengths, buckets
from mer_jax.training.program import Static, static_of
from mer_jax.training.sizes import activation_bytes, count_parameters
from mer_jax.training.state import Fold, Samples

# Runs side by side, by device. An accelerator wants many. On a CPU a step is bound by moving
# parameters, gradients and both moments of Adam (16 bytes a parameter): a large model is fastest
# alone, small ones share the cost of starting a step's many small operations, and past 15 nothing
# is gained (benchmarks/README.md).
_MAX_CHUNK = {"cpu": 15, "gpu": 90, "tpu": 90}
_CPU_CACHE_BYTES = 8 << 20
_BYTES_PER_PARAMETER = 16
_COPIES_SHARE = 0.1  # of the runs: what cores as devices gain is not lost to copies
_MEMORY_SHARE = 0.25  # of an accelerator's memory, for the runs' parameters and activations


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
    devices: int = 0  # over which the runs of a chunk are spread; 0: all of this process

    @property
    def whole_batches(self) -> bool:
        """Whether every batch of every fold holds a sample."""
        size = self.config.train.batch_size
        weights = [fold.train_weight for fold in self.folds.values()]
        return all(weight.sum() > len(weight) - size for weight in weights)

    @property
    def lengths(self) -> Lengths:
        """The buckets of its folds' batches."""
        size, most = self.config.train.batch_size, self.config.frames.buckets

        def of(part: str) -> Buckets:
            index, weight = f"{part}_index", f"{part}_weight"
            rows = [(getattr(fold, index), getattr(fold, weight)) for fold in self.folds.values()]
            return buckets(self.samples.features, rows, size, most)

        return Lengths(of("train"), of("validation"))


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


def spread(config: ConfigDict, groups: Groups, most: int) -> int:
    """Over how many of this process's devices the runs of a chunk are spread; 0: all of them.

    Where a CPU's cores are devices (environment.find_devices), a model of frames takes as many of
    them, `most` at most, as leave few copies to compute: a core then has a run's many small
    operations to itself.
    A model of vectors stays on one: its few large products use all cores (benchmarks/README.md).
    """
    if not environment.cores_are_devices():
        return 0
    if any(static.level != FRAME for static in groups):
        return 1
    runs = max(map(len, groups.values()))
    if isinstance(config.train.chunk, int):
        runs = min(runs, config.train.chunk)
    counts = range(min(runs, most, jax.local_device_count()), 1, -1)
    few = (count for count in counts if -runs % count <= _COPIES_SHARE * runs)
    return next(few, 1)


def widths(
    config: ConfigDict,
    groups: Groups,
    sizes: dict[str, int],
    frames: int = 1,
    cores: int = 1,
) -> list[int]:
    """How many runs of each group train side by side: the config's number, or the rule's.

    The rule looks at the kind of device, at the model's size (`sizes` are the features') and at
    what a step keeps for its backward pass, for clips of `frames` frames. Of a CPU's `cores` that
    are a device each, each takes as many as one device would. Its widths are also what measuring
    starts from (training/measure.py).
    """
    chosen = []
    for static, runs in groups.items():
        most = config.train.chunk
        if most in ("auto", "measure"):
            most = _least_waste(len(runs), cores * _ruled(static, sizes, frames), cores)
        chosen.append(min(most, len(runs)))
    return chosen


def _ruled(static: Static, sizes: dict[str, int], frames: int) -> int:
    """The most runs of a program that this kind of device trains side by side."""
    backend = jax.default_backend()
    most = _MAX_CHUNK.get(backend, _MAX_CHUNK["gpu"])
    held = _BYTES_PER_PARAMETER * count_parameters(static, sizes)
    if backend != "cpu":
        held += activation_bytes(static, sizes, frames)
        return max(1, min(most, int(_MEMORY_SHARE * devices.memory_bytes() / held)))
    # A batch of vectors is small beside the parameters, and was in what was measured; one of
    # frames is not.
    if static.level == FRAME:
        held += activation_bytes(static, sizes, frames)
    return max(1, min(most, round(_CPU_CACHE_BYTES / held)))


def _least_waste(runs: int, most: int, cores: int) -> int:
    """The width in (most / 2, most] whose chunks compute the fewest copies; the largest of them."""

    def computed(width: int) -> int:
        return math.ceil(runs / width) * (width + -width % cores)

    return min(range(most, most // 2, -1), key=computed)


def cut(groups: Groups, chosen: Sequence[int], count: int = 0) -> list[Chunk]:
    """The groups in chunks of their widths, each computed at a multiple of `count` devices.

    Which runs a chunk has depends on the recorded widths alone: a workdir may be continued on
    another number of devices, or of processes. A `count` of 0 stands for all local devices.
    """
    count, chunks = count or jax.local_device_count(), []
    for (static, runs), width in zip(groups.items(), chosen, strict=True):
        whole = width + -width % count
        starts = range(0, len(runs), width)
        chunks += [Chunk(static, tuple(runs[start : start + width]), whole) for start in starts]
    return chunks
