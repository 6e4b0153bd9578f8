"""The curves of the chosen trial's runs: one table of every epoch, and the pool's as a figure."""

import io
import pathlib
from typing import Any

import numpy as np

from mer_jax import files
from mer_jax.data.registry import Task
from mer_jax.training import unlabelled

_BY_CLASS = (unlabelled.BALANCE, unlabelled.THRESHOLD)
_TITLES = {
    unlabelled.SHARE: "share of the pool that counts",
    unlabelled.ACCURACY: "accuracy of the pseudo-labels",
    unlabelled.BALANCE: "pseudo-labels by class, share",
    unlabelled.THRESHOLD: "threshold by class",
}
# Okabe and Ito's palette, which a colour-blind reader can tell apart, without its black.
_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")


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
    files.write_csv(path, ("repeat", "fold", "epoch", *columns), rows)


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


def draw_pool(path: pathlib.Path, kept: dict[str, Any], task: Task) -> None:
    """The pool's curves, mean over runs; writes nothing for a supervised trial."""
    if unlabelled.SHARE not in kept["history"]:
        return
    import matplotlib.figure  # half a second, which supervised runs are spared

    figure = matplotlib.figure.Figure(figsize=(10, 6), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(2, 2).flat, _TITLES.items(), strict=True):
        values = np.asarray(kept["history"][name])
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.set_ylim(0, 1)
        if name in _BY_CLASS:
            for i, of_class in enumerate(task.classes):
                colour, dashes = _COLOURS[i % len(_COLOURS)], "--" if i >= len(_COLOURS) else "-"
                axes.plot(mean(values[..., i]), dashes, color=colour, label=of_class)
            axes.legend(fontsize="small")
        else:
            axes.plot(mean(values), color=_COLOURS[4])
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    files.write_bytes(path, picture.getvalue())


def mean(values: np.ndarray) -> np.ndarray:
    """The mean [R, E] -> [E] over the runs in which an epoch has a finite value: float [E]."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0).sum(0)
    return np.divide(total, finite.sum(0), out=np.full(len(total), np.nan), where=finite.any(0))
