"""What all figures share: their size, their axes, their PNG, and the words that stand for one."""

import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mer_jax.reporting.analysis import Predicted
from mer_jax.reporting.run import Run
from mer_jax.task import TRAIN, Task

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
    axes.set_title(title, fontsize=10)
    return figure, axes


def name_below(axes: Axes, names: Sequence[str]) -> None:
    """Names the places below the axes, slanted, from the first on."""
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
