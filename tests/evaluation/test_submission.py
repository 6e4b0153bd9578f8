"""The submission file holds what was predicted, to the bit."""

import csv

import numpy as np

from mer_jax.corpora import MELD, MER2023
from mer_jax.data import label_csv
from mer_jax.evaluation import submission
from mer_jax.evaluation.ensemble import Predictions


def test_rows_are_names_words_and_numbers(tmp_path):
    logits = np.eye(6, dtype=np.float32)[[5, 1]]
    valence = np.array([-1.25, 0.1], np.float32)
    path = tmp_path / "deep" / "mer_multi.csv"
    submission.write(path, ["b", "a,c"], Predictions(logits, valence), MER2023.task)
    assert path.read_text() == 'name,discrete,valence\nb,surprise,-1.25\n"a,c",angry,0.1\n'
    assert [p.name for p in path.parent.iterdir()] == ["mer_multi.csv"]


def test_probabilities_stand_under_the_names_of_the_classes(tmp_path):
    logits = np.log(np.array([[1, 2, 1, 4, 0.5, 1.5], [9, 1, 1, 1, 1, 3]], np.float32))
    predictions = Predictions(logits, np.array([0.5, -0.5], np.float32))
    path = tmp_path / "a.csv"
    submission.write(path, ["b", "a"], predictions, MER2023.task, with_probabilities=True)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", "discrete", "valence", *MER2023.task.classes]
    assert [(row["name"], row["discrete"]) for row in rows] == [("b", "sad"), ("a", "neutral")]
    found = [[float(row[name]) for name in MER2023.task.classes] for row in rows]
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.1, 0.4, 0.05, 0.15],
                                       [9 / 16, 1 / 16, 1 / 16, 1 / 16, 1 / 16, 3 / 16]],
                               rtol=1e-6)  # fmt: skip
    read = submission.read(path, ["a", "b"], MER2023.task)
    np.testing.assert_array_equal(read.emotion.argmax(1), [0, 3])
    np.testing.assert_array_equal(read.valence, predictions.valence[::-1])


def test_valences_read_back_as_the_same_float32(tmp_path):
    valence = np.random.default_rng(0).normal(size=200).astype(np.float32)
    names = [f"clip_{i}" for i in range(200)]
    path = tmp_path / "a.csv"
    submission.write(path, names, Predictions(np.zeros((200, 6)), valence), MER2023.task)
    rows = label_csv.read(path)
    np.testing.assert_array_equal(np.array([float(rows[n][1]) for n in names], np.float32), valence)


def test_a_column_that_the_task_lacks_is_empty(tmp_path):
    path = tmp_path / "a.csv"
    submission.write(path, ["x"], Predictions(np.eye(7)[[0]], None), MELD.task)
    assert path.read_text() == "name,discrete,valence\nx,anger,\n"
