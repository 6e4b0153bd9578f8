"""The figures of a report, each with the words that stand for it where it cannot be seen."""

import numpy as np
from matplotlib import ticker

from mer_jax import colours, metrics
from mer_jax.evaluation.calibration import BINS
from mer_jax.evaluation.history import mean
from mer_jax.evaluation.predicted import Predicted
from mer_jax.reporting import analysis
from mer_jax.reporting.drawing import Drawn, Picture, confusion, name_below, new, of_splits
from mer_jax.reporting.frame_figures import over_time
from mer_jax.reporting.run import Run
from mer_jax.reporting.valence_figures import distributions, valences
from mer_jax.semi import log
from mer_jax.task import Task
from mer_jax.training.state import LOSS

_DRAWN = ("com", "dis", "dim")  # curves, beside that of the metric that chooses
_POOL = {
    log.SHARE: "share of the pool that counts",
    log.ACCURACY: "accuracy of the pseudo-labels",
    log.BALANCE: "share of the pseudo-labels",
    log.THRESHOLD: "threshold",
}


def draw(run: Run) -> dict[str, Picture]:
    """Every figure that the run has data for, by name, in the order of the report."""
    kinds = (confusions, curves, pool, reliabilities, valences, distributions, attentions)
    kinds += (over_time,)
    return {name: picture for kind in kinds for name, picture in kind(run).items()}


def confusions(run: Run) -> dict[str, Picture]:
    """`confusion_SPLIT`: true classes against predicted ones, shaded by the share of the true."""
    return of_splits(run, "confusion", lambda predicted: predicted.has_emotion, _confusion)


def _confusion(task: Task, predicted: Predicted, title: str) -> Picture:
    return confusion(analysis.confusion(predicted), task.classes, title)


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
    figure, axes = new(words)
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
    figure = Drawn(figsize=(9.6, 6.4), layout="constrained")
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
    return of_splits(run, "reliability", lambda predicted: predicted.has_emotion, _reliability)


def _reliability(_: Task, predicted: Predicted, title: str) -> Picture:
    of = analysis.reliability(predicted)
    figure, axes = new(f"{title}: expected calibration error {of.error:.3f}")
    edges = np.linspace(0, 1, BINS + 1)
    width, held = 1 / BINS, of.count > 0
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
        f"{BINS} bins; most predictions are "
        f"{'underconfident' if side > 0 else 'overconfident'}."
    )
    return Picture(figure, alt)


def attentions(run: Run) -> dict[str, Picture]:
    """`attention_SPLIT`: the weights of the modalities by true emotion, where a fusion has any."""

    def weighs(predicted: Predicted) -> bool:
        return predicted.has_emotion and len(predicted.predictions.attention or ()) > 1

    return of_splits(run, "attention", weighs, _attention)


def _attention(task: Task, predicted: Predicted, title: str) -> Picture:
    of = predicted.with_emotion()
    weights = of.predictions.attention
    figure, axes = new(title, slanted=True)
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
    name_below(axes, task.classes)
    axes.set_xlabel("true emotion")
    axes.set_ylabel("attention weight")
    axes.grid(axis="y", color="0.9")
    axes.margins(y=0.2)  # for the legend
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.legend(fontsize="small", ncols=len(weights), loc="upper center")
    overall = "; ".join(f"{modality} {weight.mean():.2f}" for modality, weight in weights.items())
    return Picture(figure, f"Attention weights by emotion, {title}. Means over clips: {overall}.")
