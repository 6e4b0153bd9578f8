"""The folder of a training: every path in it, and its records, config.json and results.json.

A table of trainings and an ensemble of several have such a folder too, with files of their own.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mer_jax import files, metrics
from mer_jax.corpora import info_of, tasks
from mer_jax.errors import InputError

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from mer_jax.task import Task

# What continuing and predicting rely on in config.json.
_RECORD = {"config": dict, "chunk": [int], "dataset": {str: str}, "sizes": {str: int}}


class Finished(NamedTuple):
    """What the files of a finished workdir tell before any weight is read."""

    config: ConfigDict
    sizes: dict[str, int]  # of the features, by modality
    results: dict[str, Any]
    trial: dict[str, Any]  # the best one
    task: Task  # what was trained


class _Inside:
    """An attribute of a workdir: the path of one of its files or folders."""

    def __init__(self, name: str):
        self._name = name

    def __get__(self, workdir: Workdir, _: type) -> pathlib.Path:
        return workdir.folder / self._name


class Workdir:
    """A folder with what a training reads and leaves; a path itself for `os.fspath` and `open`.

    Attributes:
      folder: the folder, which need not be there.
    """

    config_file = _Inside("config.json")  # the config and what else the results depend on
    results_file = _Inside("results.json")
    lock_file = _Inside(".lock")  # remains, and locks nothing then
    checkpoints = _Inside("checkpoints")
    manifests = _Inside("manifests")  # how its feature sets were extracted, where that is known
    predictions = _Inside("predictions")  # a CSV file a split
    history_file = _Inside("history.csv")
    tensorboard = _Inside("tensorboard")
    search = _Inside("search")  # the workdir of a random search's trials
    figures = _Inside("figures")
    report_markdown = _Inside("report.md")
    report_page = _Inside("report.html")
    clip_pages = _Inside("clips")  # a page a clip that was asked for
    comparison_file = _Inside("compare.json")
    selected_file = _Inside("select.csv")  # where --out names no other file
    predicted_file = _Inside("predict.csv")  # where --out names no other file
    ensemble_file = _Inside("ensemble.json")  # scores, of an ensemble of workdirs
    table_markdown = _Inside("table.md")
    table_csv = _Inside("table.csv")
    table_latex = _Inside("table.tex")

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = pathlib.Path(folder)

    def __fspath__(self) -> str:
        return str(self.folder)

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def kept(self) -> list[pathlib.Path]:
        """Files and folders that no output which a user names may replace."""
        replaceable = ("selected_file", "predicted_file")
        return [
            getattr(self, name)
            for name, value in vars(Workdir).items()
            if isinstance(value, _Inside) and name not in replaceable
        ]

    def predictions_file(self, split: str) -> pathlib.Path:
        """The predictions of a split."""
        return self.predictions / f"{split}.csv"

    def figure_file(self, name: str) -> pathlib.Path:
        """A figure of the report."""
        return self.figures / f"{name}.png"

    def clip_page(self, name: str) -> pathlib.Path:
        """The page of a clip."""
        return self.clip_pages / f"{name}.html"

    @property
    def report_files(self) -> tuple[pathlib.Path, pathlib.Path]:
        """The report in the order in which it is written: with the last it is whole."""
        return self.report_markdown, self.report_page

    def row(self, folder: str) -> Workdir:
        """The workdir of a row of the table that is trained in this one."""
        return Workdir(self.folder / folder)

    @property
    def has_config(self) -> bool:
        """Whether a training or a table has begun here."""
        return self.config_file.is_file()

    @property
    def has_results(self) -> bool:
        """Whether a training has come to its results here, whatever they hold."""
        return self.results_file.is_file()

    def config(self) -> ConfigDict:
        """The config of config.json over today's defaults, checked; InputError where it is none."""
        from mer_jax import config as config_lib  # loads JAX, which paths do not need

        return config_lib.check(config_lib.read_saved(self.config_file))

    def task_of(self, config: ConfigDict) -> Task:
        """What is trained here to be predicted; `config` is the one that stands here."""
        record = files.read_json(self.config_file, {}) if self.has_config else {}
        info = info_of(config)
        if info.from_file and record:  # a config that is given again may leave classes to the file
            info = info_of(self.config())
        return tasks.recorded(info, config, record, str(self.config_file))

    def standardised(self, config: ConfigDict) -> ConfigDict:
        """A config whose features are standardised as those of the training here are."""
        config = config.copy_and_resolve_references()
        with config.ignore_type():
            config.data.standardise = self.config().data.standardise
        return config

    def record(self) -> dict[str, Any]:
        """The content of config.json; InputError where it has another form."""
        return read_record(self.config_file)

    def write_record(self, record: dict[str, Any]) -> None:
        """Writes config.json."""
        files.write_json(self.config_file, record)

    def results(self, task: Task) -> dict[str, Any]:
        """The content of results.json; InputError where it has another form than the task's."""
        return files.read_json(self.results_file, _results_form(task))

    def write_results(self, results: dict[str, Any]) -> None:
        """Writes results.json."""
        files.write_json(self.results_file, results)

    def finished(self) -> Finished:
        """What a finished training tells; InputError where it is not, or its files differ."""
        from mer_jax import config as config_lib

        for path in (self.config_file, self.results_file):
            if not path.is_file():
                raise InputError(f"{self}: no {path.name}; train in this workdir first")
        config = self.config()
        sizes = self.record()["sizes"]
        task = self.task_of(config)
        results = self.results(task)
        for trial in config_lib.trials(config):
            if all(trial.get(key) == value for key, value in results["best"].items()):
                return Finished(config, sizes, results, trial, task)
        raise InputError(
            f"{self.results_file}: best is {results['best']}, which {self.config_file.name} did "
            "not try, so they are of different trainings; use another --workdir"
        )

    def holds(self, config: ConfigDict) -> bool:
        """Whether config.json has these values, also of keys that may differ."""
        from mer_jax import config as config_lib

        return config_lib.flatten(self.config()) == config_lib.flatten(config)

    def check_same_config(self, config: ConfigDict) -> None:
        """Refuses to continue a training of another config, or one that does not tell which.

        Keys that decide no result (`identifies=False` in config/keys.py) may differ.
        """
        from mer_jax import config as config_lib

        if not self.has_config:
            left = [path.name for path in (self.results_file, self.checkpoints) if path.exists()]
            if left:
                raise InputError(
                    f"{self} holds {left[0]} without {self.config_file.name}, which records what "
                    "was trained; use another --workdir"
                )
            return
        theirs = self.config()
        for key, value in config_lib.identity(config).items():
            if value != theirs[key]:
                raise InputError(
                    f"{self} holds a run with config.{key}={theirs[key]!r}, not {value!r}; use "
                    "another --workdir, or leave --config out to continue that run"
                )

    def check_same_data(self, fingerprint: Mapping[str, str], sizes: Mapping[str, int]) -> None:
        """Refuses to continue a training of other datasets or of features of other sizes."""
        record = self.record()
        theirs = record["dataset"]
        changed = [
            name for name in {**theirs, **fingerprint} if theirs.get(name) != fingerprint.get(name)
        ]
        if changed:
            what = ", ".join(name.removesuffix("/") for name in changed)
            raise InputError(
                f"{self} was trained on a dataset that has changed since ({what}); use another "
                "--workdir"
            )
        if record["sizes"] != sizes:
            raise InputError(
                f"{self.config_file}: sizes is {record['sizes']}, the features have {sizes}"
            )


