"""Real images of few labels: what the pool gives, and that auto uses what helps."""

import json
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mer_jax.corpora import MER2023
from mer_jax.modes import train
from tests.support import user_folder

TRAIN, TEST, OF_EACH = 400, 200, 5


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """Supervised training and a graph on images of 0 to 5 in two halves, five labels of each."""
    folder = tmp_path_factory.mktemp("digits")
    x, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(y < 6))[: TRAIN + TEST]
    names = [f"clip_{number:04d}" for number in range(TRAIN + TEST)]
    for half, columns in (("upper", slice(0, 32)), ("lower", slice(32, 64))):
        images = {n: x[row, columns] for n, row in zip(names, rows, strict=True)}
        user_folder.write_features(folder, half, images)
    emotions = [{"emo": MER2023.task.classes[y[row]], "val": -10} for row in rows]
    labels = dict(zip(names, emotions, strict=True))
    user_folder.write_labels(
        folder,
        {
            "train_corpus": {n: labels[n] for n in names[:TRAIN]},
            "test1_corpus": {n: labels[n] for n in names[TRAIN:]},
        },
    )
    config = user_folder.config(
        folder, folder / "tfds", features__audio="upper", features__video="lower",
        data__labelled_per_class=OF_EACH, semi__method="auto", semi__mu=2, semi__warmup=1, folds=2,
        repeats=2, model__hidden=32, train__learning_rate=3e-3, train__epochs=6, train__steps=240,
        train__tensorboard=False, evaluate__bootstrap=0,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        # Each method compiles a program. The module is behind the function of its name.
        patch.setattr(sys.modules["mer_jax.config.trials"], "TRIED", ("", "graph"))
        train.train(config, folder / "work")
    return folder / "work"


def test_a_method_that_helps_is_used(workdir):
    results = json.loads((workdir / "results.json").read_text())
    by_method = {of["method"]: of for of in results["methods"]}
    assert list(by_method) == ["supervised", "graph"]
    assert [of["used"] for of in by_method.values()] == [False, True]
    assert results["best"]["semi.method"] == "graph"
    graph = by_method["graph"]
    assert graph["difference"] == pytest.approx(graph["score"] - by_method["supervised"]["score"])
    assert results["test"]["mer_multi"]["dis"]["mean"] > 0.9
