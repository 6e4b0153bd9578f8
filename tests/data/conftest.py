"""Where a test's folder and its datasets lie, and what the package logs."""

import logging

import pytest


@pytest.fixture
def root(tmp_path):
    return tmp_path / "user"


@pytest.fixture
def tfds_dir(tmp_path):
    return tmp_path / "tfds"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    return caplog
