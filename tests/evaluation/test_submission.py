"""The submission file holds what was predicted, to the bit."""

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
