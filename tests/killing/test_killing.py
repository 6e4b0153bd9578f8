"""Real trainings killed at random moments: what they leave in the end is the undisturbed run's.

Two kills of a supervised training here; `make kill` asks for more, of both kinds, and aims them at
every phase of a training in turn.
"""

import functools
import os
import pathlib
import shutil
import subprocess
import threading
import time
from collections import Counter

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.data import synthetic
from tests.support.trainings import COUNTS, assert_same_files, config_of, flags_of

KILLS = int(os.environ.get("MER_JAX_KILLS", "2"))
SEED = int(os.environ.get("MER_JAX_KILL_SEED", "0"))
OFTEN = {  # as many moments as there can be between which a kill may fall
    "model__hidden": 8,
    "train__epochs": 12,
    "train__segment": 1,
    "train__checkpoint_seconds": 0,
}
KINDS = {
    "supervised": {},
    "semi-supervised": {
        "semi__method": "pseudo_label",
        "train__steps": 0,
        "data__labelled_fraction": 0.5,
        "semi__mu": 2,
        "semi__warmup": 2,
    },
}
THOROUGH = "MER_JAX_KILLS" in os.environ
TOLD = KINDS if THOROUGH else ("supervised",)
POLL_SECONDS = 0.0005
PATIENCE_SECONDS = 1200  # for a training that nobody disturbs, and for a phase to come


class Place:
    """Where a training's files lie, and what they and its log tell of how far it is."""

    def __init__(self, workdir: pathlib.Path, tfds_dir: pathlib.Path):
        self.workdir, self.tfds_dir = workdir, tfds_dir
        self.log = []

    def builds(self) -> bool:
        """A dataset is being written."""
        return any(self.tfds_dir.glob("mer2023/*/.building-*"))

    def compiles(self) -> bool:
        """The log tells of the grid, and no epoch is behind it."""
        return any(" chunks" in line for line in self.log) and not self.trains()

    def trains(self) -> bool:
        """An epoch is behind it."""
        return any(self.workdir.glob("checkpoints/resume/*.msgpack"))

    def saves(self) -> bool:
        """A chunk's progress, or what a finished one leaves, lies beside its place."""
        return any(self.workdir.glob("checkpoints/*/.*.msgpack-*"))

    def keeps(self) -> bool:
        """The kept weights are being written."""
        return any(self.workdir.glob("checkpoints/.keeping-*"))

    def concludes(self) -> bool:
        """The kept weights are there, the results are not."""
        return (self.workdir / "checkpoints" / "kept").is_dir() and not (
            self.workdir / "results.json"
        ).exists()


# A kill falls at a random moment after a phase has been seen to begin; its seconds at most.
PHASES = {
    "building": (Place.builds, 0.2),
    "compiling": (Place.compiles, 2.0),
    "training": (Place.trains, 0.5),
    "saving": (Place.saves, 0.002),
    "keeping": (Place.keeps, 0.1),
    "concluding": (Place.concludes, 0.5),
}


def phase_of(place: Place) -> str:
    """The phase that a kill fell into, by what it left."""
    for name in ("saving", "keeping", "building", "concluding"):
        if PHASES[name][0](place):
            return name
    return "training" if place.trains() else "compiling" if place.compiles() else "starting"


def kill_in(start, place: Place, aim: str, rng: np.random.Generator) -> str | None:
    """Starts a training and kills it in the phase `aim`; gives the phase that it fell into.

    None where the training ended before: it has that phase behind it.
    """
    begun, longest = PHASES[aim]
    place.log = []
    with start() as process:
        reader = threading.Thread(
            target=lambda: place.log.extend(iter(process.stderr.readline, ""))
        )
        reader.start()
        until = time.monotonic() + PATIENCE_SECONDS
        while process.poll() is None and not begun(place):
            assert time.monotonic() < until, f"no {aim} in {PATIENCE_SECONDS} s: {place.log}"
            time.sleep(POLL_SECONDS)
        time.sleep(rng.uniform(0, longest))
        process.kill()
        process.wait()
        reader.join()
        process.stdout.read()
    if process.returncode == 0:
        return None
    assert process.returncode == -9, place.log
    return phase_of(place)


def finish_among_kills(start, rng, longest):
    """Starts a training until it ends, and kills it at random moments; gives how often."""
    kills = 0
    while True:
        with start() as process:
            patience = rng.uniform(0, longest) if kills < KILLS else PATIENCE_SECONDS
            try:
                _, log = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                assert kills < KILLS, "a training that nobody disturbs must end"
                kills += 1
                continue
        assert process.returncode == 0, log
        return kills


def finish(process: subprocess.Popen) -> None:
    """Waits for a training that nobody disturbs."""
    with process:
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, log


@pytest.fixture
def trainings(tmp_path, start_command_line):
    """A function that starts a training by its name, after an undisturbed one called `whole`."""
    root = tmp_path / "corpus"
    synthetic.ensure(root, seed=1, pool=4, counts=COUNTS)

    def prepare(kind):
        def arguments(name):
            config = config_of(root, tmp_path / f"tfds_{name}", **OFTEN, **KINDS[kind])
            base = f"--config={config_lib.CONFIGS / 'base.py'}"
            return [base, f"--workdir={tmp_path / name}", *flags_of(config)]

        longest = 0.0
        for name in ("warm", "whole"):  # the first compiles: `longest` is what a restart takes
            begun = time.monotonic()
            finish(start_command_line(*arguments(name)))
            longest = time.monotonic() - begun
        return lambda name, **more: start_command_line(*arguments(name), **more), longest

    return prepare


@pytest.mark.parametrize("kind", TOLD)
def test_a_killed_training_ends_with_the_undisturbed_ones_bits(tmp_path, trainings, kind):
    start, longest = trainings(kind)
    rng = np.random.default_rng(SEED)
    kills = finish_among_kills(lambda: start("killed"), rng, longest)
    assert kills, "no moment fell into the training: use another MER_JAX_KILL_SEED"
    assert_same_files(tmp_path / "whole", tmp_path / "killed")
    print(f"{kind}: {kills} kills, {longest:.1f} s undisturbed")


if THOROUGH:

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_phase_of_a_training_minds_a_kill(tmp_path, trainings, kind):
        """Each phase in turn, in one training after another until there were enough kills."""
        start_any, _ = trainings(kind)
        # A folder of its own for compiled programs: a kill may fall into writing there.
        own = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")}
        start = functools.partial(start_any, "killed", environment=own)
        place = Place(tmp_path / "killed", tmp_path / "tfds_killed")
        rng = np.random.default_rng(SEED)
        fell, finished = Counter(), 0
        while fell.total() < KILLS:
            for aim in PHASES:
                phase = kill_in(start, place, aim, rng)
                if phase is None:
                    break
                fell[phase] += 1
                print(f"{kind}: aimed at {aim}, killed while {phase}", flush=True)
            finish(start())
            assert_same_files(tmp_path / "whole", tmp_path / "killed")
            left = [
                path for folder in (place.workdir, place.tfds_dir) for path in folder.rglob(".*")
            ]
            assert [path for path in left if path.name != ".lock"] == []
            finished += 1
            for folder in (place.workdir, place.tfds_dir):
                shutil.rmtree(folder)
        print(f"{kind}: {fell.total()} kills in {finished} trainings: {dict(fell)}")
        assert set(PHASES) <= fell.keys(), "every phase must have been hit"
