"""The numbers of a report: constant prediction, scores by class, calibration, mistakes. NumPy."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.evaluation import calibration, ensemble
from mer_jax.evaluation.calibration import Reliability
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.predicted import Predicted
from mer_jax.task import Task


class Constant(NamedTuple):
    """The prediction that uses the labels of train alone and looks at no clip: the baseline."""

    emotion: int | None  # the most frequent class; None: the task has none
    numbers: tuple[float, ...]  # the mean of the valence, or of each target; empty: none


def constant(task: Task, labels: Labels) -> Constant:
    """The constant prediction that the labels of train give; the first of equal classes."""
    emotion, numbers = None, []
    if task.classes:
        known = labels.emotion[labels.emotion_mask]
        emotion = int(np.bincount(known, minlength=len(task.classes)).argmax())
    for number, _ in enumerate(task.numbers):
        of = labels.of_target(number) if task.targets else labels
        numbers.append(float(of.valence[of.valence_mask].mean(dtype=np.float64)))
    return Constant(emotion, tuple(numbers))


def constant_scores(
    task: Task, of: Constant, splits: Mapping[str, Labels]
) -> dict[str, dict[str, float | None]]:
    """Every metric of the task by split, where each clip is predicted as `of`."""
    longest = max(len(labels.emotion) for labels in splits.values())
    # Padded alike they are scored by one compiled program; a mask of 0 counts for nothing.
    padded = {
        split: Labels(*(_padded(column, longest) for column in labels))
        for split, labels in splits.items()
    }
    logits = valence = None
    if of.emotion is not None:
        one_hot = np.eye(len(task.classes), dtype=np.float32)[of.emotion]
        logits = np.tile(one_hot, (longest, 1))
    if of.numbers:
        valence = np.tile(np.array(of.numbers, np.float32), (longest, 1))
        valence = valence if task.targets else valence[:, 0]
    predictions = Predictions(logits, valence)
    scores = {split: ensemble.score(task, predictions, labels) for split, labels in padded.items()}
    for by_metric in scores.values():
        for name in by_metric:
            if name.partition("_")[0] == "corr":
                by_metric[name] = None  # undefined for a constant; rounding makes a number of it
    return scores


def _padded(column: np.ndarray, longest: int) -> np.ndarray:
    return np.pad(column, [(0, longest - len(column)), *[(0, 0)] * (column.ndim - 1)])


def confusion(predicted: Predicted) -> np.ndarray:
    """How many clips of each true class (row) are predicted as each class: int [C, C]."""
    of = predicted.with_emotion()
    classes = of.predictions.emotion.shape[-1]
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (of.labels.emotion, of.predictions.emotion.argmax(-1)), 1)
    return counts


class ByClass(NamedTuple):
    """Scores of each class, 0 where they are undefined: float64 [C]."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray  # int [C], clips of the class


def by_class(confusion_CxC: np.ndarray) -> ByClass:
    """Precision, recall and F1 (Eq. 9) of a confusion matrix."""
    right, true, guessed = np.diag(confusion_CxC), confusion_CxC.sum(1), confusion_CxC.sum(0)
    return ByClass(
        precision=right / np.maximum(guessed, 1),
        recall=right / np.maximum(true, 1),
        f1=2 * right / np.maximum(true + guessed, 1),
        support=true,
    )


def reliability(predicted: Predicted, bins: int = calibration.BINS) -> Reliability:
    """The accuracy of the clips by their confidence, the largest probability."""
    of = predicted.with_emotion()
    return calibration.reliability(of.probability, of.labels.emotion, bins)


class Mistake(NamedTuple):
    """A clip that is predicted wrongly."""

    name: str
    true: int
    predicted: int
    confidence: float


def confident_mistakes(predicted: Predicted, most: int) -> list[Mistake]:
    """The wrong predictions of largest probability, largest first; equal ones by name."""
    of = predicted.with_emotion()
    probability = of.probability
    guess, confidence = probability.argmax(-1), probability.max(-1)
    wrong = np.flatnonzero(guess != of.labels.emotion)
    order = wrong[np.lexsort((of.names[wrong], -confidence[wrong]))][:most]
    return [
        Mistake(str(of.names[i]), int(of.labels.emotion[i]), int(guess[i]), float(confidence[i]))
        for i in order
    ]
