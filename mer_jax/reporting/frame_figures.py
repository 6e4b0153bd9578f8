"""The attention of fusions over time: a few clips' weights, frame by frame."""

import numpy as np
from matplotlib import ticker

from mer_jax import colours
from mer_jax.evaluation.predicted import Predicted
from mer_jax.reporting.drawing import Drawn, Picture, of_splits
from mer_jax.reporting.run import Run
from mer_jax.task import Task

CLIPS = 4  # of a split: its longest
_SIZE = (4.8, 5.6)  # inches


def over_time(run: Run) -> dict[str, Picture]:
    """`time_SPLIT`: the weights of the frames of a few clips, where a fusion has such."""

    def weighs(predicted: Predicted) -> bool:
        return bool(predicted.predictions.frame_attention) and len(predicted.names) > 0

    return of_splits(run, "time", weighs, _over_time)


def lengths(weights: dict[str, np.ndarray]) -> np.ndarray:
    """The frames of each clip: up to the last one that any modality weighs, since padding is 0."""
    seen = [(w != 0) * np.arange(1, w.shape[1] + 1)[None] for w in weights.values()]
    return np.max([each.max(1) for each in seen], axis=0)


def _over_time(_: Task, predicted: Predicted, title: str) -> Picture:
    weights = predicted.predictions.frame_attention
    length = lengths(weights)
    shown = np.lexsort((predicted.names, -length))[:CLIPS]
    figure = Drawn(figsize=_SIZE)
    figure.suptitle(title, fontsize=10)
    figure.subplots_adjust(left=0.16, right=0.97, bottom=0.1, top=0.9, hspace=0.9)
    peaks = []
    for place, row in enumerate(shown, 1):
        axes = figure.add_subplot(len(shown), 1, place)
        for (modality, weight), colour in zip(weights.items(), colours.PALETTE, strict=False):
            own = weight[row, : length[row]]
            axes.plot(np.arange(len(own)), own, ".-", color=colour, label=modality)
            if own.any():
                peaks.append(f"{predicted.names[row]}, {modality}: frame {own.argmax()}")
        axes.set_title(str(predicted.names[row]), fontsize=8)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.tick_params(labelsize=7)
        if place == 1:
            axes.legend(fontsize="x-small", ncols=len(weights), loc="upper right")
    axes.set_xlabel("frame")
    figure.text(0.03, 0.5, "attention weight", rotation=90, va="center")
    alt = (
        f"Attention weights over time of the {len(shown)} longest clips of {title}. The largest "
        f"are at: {'; '.join(peaks)}."
    )
    return Picture(figure, alt)
