"""The curves of a workdir: history.csv."""

import csv

import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.evaluation import history
from mer_jax.semi import log
from mer_jax.task import Task

TASK = Task(classes=("calm", "tense"), valence_range=None)


def kept_of(**more):
    return {
        "repeat": np.array([0, 1]),
        "fold": np.array([3, 4]),
        "history": {"loss": np.array([[0.5, 0.25], [1.0, np.nan]], np.float32), **more},
    }


def pool_curves():
    by_class = np.array([[[0.25, 0.75], [0.5, 0.5]], [[1.0, 0.0], [0.0, np.inf]]], np.float32)
    return {
        log.SHARE: np.array([[0.0, 0.1], [0.2, 0.3]], np.float32),
        log.ACCURACY: np.full((2, 2), np.nan, np.float32),
        log.BALANCE: by_class,
        log.THRESHOLD: by_class,
    }


def test_every_epoch_of_every_run_is_a_row(tmp_path):
    history.write(tmp_path / "history.csv", kept_of(threshold=pool_curves()["threshold"]), TASK)
    rows = list(csv.reader((tmp_path / "history.csv").read_text().splitlines()))
    assert rows == [
        ["repeat", "fold", "epoch", "loss", "threshold_calm", "threshold_tense"],
        ["0", "3", "0", "0.5", "0.25", "0.75"],
        ["0", "3", "1", "0.25", "0.5", "0.5"],
        ["1", "4", "0", "1.0", "1.0", "0.0"],
        ["1", "4", "1", "", "0.0", ""],
    ]


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "history.csv"
    history.write(path, kept_of(threshold=pool_curves()["threshold"]), TASK)
    found = history.read(path)
    assert list(found) == ["repeat", "fold", "epoch", "loss", "threshold_calm", "threshold_tense"]
    np.testing.assert_array_equal(found["fold"], [3, 3, 4, 4])
    assert found["epoch"].dtype == np.int64
    np.testing.assert_array_equal(found["loss"], [0.5, 0.25, 1.0, np.nan])
    np.testing.assert_array_equal(found["threshold_tense"], [0.75, 0.5, 0.0, np.nan])


@pytest.mark.parametrize("text", ["", "repeat,fold,epoch\n0,0\n", "repeat\n0\n", "loss\nlow\n"])
def test_a_damaged_history_is_refused(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=r"history\.csv: damaged"):
        history.read(tmp_path / "history.csv")
    with pytest.raises(InputError, match="no such file"):
        history.read(tmp_path / "absent.csv")


def test_a_curve_is_the_mean_over_the_runs_that_have_a_number():
    values = np.array([[1.0, np.nan, np.inf], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(history.mean(values), [2, 5, np.nan])
