"""One small training that the tests of this folder share."""

import pytest

from mer_jax.data import synthetic
from mer_jax.modes import train
from tests.support.trainings import COUNTS, config_of


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user") / "corpus"
    synthetic.ensure(folder, seed=1, pool=4, counts=COUNTS)
    return folder


@pytest.fixture(scope="session")
def tfds_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def config(root, tfds_dir):
    return config_of(root, tfds_dir)


@pytest.fixture(scope="session")
def trained(config, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("trained") / "run"
    train.train(config, workdir)
    return workdir
