"""One small training with its report, shared by the tests of this folder."""

import pytest

from mer_jax import config as config_lib
from mer_jax.data import synthetic
from mer_jax.modes import train
from tests.configs import changed

COUNTS = {"train": 60, "mer_multi": 12, "mer_noise": 11, "mer_semi": 10}
SETTINGS = {
    "model__hidden": 6,
    "train__learning_rate": (1e-2, 1e-3),
    "train__epochs": 4,
    "train__chunk": 6,  # one program
    "folds": 3,
    "repeats": 1,
    "evaluate__bootstrap": 20,
}


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """A checked config over a small synthetic corpus."""
    folder = tmp_path_factory.mktemp("reporting")
    synthetic.ensure(folder / "corpus", seed=1, pool=4, counts=COUNTS)
    sets = {f"features__{m}": synthetic.feature_set(m) for m in ("audio", "text", "video")}
    where = {"data__root": str(folder / "corpus"), "data__tfds_dir": str(folder / "tfds")}
    return config_lib.check(changed(**where, **sets, **SETTINGS))


@pytest.fixture(scope="session")
def reported(config, tmp_path_factory):
    """The workdir of a training that ended in its report."""
    workdir = tmp_path_factory.mktemp("reported") / "run"
    train.train(config, workdir)
    return workdir
