"""One small training with its report, shared by the tests of this folder."""

import pytest

from mer_jax.data import synthetic
from mer_jax.modes import train
from tests.support.trainings import COUNTS, config_of


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """A part of the grid of tests.trainings, whose compiled programs it shares."""
    folder = tmp_path_factory.mktemp("reporting")
    synthetic.ensure(folder / "corpus", seed=1, pool=4, counts=COUNTS)
    return config_of(folder / "corpus", folder / "tfds", model__hidden=8, report=True)


@pytest.fixture(scope="session")
def reported(config, tmp_path_factory):
    """The workdir of a training that ended in its report."""
    workdir = tmp_path_factory.mktemp("reported") / "run"
    train.train(config, workdir)
    return workdir
