"""The submission file: one row a clip, its emotion as a word, its valence as a number."""

import math
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from mer_jax import files
from mer_jax.data import label_csv
from mer_jax.errors import InputError, counted, first_few
from mer_jax.evaluation.ensemble import Predictions, probabilities
from mer_jax.task import Task


def write(
    path: pathlib.Path,
    names: Sequence[str],
    predictions: Predictions,
    task: Task,
    with_probabilities: bool = False,
) -> None:
    """Writes `name,discrete,valence`; a column that the task lacks stays empty.

    `predictions` are of one ensemble: logits [N, C], valence [N]. A task with targets has a column
    of each, under its name, in place of the valence. Numbers are written with the digits that give
    back the same float32. With `with_probabilities` a column of each class follows, under its name:
    the softmax of the logits.
    """
    discrete = [""] * len(names)
    numbers: list[Iterable[str]] = [[""] * len(names)]
    if predictions.emotion is not None:
        discrete = [task.classes[i] for i in predictions.emotion.argmax(-1)]
    if predictions.valence is not None:
        values_NxV = predictions.valence.reshape(len(names), -1)
        numbers = [[str(value) for value in of_one] for of_one in values_NxV.T]
    columns: list[Iterable[str]] = [names, discrete, *numbers]
    header = (*label_csv.COLUMNS[:2], *(task.targets or label_csv.COLUMNS[2:]))
    if with_probabilities and predictions.emotion is not None:
        header += task.classes
        columns += [map(str, of_class) for of_class in probabilities(predictions).T]
    files.write_csv(path, header, zip(*columns, strict=True))


def read(path: pathlib.Path, names: Sequence[str], task: Task) -> Predictions:
    """The predictions of `names` in a file that `write` wrote: a class as logits 1 and 0.

    Raises:
      InputError: there is no such file, it has other names, or a cell is not a prediction.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; --mode=evaluate writes a workdir's predictions")
    cells = label_csv.read(path, task.targets)
    different = sorted(set(names) ^ set(cells))
    if different:
        raise InputError(
            f"{path}: {counted(len(different), 'name')} in this file or in the corpus, but not "
            "in both: "
            f"{first_few(different)}; only predictions of the same clips can be compared"
        )
    emotion = valence = None
    if task.classes:
        emotion = np.stack([_one_hot(cells[name][0], f"{path}, {name}", task) for name in names])
    if task.valence_range:
        rows = [
            [
                _number(cell, f"{path}, {name}: {what}")
                for what, cell in zip(task.numbers, cells[name][1:], strict=True)
            ]
            for name in names
        ]
        valence = np.array(rows) if task.targets else np.array(rows)[:, 0]
    return Predictions(emotion, valence)


def _one_hot(word: str, where: str, task: Task) -> np.ndarray:
    if word not in task.classes:
        raise InputError(f"{where}: emotion {word!r} is not one of {', '.join(task.classes)}")
    return np.eye(len(task.classes), dtype=np.float32)[task.classes.index(word)]


def _number(text: str, where: str) -> np.float32:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where} {text!r} is not a finite number")
    return np.float32(value)
