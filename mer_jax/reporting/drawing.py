"""What all figures share: their size, their axes, their PNG, and the words that stand for one.

The confusion matrix is here as well: scores without training draw it, and load no JAX.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mer_jax.task import TRAIN, Task

if TYPE_CHECKING:
    from mer_jax.evaluation.predicted import Predicted
    from mer_jax.reporting.run import Run

_SIZE = (4.8, 3.9)  # inches: a figure of one split; two stand side by side on a wide page
_DPI = 150


class Drawn(Figure):
    """A figure that a notebook shows as the last line of a cell, without any magic."""

    def _repr_png_(self) -> bytes:
        return png(self)


class Picture(NamedTuple):
    """A figure and its alternative text."""

    figure: Figure
    alt: str


def png(figure: Figure) -> bytes:
    """The figure as a PNG whose bytes depend on what is drawn alone."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        # Classes in scripts that the font lacks are boxes here; the tables beside have their names.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})
    return content.getvalue()


def title_of(run: Run, split: str) -> str:
    """How a split is called in figures and tables."""
    return f"{split}, out of fold" if split == run.out_of_fold == TRAIN else split


def of_splits(
    run: Run,
    kind: str,
    is_shown: Callable[[Predicted], bool],
    draw: Callable[[Task, Predicted, str], Picture],
) -> dict[str, Picture]:
    """`KIND_SPLIT`: the figure of every labelled split whose predictions it can show."""
    return {
        f"{kind}_{split}": draw(run.task, run.predicted(split), title_of(run, split))
        for split in run.labelled_splits
        if is_shown(run.predicted(split))
    }


def new(title: str, slanted: bool = False) -> tuple[Figure, Axes]:
    """A figure of one split, with room below for the classes' names where they are `slanted`."""
    figure = Drawn(figsize=_SIZE)
    # By hand: matplotlib's own layouts draw everything twice, which doubles a report's time.
    bottom = 0.21 if slanted else 0.13
    axes = figure.add_axes((0.2, bottom, 0.77, 0.92 - bottom))
    # With y, here where it is by default, matplotlib measures no ticks to keep clear of them.
    axes.set_title(title, fontsize=10, y=1)
    return figure, axes


def name_below(axes: Axes, names: Sequence[str]) -> None:
    """Names the places below the axes, slanted, from the first on."""
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")


def _shade(axes: Axes, shares_KxM: np.ndarray, texts_KxM: np.ndarray) -> None:
    """Cells from white, a share of 0, to blue, with a text in each; of NaN nothing is shown."""
    axes.imshow(shares_KxM, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares_KxM):
        colour = "white" if share > 0.5 else "black"
        text = "" if np.isnan(share) else texts_KxM[row, column]
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)


def heat_map(
    values_KxM: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    decimals: int,
) -> Picture:
    """Scores by trained (K) and tested (M) corpus, shaded from the least to the greatest.

    NaN where there is none; at least one is there.
    """
    low, high = np.nanmin(values_KxM), np.nanmax(values_KxM)
    shares = (values_KxM - low) / (high - low if high > low else 1.0)
    figure, axes = new(title, slanted=True)
    _shade(axes, shares, np.vectorize(lambda value: f"{value:.{decimals}f}")(values_KxM))
    name_below(axes, columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylabel("trained on")
    axes.tick_params(length=0)
    row, column = np.unravel_index(np.nanargmax(values_KxM), values_KxM.shape)
    alt = (
        f"Heat map of {title} by the corpus that is trained on and the one that is tested on, "
        f"from {low:.{decimals}f} to {high:.{decimals}f}, the best of {rows[row]} "
        f"{columns[column]}."
    )
    return Picture(figure, alt)


def confusion(
    counts_KxM: np.ndarray, names: Sequence[str], title: str, predicted: str = "predicted emotion"
) -> Picture:
    """The confusion matrix: true classes against predicted ones, shaded by the share of the true.

    `names` are those of the M predicted classes, of which the true ones are the first K.
    """
    shares = counts_KxM / np.maximum(counts_KxM.sum(1, keepdims=True), 1)
    figure, axes = new(title, slanted=True)
    _shade(axes, shares, counts_KxM)
    name_below(axes, names)
    axes.set_yticks(range(len(counts_KxM)), names[: len(counts_KxM)])
    axes.set_xlabel(predicted)
    axes.set_ylabel("true emotion")
    axes.tick_params(length=0)
    off = counts_KxM.copy()
    np.fill_diagonal(off, 0)
    true, guess = np.unravel_index(off.argmax(), off.shape)
    alt = (
        f"Confusion matrix of {title}: {np.trace(counts_KxM)} of {counts_KxM.sum()} clips on the "
        "diagonal."
    )
    if off.any():
        alt += (
            f" Most often confused: {names[true]} predicted as {names[guess]}, "
            f"{off[true, guess]} clips."
        )
    return Picture(figure, alt)
