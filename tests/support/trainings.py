"""Small trainings from features to results: their corpus and grid, and how two are compared."""

import csv
import json
import socket

import jax
import numpy as np
import sklearn.metrics as sk

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data import synthetic
from mer_jax.training.checkpoint import Checkpoints
from tests.support.configs import changed
from tests.support.event_files import runs_in, scalars_of

COUNTS = {"train": 60, "mer_multi": 12, "mer_noise": 11, "mer_semi": 10}
SPLITS = ("mer_multi", "mer_noise", "mer_semi")
GRID = {
    "model__hidden": (8, 6),
    "train__learning_rate": (1e-2, 1e-3),
    "train__epochs": 4,
    "train__steps": 0,
    "train__segment": 2,
    "train__chunk": 5,
    "folds": 3,
    "repeats": 2,
    "report": False,  # tests/reporting has trainings that draw theirs
}


def config_of(root, tfds_dir, **changes):
    """The small grid on a folder; dots in keys are written as __."""
    sets = {f"features__{m}": synthetic.feature_set(m) for m in ("audio", "text", "video")}
    where = {"data__root": str(root), "data__tfds_dir": str(tfds_dir)}
    return config_lib.check(changed(**{**where, **sets, **GRID, **changes}))


def flags_of(config):
    """The command line that gives `config`."""
    base = config_lib.flatten(config_lib.check(config_lib.load_base()))
    return [
        f"--config.{key}={value}"
        for key, value in config_lib.flatten(config).items()
        if value != base[key]
    ]


def of_two(workdir, config):
    """The command lines of two processes that train in one workdir."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"--coordinator=127.0.0.1:{free.getsockname()[1]}"
    arguments = [f"--config={config_lib.CONFIGS / 'base.py'}", f"--workdir={workdir}"]
    arguments += [*flags_of(config), coordinator, "--process_count=2"]
    return [(*arguments, f"--process_index={i}") for i in range(2)]


def results_of(workdir):
    return json.loads((workdir / "results.json").read_text())


def rows_of(path):
    with path.open() as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def true_labels(root):
    """`{split: {name: {"emo", "val"}}}`, read by NumPy: the test wrote this file itself."""
    with np.load(root / "label-6way.npz", allow_pickle=True) as archive:
        return {split: archive[key].item() for key, split in MER2023.corpora.items()}


def scores_of(rows, labels):
    """Scikit-learn's scores of a predictions file."""
    names = sorted(labels)
    true, guess = [labels[n]["emo"] for n in names], [rows[n]["discrete"] for n in names]
    found = {"dis": sk.f1_score(true, guess, average="weighted", zero_division=0)}
    if all(labels[n]["val"] != -10 for n in names):
        found["dim"] = sk.mean_squared_error(
            [labels[n]["val"] for n in names], [float(rows[n]["valence"]) for n in names]
        )
        found["com"] = found["dis"] - 0.25 * found["dim"]
    return found


def assert_same_files(workdir, other):
    """Equal results, predictions and TensorBoard's values, and equal bits in the kept weights."""
    for name in ("results.json", *(f"predictions/{split}.csv" for split in SPLITS)):
        assert (workdir / name).read_bytes() == (other / name).read_bytes(), name
    assert event_values(workdir) == event_values(other)  # their times differ
    assert_same_weights(workdir, other)


def event_values(workdir):
    folder = workdir / "tensorboard"
    return {run: scalars_of(folder / run) for run in runs_in(folder)}


def assert_same_weights(workdir, other):
    a, b = Checkpoints(workdir).restore_kept(), Checkpoints(other).restore_kept()
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


class Killed(BaseException):
    """Stands for a kill: nothing handles it."""


def killing(function, when):
    """`function`, after which the process is killed when its arguments say so."""

    def call(*arguments, **keywords):
        function(*arguments, **keywords)
        if when(*arguments):
            raise Killed

    return call
