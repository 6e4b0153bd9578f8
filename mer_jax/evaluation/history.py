"""The curves of the chosen trial's runs: history.csv, one row a run and epoch."""

import csv
import pathlib
from typing import Any

import numpy as np

from mer_jax import files
from mer_jax.data.registry import Task
from mer_jax.errors import InputError

FILE = "history.csv"
_KEYS = ("repeat", "fold", "epoch")  # of a row: whole numbers; all else is a curve


def write(path: pathlib.Path, kept: dict[str, Any], task: Task) -> None:
    """One row a run and epoch: repeat, fold, epoch, and every curve, by class where it has any.

    `kept["history"]` holds float32 [R, E] or [R, E, C]. What is not a number stays empty.
    """
    columns: dict[str, np.ndarray] = {}
    for name, curves in kept["history"].items():
        values = np.asarray(curves)
        if values.ndim == 2:
            columns[name] = values
        else:
            columns |= {f"{name}_{task.classes[i]}": values[..., i] for i in range(values.shape[2])}
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


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The columns of a file that `write` wrote, a value a row: int64 keys, float64 curves.

    Raises InputError where the file is absent or is no history.
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
        raise InputError(f"{path}: damaged: {error}; no command here wrote it so") from None
