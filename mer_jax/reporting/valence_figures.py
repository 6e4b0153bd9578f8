"""The figures of valences and targets: predicted against true, how both spread by emotion."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mer_jax import colours
from mer_jax.evaluation.predicted import Predicted
from mer_jax.reporting.drawing import Picture, new, of_splits
from mer_jax.reporting.run import Run
from mer_jax.task import Task

_VALENCE_BINS = 20  # even: no bin holds values of both signs


def valences(run: Run) -> dict[str, Picture]:
    """`valence_SPLIT`: predicted against true valence, coloured by the true emotion.

    With targets `valence_TARGET_SPLIT` for each.
    """
    return _of_numbers(run, "valence", lambda predicted: predicted.has_valence, _valence)


def _of_numbers(
    run: Run,
    kind: str,
    is_shown: Callable[[Predicted], bool],
    draw: Callable[[str, Task, Predicted, str], Picture],
) -> dict[str, Picture]:
    """The figures of the valence, or of each target as if it were one."""
    found: dict[str, Picture] = {}
    for number, name in enumerate(run.task.numbers):
        found |= _Drawing(number if run.task.targets else None, name, kind, is_shown, draw).of(run)
    return found


class _Drawing(NamedTuple):
    """One number's figures."""

    number: int | None  # of the target; None: the valence
    name: str
    kind: str
    is_shown: Callable[[Predicted], bool]
    draw: Callable[[str, Task, Predicted, str], Picture]

    def of(self, run: Run) -> dict[str, Picture]:
        kind = self.kind if self.number is None else f"{self.kind}_{self.name}"
        return of_splits(run, kind, lambda each: self.is_shown(self._own(each)), self._drawn)

    def _own(self, predicted: Predicted) -> Predicted:
        return predicted if self.number is None else predicted.of_target(self.number)

    def _drawn(self, task: Task, predicted: Predicted, title: str) -> Picture:
        if self.number is not None:
            task, title = task.of_target(self.name), f"{self.name}: {title}"
        return self.draw(self.name, task, self._own(predicted), title)


def _valence(name: str, task: Task, predicted: Predicted, title: str) -> Picture:
    of = predicted.with_valence()
    true, guess = of.labels.valence, of.predictions.valence
    figure, axes = new(title)
    low, high = task.valence_range
    axes.plot([low, high], [low, high], "--", color="0.4", linewidth=1)
    dots = {"s": 9, "alpha": 0.6, "linewidths": 0}
    if task.classes:
        for number, (of_class, colour) in enumerate(
            zip(task.classes, colours.PALETTE, strict=False)
        ):
            rows = of.labels.emotion_mask & (of.labels.emotion == number)
            axes.scatter(true[rows], guess[rows], color=colour, label=of_class, **dots)
        axes.legend(fontsize="small", title="true emotion", title_fontsize="small", markerscale=2)
        rest = ~of.labels.emotion_mask
    else:
        rest = np.ones(len(true), bool)
    axes.scatter(true[rest], guess[rest], color=colours.BLUE, **dots)
    axes.set_xlim(low, high)
    axes.set_xlabel(f"true {name} ({low:g} to {high:g})")
    axes.set_ylabel(f"predicted {name}")
    error = float(((true - guess) ** 2).mean(dtype=np.float64))
    alt = (
        f"Predicted against true {name} of {len(true)} clips of {title}: mean squared error "
        f"{error:.2f}; predictions reach from {guess.min():.1f} to {guess.max():.1f}, labels from "
        f"{true.min():.1f} to {true.max():.1f}."
    )
    return Picture(figure, alt)


def distributions(run: Run) -> dict[str, Picture]:
    """`distribution_SPLIT`: the valence's distribution by emotion, as the paper's Figure 4."""

    def has_both(predicted: Predicted) -> bool:
        known = predicted.labels.emotion_mask & predicted.labels.valence_mask
        return predicted.has_valence and predicted.has_emotion and known.any()

    return _of_numbers(run, "distribution", has_both, _distribution)


def _distribution(name: str, task: Task, predicted: Predicted, title: str) -> Picture:
    of = predicted.with_emotion().with_valence()
    figure, axes = new(title)
    edges = np.linspace(*task.valence_range, _VALENCE_BINS + 1)
    rows = [of.labels.emotion == number for number in range(len(task.classes))]
    true = [of.labels.valence[mine] for mine in rows]
    guess = [of.predictions.valence[mine] for mine in rows]
    densities = [(_density(a, edges), _density(b, edges)) for a, b in zip(true, guess, strict=True)]
    height = 1.1 * max(density.max() for pair in densities for density in pair)
    floors = height * np.arange(len(rows))[::-1]
    for floor, (of_true, of_guess) in zip(floors, densities, strict=True):
        axes.stairs(floor + of_true, edges, baseline=floor, fill=True, color="0.8")
        axes.stairs(floor + of_guess, edges, baseline=floor, color=colours.BLUE)
        axes.axhline(floor, color="black", linewidth=0.6)
    axes.axvline(0, color="0.5", linewidth=0.6)
    low, high = task.valence_range
    axes.set_xlim(low, high)
    axes.set_ylim(0, height * len(rows))
    axes.set_xlabel(f"{name} ({low:g} to {high:g})")
    axes.set_yticks(floors, task.classes, va="bottom")
    axes.set_ylabel("density, by true emotion")
    axes.tick_params(axis="y", length=0)
    # Made by hand: a label at the first class alone would stand for that class.
    shapes = Patch(color="0.8", label="true"), Line2D([], [], color=colours.BLUE, label="predicted")
    axes.legend(handles=shapes, fontsize="small", loc="upper right")
    means = [
        f"{of_class} {a.mean():.1f} and {b.mean():.1f}"
        for of_class, a, b in zip(task.classes, true, guess, strict=True)
        if len(a)
    ]
    alt = f"Distribution of the {name} by emotion, {title}. Means, true and predicted: "
    alt += "; ".join(means) + "."
    return Picture(figure, alt)


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of the values a unit in each bin; what lies beyond the range is in the last."""
    counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
    return counts / max(len(values), 1) / (edges[1] - edges[0])
