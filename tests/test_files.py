"""Folders are written beside their place; what killed processes left of theirs is cleared away."""

import os
import platform
import subprocess
import sys

import pytest

from mer_jax import files
from mer_jax.data import dataset, synthetic
from mer_jax.data.registry import MER2023
from tests import user_folder


@pytest.fixture(scope="module")
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(process, folder, doing="building", host=None):
    """What a process leaves of its folder."""
    path = folder / f".{doing}-{host or platform.node()}@{process}-abc"
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "file").write_text("half")
    return path


def test_a_folder_beside_is_renamed_into_place_or_goes(tmp_path):
    target = tmp_path / "deep" / "target"
    with files.folder_beside(target, "building") as beside:
        assert beside.parent == target.parent
        assert beside.name.startswith(f".building-{platform.node()}@{os.getpid()}-")
        (beside / "file").write_text("whole")
        beside.rename(target)
    assert (target / "file").read_text() == "whole"
    with pytest.raises(KeyError), files.folder_beside(target, "building"):
        raise KeyError
    assert list(target.parent.iterdir()) == [target]


def test_only_what_dead_processes_left_is_removed(tmp_path, gone):
    dead = left_by(gone, tmp_path)
    stay = [
        left_by(os.getpid(), tmp_path),
        left_by(1, tmp_path),  # runs, and is perhaps another user's
        left_by(gone, tmp_path, host="another"),
        left_by(gone, tmp_path, doing="writing"),
        left_by("x", tmp_path),
        left_by(1 << 70, tmp_path),
    ]
    with files.folder_beside(tmp_path / "target", "building"):
        assert not dead.exists()
    assert sorted(tmp_path.iterdir()) == sorted(stay)


def test_the_next_build_clears_a_killed_ones_folder(tmp_path, gone):
    user_folder.write_mer2023(tmp_path / "user")
    target = dataset.directory(MER2023, tmp_path / "tfds", user_folder.AUDIO)
    dead, alive = left_by(gone, target.parent), left_by(os.getpid(), target.parent)
    dataset.ensure(MER2023, tmp_path / "user", tmp_path / "tfds", user_folder.AUDIO)
    assert not dead.exists()
    assert sorted(target.parent.iterdir()) == sorted([alive, target])


def test_the_next_synthetic_corpus_clears_a_killed_ones_folder(tmp_path, gone):
    dead, alive = left_by(gone, tmp_path, "writing"), left_by(os.getpid(), tmp_path, "writing")
    counts = {"train": 6, "mer_multi": 1, "mer_noise": 1, "mer_semi": 1}
    synthetic.ensure(tmp_path / "corpus", seed=0, pool=0, counts=counts)
    assert not dead.exists()
    assert sorted(tmp_path.iterdir()) == sorted([alive, tmp_path / "corpus"])
