"""Files and folders are written beside their place; what killed processes left there goes."""

import errno
import os
import platform
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from mer_jax import files
from mer_jax.corpora import MER2023
from mer_jax.data import dataset, synthetic
from tests.support import user_folder


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


def test_the_next_write_clears_what_killed_ones_left_of_that_file(tmp_path, gone):
    here = platform.node()
    dead, other_name = (tmp_path / f".{name}-{here}@{gone}" for name in ("a.json", "b.json"))
    alive = tmp_path / f".a.json-{here}@1"
    elsewhere = tmp_path / f".a.json-{here}-2@{gone}"  # a host whose name begins with ours
    for path in (dead, other_name, alive, elsewhere):
        path.write_text("half")
    files.write_text(tmp_path / "a.json", "whole")
    assert (tmp_path / "a.json").read_text() == "whole"
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.json", other_name, alive, elsewhere])


class Unwilling:
    """Stands for an open file on a disk that is full: writing and closing fail, without a name."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def writelines(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_write_that_fails_names_its_file_and_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("before")
    monkeypatch.setattr(type(path), "open", Unwilling)
    with pytest.raises(OSError, match="No space left on device") as refusal:
        files.write_text(path, "after")
    monkeypatch.undo()
    assert (refusal.value.errno, refusal.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_raised_of_another_file_stays_as_it_is(tmp_path):
    """A folder is built from files of the user's, of which some cannot be read."""
    theirs = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "theirs.npy"))
    for error in (theirs, RuntimeError(f"{tmp_path}/theirs: Permission denied"), KeyError("a")):
        with (
            pytest.raises(type(error)) as raised,
            files.folder_beside(tmp_path / "target", "building"),
        ):
            raise error
        assert raised.value is error


def test_a_librarys_own_words_for_a_full_disk_are_understood(tmp_path):
    with (
        pytest.raises(OSError, match="Disk quota exceeded") as refusal,
        files.folder_beside(tmp_path / "target", "building") as beside,
    ):
        raise RuntimeError(f"INTERNAL: write() failed: Disk quota exceeded; writing {beside}/a")
    assert refusal.value.errno == errno.EDQUOT
    assert refusal.value.filename == str(tmp_path / "target")


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3).T, np.array(["a", "bcd"]), np.zeros((0, 3), np.float32)]
)
def test_arrays_are_written_as_numpy_writes_them(tmp_path, array):
    files.write_array(tmp_path / "ours.npy", array)
    found = np.load(tmp_path / "ours.npy", allow_pickle=False)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_a_folder_has_a_plain_path_whatever_the_temporary_folder_is_called(tmp_path, monkeypatch):
    folder = tmp_path / "a[1]"
    folder.mkdir()
    (folder / "file").write_text("x")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with files.plain_path(folder) as plain:
        assert not set(str(plain)) & set("[]*?\\")
        assert (plain / "file").read_text() == "x"
    assert [path.name for path in folder.iterdir()] == ["file"]
