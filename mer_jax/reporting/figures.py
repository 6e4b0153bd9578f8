"""The figures of a report, each with the words that stand for it where it cannot be seen."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mer_jax import colours, metrics
from mer_jax.evaluation.history import mean
from mer_jax.reporting import analysis
from mer_jax.reporting.analysis import Predicted
from mer_jax.reporting.run import Run
from mer_jax.semi import log
from mer_jax.task import TRAIN, Task
from mer_jax.training.state import LOSS

RELIABILITY_BINS = 10
_VALENCE_BINS = 20  # even: no bin holds values of both signs
_SIZE = (4.8, 3.9)  # inches: a figure of one split; two stand side by side on a wide page
_DPI = 150
_DRAWN = ("com", "dis", "dim")  # curves, beside that of the metric that chooses
_POOL = {
    log.SHARE: "share of the pool that counts",
    log.ACCURACY: "accuracy of the pseudo-labels",
    log.BALANCE: "share of the pseudo-labels",
    log.THRESHOLD: "threshold",
}


class Picture(NamedTuple):
    """A figure and its alternative text."""

    figure: Figure
    alt: str


def png(figure: Figure) -> bytes:
    """The figure as a PNG whose bytes depend on what is drawn alone."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})
    return content.getvalue()


def draw(run: Run) -> dict[str, Picture]:
    """Every figure that the run has data for, by name, in the order of the report."""
    kinds = (confusions, curves, pool, reliabilities, valences, distributions, attentions)
    return {name: picture for kind in kinds for name, picture in kind(run).items()}


def title_of(run: Run, split: str) -> str:
    """How a split is called in figures and tables."""
    return f"{split}, out of fold" if split == run.out_of_fold == TRAIN else split


def confusions(run: Run) -> dict[str, Picture]:
    """`confusion_SPLIT`: true classes against predicted ones, shaded by the share of the true."""
    found = {}
    for split in run.labelled_splits:
        if run.predicted(split).has_emotion:
            picture = _confusion(run.task, run.predicted(split), title_of(run, split))
            found[f"confusion_{split}"] = picture
    return found


def _confusion(task: Task, predicted: Predicted, title: str) -> Picture:
    counts = analysis.confusion(predicted)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = _new(title, slanted=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=9)
    _name_below(axes, task.classes)
    axes.set_yticks(range(len(task.classes)), task.classes)
    axes.set_xlabel("predicted emotion")
    axes.set_ylabel("true emotion")
    axes.tick_params(length=0)
    off = counts - np.diag(np.diag(counts))
    true, guess = np.unravel_index(off.argmax(), off.shape)
    alt = (
        f"Confusion matrix of {title}: {np.trace(counts)} of {counts.sum()} clips on the diagonal."
    )
    if off.any():
        alt += (
            f" Most often confused: {task.classes[true]} predicted as {task.classes[guess]}, "
            f"{off[true, guess]} clips."
        )
    return Picture(figure, alt)


def curves(run: Run) -> dict[str, Picture]:
    """`curve_NAME`: the training loss and the metrics that selection rests on, epoch by epoch."""
    if not run.has_history:
        return {}
    history = run.history
    of_task = metrics.every_epoch(run.task)
    chosen = dict.fromkeys((run.task.selection, *_DRAWN))  # a set that keeps the order
    names = (LOSS, *(name for name in chosen if name in of_task))
    starts = np.flatnonzero(history["epoch"] == 0)
    keys = list(zip(history["repeat"][starts], history["fold"][starts], strict=True))
    chosen = np.array([run.best_epochs[key] for key in keys])
    return {f"curve_{name}": _curve(history[name], len(keys), chosen, name) for name in names}


