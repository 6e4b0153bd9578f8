"""The submission file: one row a clip, its emotion as a word, its valence as a number."""

import pathlib
from collections.abc import Sequence

from mer_jax import files
from mer_jax.data.labels import CSV_COLUMNS
from mer_jax.data.registry import Task
from mer_jax.evaluation.ensemble import Predictions


def write(path: pathlib.Path, names: Sequence[str], predictions: Predictions, task: Task) -> None:
    """Writes `name,discrete,valence`; a column that the task lacks stays empty.

    `predictions` are of one ensemble: logits [N, C], valence [N]. A valence is written with the
    digits that give back the same float32.
    """
    discrete = valence = [""] * len(names)
    if predictions.emotion is not None:
        discrete = [task.classes[i] for i in predictions.emotion.argmax(-1)]
    if predictions.valence is not None:
        valence = [str(value) for value in predictions.valence]
    files.write_csv(path, CSV_COLUMNS, zip(names, discrete, valence, strict=True))
