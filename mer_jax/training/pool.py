"""The pool of unlabelled clips: which they are, and whether they stay on the device or stream."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax.data.corpus import Split
from mer_jax.errors import InputError
from mer_jax.training import devices
from mer_jax.training.loop import Fold, Pool, Samples

LOG = logging.getLogger("mer_jax")


def find(config: ConfigDict, samples: Samples, unlabelled: Split | None) -> Pool | None:
    """The pool on the host: train's clips where labels are hidden, else the corpus's own pool.

    None for supervised training. Raises InputError where there is none.
    """
    if not config_lib.is_semi_supervised(config):
        return None
    if config.data.labelled_fraction < 1:
        features, labels = samples.features, samples.labels
    elif unlabelled is not None:
        features, labels = unlabelled.features, unlabelled.labels
    else:
        raise InputError(
            f"config.semi.method={config.semi.method!r} needs unlabelled clips: the corpus has "
            "none beside its labelled ones; hide labels with config.data.labelled_fraction"
        )
    return Pool(
        features,
        np.arange(len(labels.emotion), dtype=np.int32),
        labels.emotion,
        labels.emotion_mask,
    )


class Feed:
    """Samples as a program takes them, with the pool of each epoch.

    A pool that fits `config.semi.device_bytes` stays on the device, as float32 or else as
    bfloat16; a larger one streams: each epoch gets as many clips as it uses, drawn at random and
    gathered from the (memory-mapped) arrays of the built dataset.
    """

    def __init__(self, config: ConfigDict, samples: Samples, folds: Mapping[Any, Fold]):
        self.pool_size = 0  # clips in the whole pool
        self.streams = False
        self._samples = samples
        if samples.pool is None:
            return
        self._seed = config.seed
        self.pool_size = len(samples.pool.number)
        size = sum(x.nbytes for x in samples.pool.features.values())
        limit = config.semi.device_bytes or devices.memory_bytes() // 2
        described = f"pool of {self.pool_size} clips, {size / 1e6:.0f} MB"
        if size <= limit:
            LOG.info("%s: stays on the device", described)
        elif size // 2 <= limit:
            LOG.info("%s: stays on the device as bfloat16", described)
            self._samples = samples._replace(
                pool=samples.pool._replace(
                    features={m: _as_bfloat16(x) for m, x in samples.pool.features.items()}
                )
            )
        else:
            rows = max(fold.train_weight.shape[0] for fold in folds.values())
            mu = max(config_lib.as_tuple(config.semi.mu))
            self._shard = min(self.pool_size, rows * mu)
            self.streams = True
            LOG.info("%s: streams %d clips an epoch", described, self._shard)

    def resident(self) -> Samples:
        """What stays on the device: everything but a pool that streams."""
        return self._samples._replace(pool=None) if self.streams else self._samples

    def shard(self, epoch: int) -> Pool:
        """The clips of an epoch of a pool that streams: the same whenever it is asked for."""
        rng = np.random.default_rng((self._seed, epoch))
        rows = np.sort(rng.choice(self.pool_size, self._shard, replace=False))
        pool = self._samples.pool
        return Pool(
            {m: np.ascontiguousarray(x[rows]) for m, x in pool.features.items()},
            pool.number[rows],
            pool.emotion[rows],
            pool.emotion_mask[rows],
        )

    def index(self, fold: Fold) -> Fold:
        """The fold with its rows of the pool as the programs see it."""
        if not self.streams:
            return fold
        return fold._replace(pool_index=np.arange(self._shard, dtype=np.int32))


def _as_bfloat16(x: np.ndarray) -> np.ndarray:
    """Converted block by block: the whole array twice would not fit where this is needed."""
    converted = np.empty(x.shape, jnp.bfloat16)
    rows = max(1, (64 << 20) // max(math.prod(x.shape[1:]) * x.itemsize, 1))
    for start in range(0, len(x), rows):
        converted[start : start + rows] = x[start : start + rows]
    return converted
