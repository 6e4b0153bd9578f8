"""A full disk and a lost permission: one sentence, nothing lost, and the next start goes on.

Real trainings as processes. `make disks` tries every case, on a mounted disk and under a limit.
"""

import os
import shutil

import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data import dataset, stored
from mer_jax.modes import train
from mer_jax.training.checkpoint import Checkpoints
from tests.support import limits, user_folder
from tests.support.trainings import Killed, assert_same_files, flags_of, killing

THOROUGH = "MER_JAX_DISKS" in os.environ
KINDS = (limits.Mounted.kind, limits.Limited.kind) if THOROUGH else (limits.Mounted.kind,)
SPACE = ("No space left on device: free some", "File too large: raise the limit")
PERMISSION = "Permission denied: give this user read and write permission"
SMALL = {
    "model__hidden": 2,
    "train__learning_rate": (1e-3, 1e-2),
    "train__epochs": 3,
    "train__segment": 1,
    "train__checkpoint_seconds": 0,
    "folds": 2,
    "repeats": 2,
    "evaluate__bootstrap": 0,
    "train__tensorboard": False,  # no more on the disk than what the cases are about
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    user_folder.write_mer2023(folder / "user")
    return folder


@pytest.fixture(scope="module")
def config(place):
    return user_folder.config(place / "user", place / "tfds", **SMALL)


@pytest.fixture(scope="module")
def whole(place, config):
    """The workdir of an undisturbed training."""
    train.train(config, place / "whole")
    return place / "whole"


@pytest.fixture(scope="module")
def cut_off(place, config, whole):
    """Workdirs of trainings that were killed, by the call that they ended in."""
    moments = {"progress": "save_progress", "chunk": "save_chunk"}
    for name, call in moments.items():
        with pytest.MonkeyPatch.context() as patch:
            cut = killing(getattr(Checkpoints, call), lambda *_: True)
            patch.setattr(Checkpoints, call, cut)
            with pytest.raises(Killed):
                train.train(config, place / name)
    return {name: place / name for name in moments}


@pytest.fixture
def arguments(config):
    base = f"--config={config_lib.CONFIGS / 'base.py'}"
    # --quiet: how many lines tell of the progress depends on the machine's speed.
    settings = ["--quiet", *flags_of(config)]
    return lambda workdir, *more: [base, f"--workdir={workdir}", *settings, *more]


def assert_refused(done, path, why):
    """Status 2 and one sentence: a path from `path` on, what to do."""
    assert done.returncode == 2, done.stderr
    (told,) = done.stderr.splitlines()
    assert told.startswith(f"mer_jax: {path}")
    assert any(f": {reason}" in told for reason in why), told
    assert done.stdout == ""


def contents(folder):
    """Every file's content; the lock is nobody's."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


# What the disk is full at: the workdir that is continued, the file that does not fit, and for what
# there is room, from the files of the whole run.
CASES = {
    "progress": ("progress", "checkpoints/resume/0000.msgpack", ()),
    "kept": ("chunk", "checkpoints/kept", ()),
    "results": ("chunk", "results.json", ("checkpoints/kept", "history.csv")),
}


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        (kind, moment)
        for kind in KINDS
        for moment in CASES
        if THOROUGH or moment in ("progress", "kept")
    ],
)
def test_a_full_disk_costs_nothing_that_was_trained(
    tmp_path, config, whole, cut_off, arguments, command_line, kind, moment
):
    begun, file, fitting = CASES[moment]
    (tmp_path / "disk").mkdir()
    with limits.disk(tmp_path / "disk", kind) as disk:
        print(f"{moment}: {disk.kind}")
        shutil.copytree(cut_off[begun], disk.seen / "run")
        before = contents(disk.seen / "run")
        too_large = (whole if moment == "results" else cut_off[begun]) / file
        largest = too_large.stat().st_size - 1 if too_large.is_file() else 512
        disk.leave(limits.in_pages(*(whole / name for name in fitting)), largest)
        done = command_line(*arguments(disk.folder / "run"), prefix=disk.prefix)
        # What orbax writes differs by some pages, so that room for it alone is more or less.
        exact = moment != "results" or disk.kind == limits.Limited.kind
        assert_refused(done, disk.folder / "run" / (file if exact else ""), SPACE)
        left = contents(disk.seen / "run")
        assert {path: left.get(path) for path in before} == before
        assert "results.json" not in {path.name for path in left}
        assert not [path for path in left if path.name.startswith(".")], "nothing is half-written"
        shutil.copytree(disk.seen / "run", tmp_path / "roomy")
    assert_same_files(whole, continued(config, tmp_path / "roomy", begun))


def continued(config, workdir, begun):
    """Goes on in this process, for which there is room; it must not begin at the start."""
    with pytest.MonkeyPatch.context() as patch:
        restored = []
        restore = Checkpoints.restore_progress

        def recorded(*arguments):
            restored.append(restore(*arguments))
            return restored[-1]

        patch.setattr(Checkpoints, "restore_progress", recorded)
        train.train(config, workdir)
    epochs = [None if found is None else found[0] for found in restored]
    assert epochs == ([1] if begun == "progress" else []), "a finished chunk is not trained at all"
    return workdir


@pytest.mark.parametrize("kind", KINDS)
def test_a_dataset_that_does_not_fit_leaves_nothing(tmp_path, place, command_line, arguments, kind):
    (tmp_path / "disk").mkdir()
    with limits.disk(tmp_path / "disk", kind) as disk:
        print(disk.kind)
        disk.leave(8 * limits.PAGE, 512)
        target = dataset.directory(MER2023, disk.folder, user_folder.AUDIO)
        where = f"--config.data.tfds_dir={disk.folder}"
        done = command_line(*arguments(tmp_path / "run", where, "--mode=build"), prefix=disk.prefix)
        assert_refused(done, target, SPACE)
        assert list(disk.seen.iterdir()) == []
        disk.leave(1 << 24, 1 << 24)
        again = dataset.ensure(MER2023, place / "user", disk.seen, user_folder.AUDIO)
        assert stored.is_as_built(again)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def without_permission():
    """Takes the permission to write away from a folder or a file, for the test."""
    taken = []

    def take(path):
        if not path.is_file():
            path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o500)
        taken.append(path)
        return path

    yield take
    for path in taken:
        if path.exists():
            path.chmod(0o700)


def test_a_permission_that_is_lost_costs_nothing_that_was_trained(
    tmp_path, config, whole, cut_off, arguments, command_line, without_permission, compilation_cache
):
    """The folder of compiled programs is lost too, which stops nothing and is said once."""
    workdir = tmp_path / "run"
    shutil.copytree(cut_off["progress"], workdir)
    before = contents(workdir)
    resume = without_permission(workdir / "checkpoints" / "resume")
    cache = without_permission(compilation_cache)
    every = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}  # there is something to write
    done = command_line(*arguments(workdir), prefix=limits.bound_by_modes(), environment=every)
    cache.chmod(0o700)
    said = f"{cache}: compiled programs cannot be kept there: Permission denied\n"
    assert done.stderr.count(said) == 1
    done.stderr = done.stderr.replace(said, "")
    assert_refused(done, resume / "0000.msgpack", [PERMISSION])
    assert contents(workdir) == before
    resume.chmod(0o700)
    assert_same_files(whole, continued(config, workdir, "progress"))


def the_runs(tmp_path, without_permission):
    return without_permission(tmp_path / "runs") / "run", (), tmp_path / "runs" / "run"


def the_datasets(tmp_path, without_permission):
    folder = without_permission(tmp_path / "datasets")
    return tmp_path / "run", (f"--config.data.tfds_dir={folder}",), folder / "mer2023"


def the_labels(tmp_path, without_permission):
    user_folder.write_mer2023(tmp_path / "user")
    labels = without_permission(tmp_path / "user" / user_folder.LABEL_FILE)
    labels.chmod(0)
    where = (f"--config.data.root={tmp_path / 'user'}", f"--config.data.tfds_dir={tmp_path / 't'}")
    return tmp_path / "run", where, labels


TAKEN = (the_runs, the_datasets, the_labels) if THOROUGH else (the_datasets,)


@pytest.mark.parametrize("taken", TAKEN)
def test_nothing_is_begun_without_permission(
    tmp_path, whole, arguments, command_line, without_permission, taken
):
    workdir, more, path = taken(tmp_path, without_permission)
    done = command_line(*arguments(workdir, *more), prefix=limits.bound_by_modes())
    assert_refused(done, path, [PERMISSION])
    assert not workdir.exists()
