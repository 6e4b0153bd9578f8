"""The trials of a grid, or of a random search: values that a trial's own parts have a use for."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from mer_jax import corpora
from mer_jax.config.keys import Key, declared, flatten
from mer_jax.config.kinds import as_tuple
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.semi import AUTO, METHODS, TRIED, settings_of
from mer_jax.settings import span_of
from mer_jax.spans import Span
from mer_jax.training import losses, optimizer

_ENOUGH = 1000  # steps, which training on unlabelled clips needs (docs/semi_supervised.md)
_METHOD = "semi.method"
_SEARCH = 2  # folds are drawn from the seed, the repeat and no such number


def trials(config: ConfigDict) -> list[dict[str, Any]]:
    """The product of the grid's axes, or `config.search.trials` draws of it; each trial once.

    Raises InputError for a range without a search.
    """
    leaves = flatten(config)
    axes = _axes()
    found = []
    choices = [_choices(key, leaves[key.name]) for key in axes]
    if leaves["search.trials"]:
        combinations: Iterable = draws(choices, leaves["search.trials"], leaves["seed"])
    else:
        combinations = itertools.product(
            *([each] if isinstance(each, Span) else each for each in choices)
        )
    for values in combinations:
        trial = _used({key.name: value for key, value in zip(axes, values, strict=True)})
        for name, value in trial.items():
            if isinstance(value, Span):
                raise InputError(
                    f"config.{name}: {value} is a range, from which only a search draws; set "
                    "config.search.trials, or give values"
                )
        if trial not in found:
            found.append(trial)
    return found


def draws(choices: Sequence[tuple | Span], count: int, seed: int) -> list[tuple]:
    """Combinations whose values are drawn from each axis independently.

    Of several values each is as likely as another; of a range its scale decides.
    """
    rng = np.random.default_rng((seed, 0, _SEARCH))

    def one(options: tuple | Span) -> Any:
        if isinstance(options, Span):
            return options.draw(rng)
        return options[rng.integers(len(options))] if len(options) > 1 else options[0]

    return [tuple(map(one, choices)) for _ in range(count)]


def _axes() -> list[Key]:
    return [key for key in declared().values() if key.grid]


def _choices(key: Key, value: Any) -> tuple | Span:
    """What an axis may hold: its values, or its range."""
    if key.name == _METHOD:
        return methods_of(as_tuple(value))
    span = None if key.kind is None else span_of(value, key.kind)
    return as_tuple(value) if span is None else span


def methods_of(values: Sequence[str]) -> tuple[str, ...]:
    """The values of config.semi.method with what AUTO stands for in its place, each once."""
    return tuple(
        dict.fromkeys(
            method for value in values for method in (TRIED if value == AUTO else (value,))
        )
    )


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
        unused |= METHODS.settings().keys() - {s.key for s in settings_of(trial)}
    else:
        unused |= {key for key in trial if key.startswith("semi.")}
    return {key: value for key, value in trial.items() if key not in unused}


def varied(all_trials: Sequence[dict[str, Any]]) -> list[str]:
    """The keys in which the trials differ, in the grid's order."""
    missing = object()
    return [
        key
        for key in (axis.name for axis in _axes())
        if any(trial.get(key, missing) != all_trials[0].get(key, missing) for trial in all_trials)
    ]


def is_semi_supervised(config: ConfigDict) -> bool:
    """Whether any trial of the grid uses unlabelled clips."""
    return any(as_tuple(config.semi.method))


def chooses_method(config: ConfigDict) -> bool:
    """Whether a method is used only if it helps by more than chance."""
    return AUTO in as_tuple(config.semi.method)


def least_steps(config: ConfigDict) -> int:
    """The steps that a run has at least, however few clips are labelled; 0: as its epochs give."""
    if config.train.steps != corpora.AUTO:
        return config.train.steps
    return _ENOUGH if is_semi_supervised(config) else 0


def uses_views(config: ConfigDict) -> bool:
    """Whether any trial augments clips."""
    return is_semi_supervised(config) or any(as_tuple(config.train.views))