def _curve(column: np.ndarray, runs: int, chosen: np.ndarray, name: str) -> Picture:
    values_RxE = column.reshape(runs, -1)
    words = "Training loss" if name == LOSS else f"Validation {metrics.METRICS[name].words}"
    figure, axes = _new(words)
    epochs = np.arange(values_RxE.shape[1])
    axes.plot(epochs, values_RxE.T, color=colours.SKY, linewidth=0.6, alpha=0.7)
    mean_E = mean(values_RxE)
    axes.plot(epochs, mean_E, color=colours.BLUE, linewidth=2, label=f"mean of {runs} runs")
    at_chosen = values_RxE[np.arange(runs), chosen]
    axes.plot(
        chosen, at_chosen, "o", color=colours.VERMILION, markersize=4, label="chosen epoch of a run"
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel(words)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.legend(fontsize="small")
    alt = (
        f"{words} of {runs} runs over {len(epochs)} epochs: the mean goes from "
        f"{mean_E[0]:.2f} to {mean_E[-1]:.2f}; at the chosen epochs, {chosen.min()} to "
        f"{chosen.max()}, it is {at_chosen.mean():.2f}."
    )
    return Picture(figure, alt)


def pool(run: Run) -> dict[str, Picture]:
    """`pool`: what the unlabelled clips did, mean over runs; nothing for a supervised trial."""
    if not run.has_history or log.SHARE not in run.history:
        return {}
    history = run.history
    runs = int((history["epoch"] == 0).sum())
    figure = Figure(figsize=(9.6, 6.4), layout="constrained")
    for axes, (name, label) in zip(figure.subplots(2, 2).flat, _POOL.items(), strict=True):
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.set_ylim(0, 1)
        if name in history:
            axes.plot(mean(history[name].reshape(runs, -1)), color=colours.BLUE)
        else:
            for of_class, colour in zip(run.task.classes, colours.PALETTE, strict=False):
                values_RxE = history[f"{name}_{of_class}"].reshape(runs, -1)
                axes.plot(mean(values_RxE), color=colour, label=of_class)
            axes.legend(fontsize="small")
    last = mean(history[log.SHARE].reshape(runs, -1))[-1]
    alt = (
        "Four curves over the epochs, mean over runs: the share of the pool that counts, which "
        f"ends at {last:.2f}; the accuracy of its pseudo-labels where it is known; their spread "
        "over the classes; the thresholds of the classes."
    )
    return {"pool": Picture(figure, alt)}


def reliabilities(run: Run) -> dict[str, Picture]:
    """`reliability_SPLIT`: how often a prediction of some confidence is right."""
    found = {}
    for split in run.labelled_splits:
        if run.predicted(split).has_emotion:
            picture = _reliability(run.predicted(split), title_of(run, split))
            found[f"reliability_{split}"] = picture
    return found


def _reliability(predicted: Predicted, title: str) -> Picture:
    of = analysis.reliability(predicted, RELIABILITY_BINS)
    figure, axes = _new(f"{title}: expected calibration error {of.error:.3f}")
    edges = np.linspace(0, 1, RELIABILITY_BINS + 1)
    width, held = 1 / RELIABILITY_BINS, of.count > 0
    share = of.count / of.count.sum()
    axes.bar(edges[:-1], share, width, align="edge", color="0.85", label="share of the clips")
    axes.plot([0, 1], [0, 1], "--", color="0.4", linewidth=1, label="confidence = accuracy")
    axes.plot(of.confidence[held], of.accuracy[held], "o-", color=colours.BLUE, label="accuracy")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence (largest probability)")
    axes.set_ylabel("accuracy, share of the clips")
    axes.legend(fontsize="small", loc="upper left")
    side = np.where(of.accuracy[held] < of.confidence[held], -1, 1) @ of.count[held]
    alt = (
        f"Reliability diagram of {title}: expected calibration error {of.error:.3f} in "
        f"{RELIABILITY_BINS} bins; most predictions are "
        f"{'underconfident' if side > 0 else 'overconfident'}."
    )
    return Picture(figure, alt)


def valences(run: Run) -> dict[str, Picture]:
    """`valence_SPLIT`: predicted against true valence, coloured by the true emotion."""
    found = {}
    for split in run.labelled_splits:
        if run.predicted(split).has_valence:
            picture = _valence(run.task, run.predicted(split), title_of(run, split))
            found[f"valence_{split}"] = picture
    return found


def _valence(task: Task, predicted: Predicted, title: str) -> Picture:
    of = predicted.with_valence()
    true, guess = of.labels.valence, of.predictions.valence
    figure, axes = _new(title)
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
    axes.set_xlabel(f"true valence ({low:g} to {high:g})")
    axes.set_ylabel("predicted valence")
    error = float(((true - guess) ** 2).mean(dtype=np.float64))
    alt = (
        f"Predicted against true valence of {len(true)} clips of {title}: mean squared error "
        f"{error:.2f}; predictions reach from {guess.min():.1f} to {guess.max():.1f}, labels from "
        f"{true.min():.1f} to {true.max():.1f}."
    )
    return Picture(figure, alt)


def distributions(run: Run) -> dict[str, Picture]:
    """`distribution_SPLIT`: the valence's distribution by emotion, as the paper's Figure 4."""
    found = {}
    for split in run.labelled_splits:
        predicted = run.predicted(split)
        if predicted.has_valence and predicted.has_emotion:
            picture = _distribution(run.task, predicted, title_of(run, split))
            found[f"distribution_{split}"] = picture
    return found


def _distribution(task: Task, predicted: Predicted, title: str) -> Picture:
    of = predicted.with_emotion().with_valence()
    figure, axes = _new(title)
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
    axes.set_xlabel(f"valence ({low:g} to {high:g})")
    axes.set_yticks(floors, task.classes, va="bottom")
    axes.set_ylabel("density, by true emotion")
    axes.tick_params(axis="y", length=0)
    # Made by hand: a label at the first class alone would stand for that class.
    shapes = Patch(color="0.8", label="true"), Line2D([], [], color=colours.BLUE, label="predicted")
    axes.legend(handles=shapes, fontsize="small", loc="upper right")
    means = [
        f"{name} {a.mean():.1f} and {b.mean():.1f}"
        for name, a, b in zip(task.classes, true, guess, strict=True)
        if len(a)
    ]
    alt = f"Distribution of the valence by emotion, {title}. Means, true and predicted: "
    alt += "; ".join(means) + "."
    return Picture(figure, alt)


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of the values a unit in each bin; what lies beyond the range is in the last."""
    counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
    return counts / max(len(values), 1) / (edges[1] - edges[0])


def attentions(run: Run) -> dict[str, Picture]:
    """`attention_SPLIT`: the weights of the modalities by true emotion, where a fusion has any."""
    found = {}
    for split in run.labelled_splits:
        weights = run.predicted(split).predictions.attention
        if run.predicted(split).has_emotion and weights is not None and len(weights) > 1:
            picture = _attention(run.task, run.predicted(split), title_of(run, split))
            found[f"attention_{split}"] = picture
    return found


def _attention(task: Task, predicted: Predicted, title: str) -> Picture:
    of = predicted.with_emotion()
    weights = of.predictions.attention
    figure, axes = _new(title, slanted=True)
    places = np.arange(len(task.classes))
    markers = "osD^"
    for number, (modality, weight) in enumerate(weights.items()):
        by_class = [weight[of.labels.emotion == of_class] for of_class in places]
        middle = [part.mean() if len(part) else np.nan for part in by_class]
        deviation = [part.std() if len(part) else np.nan for part in by_class]
        shift = 0.15 * (number - (len(weights) - 1) / 2)
        axes.errorbar(
            places + shift, middle, deviation, fmt=markers[number % len(markers)], capsize=2,
            color=(colours.BLUE, colours.ORANGE, colours.GREEN)[number % 3], label=modality,
        )  # fmt: skip
    _name_below(axes, task.classes)
    axes.set_xlabel("true emotion")
    axes.set_ylabel("attention weight")
    axes.grid(axis="y", color="0.9")
    axes.margins(y=0.2)  # for the legend
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.legend(fontsize="small", ncols=len(weights), loc="upper center")
    overall = "; ".join(f"{modality} {weight.mean():.2f}" for modality, weight in weights.items())
    return Picture(figure, f"Attention weights by emotion, {title}. Means over clips: {overall}.")


def _new(title: str, slanted: bool = False) -> tuple[Figure, Axes]:
    """A figure of one split, with room below for the classes' names where they are `slanted`."""
    figure = Figure(figsize=_SIZE)
    # By hand: matplotlib's own layouts draw everything twice, which doubles a report's time.
    bottom = 0.21 if slanted else 0.13
    axes = figure.add_axes((0.2, bottom, 0.77, 0.92 - bottom))
    axes.set_title(title, fontsize=10)
    return figure, axes


def _name_below(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
