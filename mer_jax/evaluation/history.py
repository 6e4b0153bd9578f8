"""The curves of the chosen trial's runs: history.csv, one row a run and epoch."""

import csv
import pathlib
from typing import Any

import numpy as np

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.semi import log
from mer_jax.task import Task

_KEYS = ("repeat", "fold", "epoch")  # of a row: whole numbers; all else is a curve
_BY_CLASS = (log.BALANCE, log.THRESHOLD)


def write(path: pathlib.Path, kept: dict[str, Any], task: Task) -> None:
    """One row a run and epoch: repeat, fold, epoch, and every curve, by class where it has any.

    `kept["history"]` holds float32 [R, E] or [R, E, C]. What is not a number stays empty.
    """
    columns = by_name(kept["history"], task)
    runs, epochs = next(iter(columns.values())).shape
    rows = (
        (
            kept["repeat"][run],
            kept["fold"][run],
            epoch,
            *(str(x[run, epoch]) if np.isfinite(x[run, epoch]) else "" for x in columns.values()),
        )
        for run in range(runs)
        for epoch in range(epochs)
    )
    files.write_csv(path, (*_KEYS, *columns), rows)


def by_name(curves: dict[str, Any], task: Task) -> dict[str, np.ndarray]:
    """Every curve [..., E] by its name; one by class [..., E, C] becomes a curve a class."""
    found: dict[str, np.ndarray] = {}
    for name, values in ((name, np.asarray(curve)) for name, curve in curves.items()):
        if name in _BY_CLASS:
            found |= {
                f"{name}_{of_class}": values[..., i] for i, of_class in enumerate(task.classes)
            }
        else:
            found[name] = values
    return found


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The columns of a file that `write` wrote, a value a row: int64 keys, float64 curves.

    Raises InputError where the file is absent or is not a history.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        values = np.array([[float(cell or "nan") for cell in row] for row in rows], np.float64)
        columns = dict(zip(header, values.T, strict=True))
        return columns | {name: columns[name].astype(np.int64) for name in _KEYS}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; train in this workdir first") from None
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{path}: damaged ({error}); remove it, and reports have no learning curves"
        ) from None


def mean(values: np.ndarray) -> np.ndarray:
    """The mean [R, E] -> [E] over the runs in which an epoch has a finite value: float [E]."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0).sum(0)
    return np.divide(total, finite.sum(0), out=np.full(len(total), np.nan), where=finite.any(0))
