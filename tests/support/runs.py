"""Small random samples, folds and configs for tests that train."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Labels
from mer_jax.training import division, loop
from mer_jax.training.program import HParams, Static
from mer_jax.training.state import Samples, run_key
from tests.support.configs import changed

SIZES = {"audio": 6, "video": 4}


def samples_of(count=37, sizes=None, seed=0, task=MER2023.task):
    """Learnable samples: the features hold the labels, with noise."""
    rng = np.random.default_rng(seed)
    emotion = rng.integers(0, len(task.classes), count).astype(np.int32)
    valence = rng.normal(size=count).astype(np.float32)
    points = rng.normal(size=(len(task.classes), 16))
    features = {}
    for modality, size in (sizes or SIZES).items():
        x = points[emotion][:, :size] + 0.5 * valence[:, None] + rng.normal(size=(count, size))
        features[modality] = x.astype(np.float32)
    labels = Labels(emotion, rng.random(count) < 0.9, valence, rng.random(count) < 0.9)
    return Samples(features, labels)


def static_of(fusion="attention", epochs=4, batch_size=8, hidden=8, sizes=None, task=MER2023.task):
    """A Static with the settings that the fusion takes."""
    settings = {"attention_release": {"layers": (8, 6)}}.get(fusion, {"hidden": hidden})
    modalities = tuple(sizes or SIZES)
    return Static(fusion, tuple(settings.items()), modalities, task, epochs, batch_size)


def config_of(**changes):
    """Checked defaults with small numbers; dots in keys are written as __."""
    small = {
        "train__steps": 0,
        "train__epochs": 4,
        "train__batch_size": 8,
        "train__segment": 2,
        "folds": 3,
    }
    return config_lib.check(changed(**{**small, "repeats": 2, **changes}))


def folds_of(samples, **changes):
    """The folds of `samples` under `config_of(**changes)`."""
    names = np.array([f"clip_{i:03d}" for i in range(len(samples.labels.emotion))])
    return division.make_folds(config_of(**changes), samples, names, None)


compiled = functools.cache(loop.make_train)  # tests with one Static share its program


class Group:
    """Runs of one program: `(repeat, fold, learning rate)` each."""

    def __init__(self, runs, static=None, samples=None, model=None, weight_decay=1e-5, **changes):
        self.static = static or static_of()
        samples = samples or samples_of()
        folds = folds_of(samples, **changes)
        stack = lambda trees: jax.tree.map(lambda *x: jnp.stack(x), *trees)  # noqa: E731
        self.folds = stack([folds[repeat, fold] for repeat, fold, _ in runs])
        self.hparams = stack(
            [
                HParams(
                    {"learning_rate": jnp.float32(rate), "weight_decay": jnp.float32(weight_decay)},
                    {n: jnp.float32(x) for n, x in (model or {"dropout": 0.3}).items()},
                )
                for _, _, rate in runs
            ]
        )
        self.samples = jax.device_put(samples)
        self.train = compiled(self.static, False)
        keys = jnp.stack([run_key(0, repeat, fold) for repeat, fold, _ in runs])
        self.state = self.train.init(self.hparams, self.folds, self.samples, keys)

    def advance(self, start, stop):
        """Trains epochs start..stop-1 and gives the state."""
        self.state = self.train.advance(
            self.hparams, self.folds, self.samples, self.state, jnp.int32(start), jnp.int32(stop)
        )
        return self.state


def assert_same_bits(a, b):
    """Equal leaves, NaN equal to NaN, keys by their data."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for path, leaf in jax.tree.leaves_with_path(a):
        other = dict(jax.tree.leaves_with_path(b))[path]
        if jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key):
            leaf, other = jax.random.key_data(leaf), jax.random.key_data(other)  # noqa: PLW2901
        np.testing.assert_array_equal(leaf, other, err_msg=str(path))
