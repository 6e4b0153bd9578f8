"""The trials of a grid, or of a random search: values that a trial's own parts have a use for."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from mer_jax.config.keys import as_tuple, declared, flatten
from mer_jax.models.fusion import FUSIONS
from mer_jax.semi import METHODS
from mer_jax.training import losses, optimizer

_SEARCH = 2  # folds are drawn from the seed, the repeat and no such number


def trials(config: ConfigDict) -> list[dict[str, Any]]:
    """The product of the grid's axes, or `config.search.trials` draws of it; each trial once."""
    leaves = flatten(config)
    axes = _axes()
    found = []
    choices = [as_tuple(leaves[key]) for key in axes]
    combinations: Iterable = itertools.product(*choices)
    if leaves["search.trials"]:
        combinations = draws(choices, leaves["search.trials"], leaves["seed"])
    for values in combinations:
        trial = _used(dict(zip(axes, values, strict=True)))
        if trial not in found:
            found.append(trial)
    return found


def draws(choices: Sequence[tuple], count: int, seed: int) -> list[tuple]:
    """Combinations whose values are drawn from each axis, uniformly and independently."""
    rng = np.random.default_rng((seed, 0, _SEARCH))
    return [
        tuple(
            options[rng.integers(len(options))] if len(options) > 1 else options[0]
            for options in choices
        )
        for _ in range(count)
    ]


def _axes() -> list[str]:
    return [key.name for key in declared().values() if key.grid]


def _used(trial: dict[str, Any]) -> dict[str, Any]:
    """A trial without what it has no use for: what other fusions and other methods declare."""
    own = {setting.key for setting in FUSIONS[trial["model.fusion"]].SETTINGS}
    unused = FUSIONS.settings().keys() - own
    if not trial["train.views"]:
        unused |= {"train.views"}
    unused |= {
        setting.key
        for setting in optimizer.SETTINGS
        if setting.name in optimizer.OFF_AT_0 and not trial[setting.key]
    }
    unused |= losses.unused(trial)
    method = trial["semi.method"]
    if method:
        unused |= METHODS.settings().keys() - {s.key for s in METHODS[method].SETTINGS}
    else:
        unused |= {key for key in trial if key.startswith("semi.")}
    return {key: value for key, value in trial.items() if key not in unused}


def varied(all_trials: Sequence[dict[str, Any]]) -> list[str]:
    """The keys in which the trials differ, in the grid's order."""
    missing = object()
    return [
        key
        for key in _axes()
        if any(trial.get(key, missing) != all_trials[0].get(key, missing) for trial in all_trials)
    ]


def is_semi_supervised(config: ConfigDict) -> bool:
    """Whether any trial of the grid uses unlabelled clips."""
    return any(as_tuple(config.semi.method))


def uses_views(config: ConfigDict) -> bool:
    """Whether any trial augments clips."""
    return is_semi_supervised(config) or any(as_tuple(config.train.views))
