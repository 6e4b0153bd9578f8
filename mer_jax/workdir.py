"""What a workdir holds, read back: its config, its results and the model that it has trained."""

import pathlib
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import files
from mer_jax.corpora import info_of, tasks
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import rows as rows_lib
from mer_jax.data.arrays import Corpus, Split
from mer_jax.data.rows import Rows
from mer_jax.errors import InputError
from mer_jax.evaluation import ensemble
from mer_jax.evaluation import results as results_lib
from mer_jax.progress import Display
from mer_jax.task import VALIDATION, Task
from mer_jax.training import program
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.program import HParams, Static

CONFIG_FILE = "config.json"
RESULTS_FILE = "results.json"
REPORT_FILES = ("report.md", "report.html")  # in the order in which they are written
# What continuing and predicting rely on in config.json.
RECORD = {"config": dict, "chunk": [int], "dataset": {str: str}, "sizes": {str: int}}


class Model(NamedTuple):
    """The kept weights of a workdir and what it takes to predict with them."""

    static: Static
    hparams: HParams
    kept: dict[str, Any]
    sizes: dict[str, int]  # of the features, by modality
    batch_size: int


class Record(NamedTuple):
    """What the files of a finished workdir tell before any weight is read."""

    config: ConfigDict
    sizes: dict[str, int]  # of the features, by modality
    results: dict[str, Any]
    trial: dict[str, Any]  # the best one
    task: Task  # what was trained


def read(workdir: pathlib.Path) -> Record:
    """The record of a workdir; InputError where it is not finished or its files do not agree."""
    for name in (CONFIG_FILE, RESULTS_FILE):
        if not (workdir / name).is_file():
            raise InputError(f"{workdir}: no {name}; train in this workdir first")
    saved = config_lib.check(config_lib.read_saved(workdir / CONFIG_FILE))
    sizes = files.read_json(workdir / CONFIG_FILE, RECORD)["sizes"]
    task = task_of(saved, workdir)
    form = results_lib.form(task)
    results = files.read_json(workdir / RESULTS_FILE, form)
    for trial in config_lib.trials(saved):
        if all(trial.get(key) == value for key, value in results["best"].items()):
            return Record(saved, sizes, results, trial, task)
    raise InputError(
        f"{workdir / RESULTS_FILE}: best is {results['best']}, which {CONFIG_FILE} did not "
        "try, so they are of different trainings; use another --workdir"
    )


def task_of(saved: ConfigDict, workdir: pathlib.Path) -> Task:
    """What a workdir, whose config is `saved`, was trained to predict."""
    path = workdir / CONFIG_FILE
    record = files.read_json(path, {}) if path.is_file() else {}
    return tasks.recorded(info_of(saved), saved, record, str(path))


def restore(config: ConfigDict, workdir: pathlib.Path) -> tuple[dict[str, Any], Model]:
    """The results and the model of a workdir, by its own config.json.

    Of `config` only what predicting takes is used: no override changes the model.
    """
    saved, sizes, results, trial, task = read(workdir)
    static = program.static_of(saved, trial, tuple(corpus_lib.modalities(saved)), task)
    kept = Checkpoints(workdir).restore_kept()
    if not program.fits(static, sizes, kept):
        raise InputError(
            f"{workdir}: the kept weights are not of the model that {CONFIG_FILE} and "
            f"{RESULTS_FILE} name, so they are of different trainings; use another --workdir"
        )
    hparams = program.hparams_of(trial)
    return results, Model(static, hparams, kept, sizes, config.evaluate.batch_size)


def predict_runs(
    model: Model, features: dict[str, Rows], shown: Display, what: str
) -> ensemble.Predictions:
    """What each kept run predicts for N clips; InputError where the features' sizes differ.

    `shown` says how far it is with `what`, which names the clips.
    """
    sizes = rows_lib.sizes(features)
    if sizes != model.sizes:
        raise InputError(f"features of sizes {sizes}; the weights were trained on {model.sizes}")
    clips = rows_lib.count(features)
    with shown.count(f"predicting {what}", clips) as tell:
        return ensemble.predict(
            model.static, model.hparams, model.kept, features, model.batch_size, tell
        )


def test_splits(config: ConfigDict, corpus: Corpus) -> dict[str, Split]:
    """The splits that are predicted: without the one that training chose its epochs by."""
    return corpus.test_splits(without=None if config.folds else VALIDATION)


def check_same_config(config: ConfigDict, workdir: pathlib.Path) -> None:
    """Refuses a workdir that holds a run of another config, or one that does not tell which.

    Keys that decide no result (`identifies=False` in config/keys.py) may differ.
    """
    path = workdir / CONFIG_FILE
    if not path.is_file():
        left = [name for name in (RESULTS_FILE, "checkpoints") if (workdir / name).exists()]
        if left:
            raise InputError(
                f"{workdir} holds {left[0]} without {CONFIG_FILE}, which records what was trained; "
                "use another --workdir"
            )
        return
    theirs = config_lib.check(config_lib.read_saved(path))
    for key, value in config_lib.identity(config).items():
        if value != theirs[key]:
            raise InputError(
                f"{workdir} holds a run with config.{key}={theirs[key]!r}, not {value!r}; use "
                "another --workdir, or leave --config out to continue that run"
            )
