"""The curves of a workdir: history.csv and the pool's figure."""

import csv

import numpy as np

from mer_jax.data.registry import Task
from mer_jax.evaluation import history
from mer_jax.training import unlabelled

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
        unlabelled.SHARE: np.array([[0.0, 0.1], [0.2, 0.3]], np.float32),
        unlabelled.ACCURACY: np.full((2, 2), np.nan, np.float32),
        unlabelled.BALANCE: by_class,
        unlabelled.THRESHOLD: by_class,
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


def test_the_pool_is_drawn_where_there_is_one(tmp_path):
    history.draw_pool(tmp_path / "figures" / "pool.png", kept_of(), TASK)
    assert list(tmp_path.iterdir()) == []
    history.draw_pool(tmp_path / "figures" / "pool.png", kept_of(**pool_curves()), TASK)
    assert (tmp_path / "figures" / "pool.png").read_bytes().startswith(b"\x89PNG")


def test_a_curve_is_the_mean_over_the_runs_that_have_a_number():
    values = np.array([[1.0, np.nan, np.inf], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(history.mean(values), [2, 5, np.nan])
