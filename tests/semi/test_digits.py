"""Real images, five of each class labelled: what a pool gives, beside scikit-learn's own way."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.semi_supervised import LabelSpreading

from mer_jax import config as config_lib
from mer_jax.data import folds as folds_lib
from mer_jax.data.arrays import Labels
from mer_jax.task import Task
from mer_jax.training import batch as batch_lib
from mer_jax.training import division, forward, grid, plan, program
from mer_jax.training.feed import Feed
from mer_jax.training.state import Given, Samples
from tests.support.runs import config_of

DIGITS, TRAIN_IMAGES, OF_EACH = 6, 700, 5
TASK = Task(tuple("012345"))
NAMES = np.array([f"image_{i:03d}" for i in range(TRAIN_IMAGES)])
SMALL = {
    "semi__method": "auto", "data__labelled_per_class": OF_EACH, "model__hidden": 32,
    "train__learning_rate": 3e-3, "train__batch_size": 32, "train__epochs": 5,
    "train__steps": 300, "folds": 3, "repeats": 1, "semi__mu": 4, "semi__warmup": 2,
    "seed": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def images():
    """Upper and lower halves of 0 to 5, in random order, and which digit each is."""
    x, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(y < DIGITS))
    x = x[rows].astype(np.float32)
    return {"audio": x[:, :32], "video": x[:, 32:]}, y[rows].astype(np.int32)


@pytest.fixture(scope="module")
def auto(images):
    """The plan of a grid with auto over the first images."""
    features, digit = images
    first, unknown = slice(TRAIN_IMAGES), np.zeros(TRAIN_IMAGES, bool)
    labels = Labels(digit[first], ~unknown, unknown.astype(np.float32), unknown)
    samples = Samples({m: x[first] for m, x in features.items()}, labels)
    config = config_of(**SMALL)
    samples = samples._replace(pool=division.find_pool(config, samples, None))
    folds = division.make_folds(config, samples, NAMES, None)
    return plan.Plan(config, config_lib.trials(config), samples, folds)


def f1_of(auto, images, method):
    """Weighted F1 of the images that no run saw, by the mean of a method's folds."""
    features, digit = images
    trials = [t for t in auto.trials if t.get("semi.method", "") == method]
    own = auto._replace(trials=trials)
    ((static, runs),) = plan.group(own.config, trials, ("audio", "video"), TASK).items()
    feed, chunk = Feed(own), plan.Chunk(static, tuple(runs), len(runs))
    advance, state = grid.start(own, feed, chunk)
    best = advance(state, 0, own.config.train.epochs).best.params
    tests = batch_lib.of_features({m: jnp.asarray(x[TRAIN_IMAGES:]) for m, x in features.items()})
    given = Given(static, program.hparams_of(trials[0]), own.folds[0, 0], feed.resident)
    predict = jax.jit(jax.vmap(functools.partial(forward.evaluate, given), (0, None, None)))
    predicted = np.asarray(predict(best, {}, tests).emotion).mean(0).argmax(-1)
    return f1_score(digit[TRAIN_IMAGES:], predicted, average="weighted")


def f1_of_spreading(auto, images):
    """The same of scikit-learn's LabelSpreading, which knows the labels of all folds."""
    features, digit = images
    x = np.concatenate(list(features.values()), 1)
    first = digit[:TRAIN_IMAGES]
    keep = folds_lib.labelled_of_each(NAMES, first, OF_EACH, auto.config.seed, 0)
    model = LabelSpreading(kernel="knn", alpha=0.2, n_neighbors=7, max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x[:TRAIN_IMAGES], np.where(keep, first, -1))
    return f1_score(digit[TRAIN_IMAGES:], model.predict(x[TRAIN_IMAGES:]), average="weighted")


def test_a_pool_of_images_helps_as_label_spreading_does(auto, images):
    supervised, graph = (f1_of(auto, images, method) for method in ("", "graph"))
    spreading = f1_of_spreading(auto, images)
    assert graph > supervised + 0.03
    assert graph > spreading - 0.03
