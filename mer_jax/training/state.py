"""What training reads and what it carries along: samples, folds, and the state of a run.

Letters: N rows of samples, S steps of an epoch, V validation rows, P clips of the pool, E epochs.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Key

from mer_jax.data.arrays import Labels
from mer_jax.semi.step import Clips, SemiState
from mer_jax.training.buckets import NO_FRAMES, Lengths
from mer_jax.training.frames import DeviceFrames, HostFrames
from mer_jax.training.host_rows import HostRows
from mer_jax.training.packing import ALONE, Packing
from mer_jax.training.program import HParams, Static

LOSS = "loss"  # its name in the history, beside the validation metrics


class Samples(NamedTuple):
    """The clips that training may see, on the device, shared by all runs."""

    features: dict[str, Array | HostRows | DeviceFrames | HostFrames]  # by modality
    labels: Labels
    pool: Clips | None = None  # all unlabelled clips, or an epoch's shard; None: supervised


class Fold(NamedTuple):
    """Who trains and who validates in a run: rows of Samples, padded to the longest fold.

    Where features are frames the rows of short clips come first (mer_jax/training/buckets.py).
    """

    train_index: Int[Array, "S*B"]
    train_weight: Float[Array, "S*B"]  # 0 for padding, which stands at the end
    validation_index: Int[Array, "V"]
    validation_weight: Float[Array, "V"]
    scaler: dict[str, tuple[Array, Array]]  # by modality: mean and deviation [D]; empty: raw
    deviation: dict[str, Array]  # by modality [D]: what noise is relative to, after scaling
    pool_index: Int[Array, "P"] | None = None  # rows of the pool that this repeat may use
    # What its labels spread to every clip of the whole pool; None: the run's method asks for none.
    spread: Float[Array, "P C"] | None = None


class Given(NamedTuple):
    """What a run is given and no step changes."""

    static: Static
    hparams: HParams
    fold: Fold
    samples: Samples
    lengths: Lengths = NO_FRAMES  # of batches of frames
    class_count: Float[Array, "C"] | None = None  # labelled clips that train; None: nobody asks
    packing: Packing = ALONE  # how a Learner's parameters stand, and all that is shaped like them


class Learner(NamedTuple):
    """What every step changes."""

    params: Any
    model_state: Any  # what the model keeps beside parameters, such as batch statistics
    opt_state: Any
    semi: SemiState | None = None  # None: supervised

    @property
    def evaluated(self) -> Any:
        """The parameters that validate and predict: averaged ones in semi-supervised runs."""
        return self.params if self.semi is None else self.semi.ema


class Best(NamedTuple):
    """The best epoch so far: what predicts in the end."""

    params: Any
    model_state: Any
    score: Array  # the selection metric, higher is better
    epoch: Array  # int32; -1: no epoch had a finite score


class RunState(NamedTuple):
    """Everything that a run carries from one epoch to the next."""

    params: Any  # this and the next two as in Learner
    model_state: Any
    opt_state: Any
    key: Key[Array, ""]
    best: Best
    failed: Array  # int32: the epoch whose loss or gradient was not finite; -1: none
    history: dict[str, Array]  # LOSS, validation metrics, the pool's log: [E, ...], NaN until then
    semi: SemiState | None = None

    @property
    def learner(self) -> Learner:
        """The part that steps change."""
        return Learner(self.params, self.model_state, self.opt_state, self.semi)


def run_key(seed: int, repeat: ArrayLike, fold: ArrayLike) -> Key[Array, ""]:
    """The key of a run. Trials share it: their weights and batches start alike, as pairs."""
    key = jax.random.key(seed, impl="threefry2x32")
    return jax.random.fold_in(jax.random.fold_in(key, repeat), fold)


@functools.partial(jax.jit, static_argnums=0)
def run_keys(seed: int, repeats: Int[Array, "R"], folds: Int[Array, "R"]) -> Key[Array, "R"]:
    """The keys of runs, by one small program in place of one for each operation and run."""
    return jax.vmap(functools.partial(run_key, seed))(repeats, folds)


def finite(tree: Any) -> Bool[Array, ""]:
    """Whether every number of a tree is finite.

    0 times a number is 0, or NaN where that is not finite, which no sum loses: one test for all
    arrays of a shape, since XLA on CPUs compiles four kernels or more for each test.
    """
    by_shape: dict[tuple, list[Array]] = {}
    for leaf in jax.tree.leaves(tree):
        by_shape.setdefault((leaf.shape, leaf.dtype), []).append(0 * leaf)
    return jnp.stack([jnp.isfinite(sum(zeros)).all() for zeros in by_shape.values()]).all()