def read_record(config_file: pathlib.Path) -> dict[str, Any]:
    """The content of the config.json of any training; InputError where it has another form."""
    return files.read_json(config_file, _RECORD)


def recorded_devices(config_file: pathlib.Path) -> int:
    """Over how many devices each chunk's runs are spread, by a config.json: 1 in older ones."""
    return files.read_json(config_file, {"devices": (files.ABSENT, int)}).get("devices", 1)


def _results_form(task: Task) -> dict[str, Any]:
    """What reading results.json back relies on; see `files.read_json`."""
    nothing, number = type(None), float

    def of_metrics(kind) -> dict[str, Any]:
        """Earlier versions had fewer metrics; the one that chose the trial is there always."""
        forms = dict.fromkeys(metrics.names(task), (*kind, files.ABSENT))
        return forms | {task.selection: kind}

    of_errors = {"ece": number, "nll": number}
    score = (nothing, {"mean": number, "std": (nothing, number)})
    return {
        "cross_validation": of_metrics(score),
        "test": {str: of_metrics(score)},
        "ensemble": {str: of_metrics((nothing, number))},
        "interval": (files.ABSENT, {str: of_metrics((nothing, [number]))}),
        "clips": (files.ABSENT, {str: {"all": int}}),
        "best": dict,
        "runs": [
            {
                "status": str,
                "hparams": dict,
                "repeat": int,
                "fold": int,
                "best_epoch": (nothing, int),
                "validation": {str: (nothing, number)},
            }
        ],
        "calibration": (
            files.ABSENT,
            {"temperature": number, "before": of_errors, "after": of_errors},
        ),
        "joint_decoding": (
            files.ABSENT,
            {key: [number] for key in ("mean", "deviation", "valence")}
            | {"power": number, "share": number},
        ),
        "methods": (
            files.ABSENT,
            [{"method": str, "metric": str, "score": (nothing, number)}],
        ),
        "left_out": (
            files.ABSENT,
            [{"split": str, "features": str, "reason": str, "handled": str, "clips": int}],
        ),
    }
