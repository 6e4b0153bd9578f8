"""A plan's samples on the devices, with the pool of each epoch: whether they stay or stream."""

import itertools
import logging
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax import config as config_lib
from mer_jax.data import views
from mer_jax.data.rows import Frames, Rows, Vectors
from mer_jax.errors import InputError
from mer_jax.semi.step import Clips
from mer_jax.training import devices
from mer_jax.training.division import hides_labels
from mer_jax.training.frames import HostFrames, on_device
from mer_jax.training.host_rows import HostRows
from mer_jax.training.order import steps_of_epoch
from mer_jax.training.plan import Plan
from mer_jax.training.spreading import Spreading
from mer_jax.training.state import Fold, Samples

LOG = logging.getLogger("mer_jax")
_ALIGNMENT = 64  # bytes: memory so aligned a CPU device takes as it is, without a copy


class Feed:
    """A plan's samples on this process's devices, with the pool of each epoch.

    Features larger than `config.data.device_bytes` stay on the host (`host_rows.HostRows`). A pool
    that fits it stays on the device, as float32 or else as bfloat16; a larger one streams: each
    epoch gets as many clips as it uses, drawn at random and copied from the (memory-mapped)
    arrays of the built dataset.
    """

    def __init__(self, plan: Plan):
        self.spreading = Spreading(plan)  # of labels to the pool, for the methods that ask
        self._pool = plan.samples.pool
        if self._pool is not None:
            self._pool = self._pool._replace(near=self.spreading.near())
        self._shard = 0  # clips of an epoch, where the pool streams
        self._ahead: tuple[int, Clips] | None = None  # an epoch's, copied before it is asked for
        self._seed = plan.config.seed
        self._where = devices.replicated(plan.devices)
        limit = _limit(plan)
        # Clips whose labels are hidden are rows of train: a shard of it would hold labelled ones.
        of_train = self._pool is not None and self._pool.features is plan.samples.features
        if self._pool is not None and not of_train:
            self._choose(plan, limit)
        resident = plan.samples._replace(pool=None if self._shard else self._pool)
        size = _bytes(resident.features)
        if size > limit:
            LOG.info("features of %.0f MB stay on the host: steps fetch their rows", size / 1e6)
            held = {m: _on_host(x) for m, x in resident.features.items()}
        else:
            held = {m: _on_device(x) for m, x in resident.features.items()}
        resident = resident._replace(features=held)
        if of_train:
            resident = resident._replace(pool=resident.pool._replace(features=held))
        elif resident.pool is not None:
            of_pool = {m: _on_device(x) for m, x in resident.pool.features.items()}
            resident = resident._replace(pool=resident.pool._replace(features=of_pool))
        # Everything but a pool that streams.
        self.resident = jax.device_put(resident, self._where)

    def _choose(self, plan: Plan, limit: int) -> None:
        size = _bytes(self._pool.features)
        described = f"pool of {self.pool_size} clips, {size / 1e6:.0f} MB"
        if size <= limit:
            LOG.info("%s: stays on the device", described)
        elif hides_labels(plan.config) or any(
            isinstance(x, Frames) for x in self._pool.features.values()
        ):
            LOG.info("%s: stays on the host, steps fetch their clips", described)
            features = {m: _on_host(x) for m, x in self._pool.features.items()}
            self._pool = self._pool._replace(features=features)
        elif size // 2 <= limit:
            LOG.info("%s: stays on the device as bfloat16", described)
            features = {m: _as_bfloat16(x) for m, x in self._pool.features.items()}
            self._pool = self._pool._replace(features=features)
        elif self._pool.near is not None:
            raise InputError(
                f"config.semi.strong: {described}: it streams, and {views.NEIGHBOURS} need the "
                "clips around each clip; raise config.data.device_bytes, or use other views"
            )
        else:
            rows = max(len(fold.train_weight) for fold in plan.folds.values())
            mu = max(trial.get("semi.mu", 0) for trial in plan.trials)
            size, train = plan.config.train.batch_size, plan.config.train
            steps = steps_of_epoch(config_lib.least_steps(plan.config), train.epochs, rows // size)
            self._shard = min(self.pool_size, steps * size * mu)
            # Two, so that an epoch is copied while the one before is trained on; the same ones
            # again and again, since memory that is new costs as much as what is copied into it.
            self._buffers = itertools.cycle(
                [
                    {
                        m: _aligned((self._shard, x.shape[-1]))
                        for m, x in self._pool.features.items()
                    }
                    for _ in range(2)
                ]
            )
            LOG.info("%s: streams, %d clips an epoch", described, self._shard)

    @property
    def pool_size(self) -> int:
        """Clips in the whole pool."""
        return 0 if self._pool is None else len(self._pool.number)

    def spans(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Epochs start..stop-1 in spans that one `samples` serves."""
        if not self._shard:
            return [(start, stop)]
        return [(epoch, epoch + 1) for epoch in range(start, stop)]

    def samples(self, epoch: int) -> Samples:
        """The samples of an epoch, on the devices; they hold until the call after the next one."""
        if not self._shard:
            return self.resident
        ahead, self._ahead = self._ahead, None
        shard = ahead[1] if ahead and ahead[0] == epoch else self.shard(epoch)
        return self.resident._replace(pool=jax.device_put(shard, self._where))

    def prepare(self, epoch: int) -> None:
        """Copies the clips of the epoch that `samples` gives next, while the devices train."""
        if self._shard:
            self._ahead = epoch, self.shard(epoch)

    def shard(self, epoch: int) -> Clips:
        """The clips of an epoch of a pool that streams: the same whenever it is asked for.

        Their features stand in one of two buffers, which the call after the next one overwrites.
        """
        rng = np.random.default_rng((self._seed, epoch))
        rows = np.sort(rng.choice(self.pool_size, self._shard, replace=False))
        features = next(self._buffers)
        for modality, x in self._pool.features.items():
            if isinstance(x, Vectors):
                features[modality][:] = x[rows]
            else:
                np.take(x, rows, axis=0, out=features[modality], mode="clip")  # "raise" would copy
        return Clips(
            features,
            self._pool.number[rows],
            self._pool.emotion[rows],
            self._pool.emotion_mask[rows],
        )

    def fold(self, fold: Fold) -> Fold:
        """The fold with its rows of the pool as the programs see it."""
        if not self._shard:
            return fold
        return fold._replace(pool_index=np.arange(self._shard, dtype=np.int32))


def copies(plan: Plan) -> int:
    """How many devices of this machine's memory could hold the plan's features, one or more."""
    pool = {} if plan.samples.pool is None else plan.samples.pool.features
    return max(_limit(plan) // (_bytes(plan.samples.features) + _bytes(pool)), 1)


def _limit(plan: Plan) -> int:
    """The most bytes of features that stay on a device."""
    return plan.config.data.device_bytes or devices.memory_bytes() // 2


def _on_device(x: Any) -> Any:
    """Features as a program takes them from the device: frames by their places, else arrays."""
    if isinstance(x, Frames):
        return on_device(x)
    return np.asarray(x) if isinstance(x, Vectors) else x


def _on_host(x: Rows) -> HostRows | HostFrames:
    return HostFrames(x) if isinstance(x, Frames) else HostRows(x)


def _bytes(features: dict[str, Rows]) -> int:
    return sum(x.nbytes for x in features.values())


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An empty float32 array that a CPU device can use where it lies."""
    size = 4 * math.prod(shape)
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(shape)


def _as_bfloat16(x: np.ndarray | Vectors) -> np.ndarray:
    """The bits of bfloat16 as uint16, of which XLA on CPUs gathers rows.

    Of bfloat16 it would copy the whole array in every epoch. Converted block by block: the whole
    array twice would not fit where this is needed.
    """
    converted = np.empty(x.shape, jnp.bfloat16)
    rows = max(1, (64 << 20) // max(math.prod(x.shape[1:]) * x.itemsize, 1))
    for start in range(0, len(x), rows):
        converted[start : start + rows] = x[start : start + rows]
    return converted.view(np.uint16)
