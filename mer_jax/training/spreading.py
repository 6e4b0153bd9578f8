"""The graph of a plan's clips: which are near each other, and what labels spread to the pool."""

import functools
import logging
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from mer_jax.data import rows as rows_lib
from mer_jax.data.rows import Rows
from mer_jax.data.standardise import standardises_columns
from mer_jax.errors import InputError
from mer_jax.semi import METHODS, graph, moves_to_neighbours, neighbours
from mer_jax.training import devices
from mer_jax.training.division import hides_labels
from mer_jax.training.plan import Plan, Run

LOG = logging.getLogger("mer_jax")
_COPIES = 3  # of the features at once: by modality, side by side, and as they are searched
_MEMORY_SHARE = 0.5  # of the machine's, for these


def check_memory(plan: Plan) -> None:
    """Refuses a plan whose graph needs more memory than this machine has for it: InputError."""
    if not any(_spreads(trial) or _moves(trial) for trial in plan.trials):
        return
    parts = _parts(plan)
    clips = sum(map(rows_lib.count, parts))
    width = sum(rows_lib.sizes(parts[0]).values())
    needed, most = _COPIES * 4 * clips * width, _MEMORY_SHARE * devices.host_bytes()
    if needed > most:
        raise InputError(
            f"config.semi.method: the graph of {clips} clips with {width} values each takes "
            f"{needed / 1e9:.0f} GB, and this machine has {most / 1e9:.0f} GB for it; use "
            "fewer feature sets, or a method and views without a graph"
        )


class Spreading:
    """The graph of a plan's clips, labelled and unlabelled, made when a trial first asks for it.

    It does not depend on labels. What spreads over it are those of one fold's training clips alone.
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        self._nearest = functools.cache(self._find)
        self._joined = functools.cache(self._join)
        self._spread = functools.cache(self._targets)

    def targets(self, run: Run, classes: int) -> Float32[np.ndarray, "P C"] | None:
        """What reaches each clip of the whole pool; None: the run's method spreads nothing."""
        trial = self._plan.trials[run.trial]
        if not _spreads(trial):
            return None
        settings = trial[graph.NEIGHBOURS.key], trial[graph.ALPHA.key]
        return self._spread(run.repeat, run.fold, classes, *settings)

    def near(self) -> Int32[np.ndarray, "P k"] | None:
        """The nearest clips of each clip of the pool, as `Clips.near`; None: no trial asks.

        As many as the trial that asks for most.
        """
        counts = [t[graph.NEIGHBOURS.key] for t in self._plan.trials if _moves(t)]
        if not counts:
            return None
        size, found = len(self._plan.samples.pool.number), self._nearest(max(counts))
        samples = len(found) - size  # that stand before the pool
        of_pool = found[samples:]
        return np.where(of_pool < samples, size + of_pool, of_pool - samples)

    def _find(self, count: int) -> Int32[np.ndarray, "N k"]:
        parts = _parts(self._plan)
        clips = sum(map(rows_lib.count, parts))
        LOG.info("joining %d clips to their %d nearest ones", clips, count)
        standardised = standardises_columns(self._plan.config.data.standardise)
        return neighbours.nearest(neighbours.side_by_side(parts, standardised), count)

    def _join(self, count: int) -> neighbours.Joined:
        return neighbours.join(self._nearest(count))

    def _targets(
        self, repeat: int, fold: int, classes: int, count: int, alpha: float
    ) -> Float32[np.ndarray, "P C"]:
        plan = self._plan
        labels, of = plan.samples.labels, plan.folds[repeat, fold]
        rows = of.train_index[of.train_weight > 0]
        rows = rows[labels.emotion_mask[rows]]
        joined, pool = self._joined(count), len(plan.samples.pool.number)
        label = np.zeros((joined.shape[0], classes), np.float32)
        label[rows, labels.emotion[rows]] = 1
        return neighbours.balanced(neighbours.spread(joined, label, alpha), label)[-pool:]


def _spreads(trial: dict[str, Any]) -> bool:
    method = trial.get("semi.method")
    return method is not None and METHODS[method].SPREADS


def _moves(trial: dict[str, Any]) -> bool:
    return "semi.method" in trial and moves_to_neighbours(trial)


def _parts(plan: Plan) -> list[dict[str, Rows]]:
    """The features of all clips: the samples', and after them the pool's."""
    samples = plan.samples
    if hides_labels(plan.config):  # the pool begins with the samples
        return [samples.pool.features]
    return [samples.features, samples.pool.features]
