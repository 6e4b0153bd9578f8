"""The folder of a training: its paths, its records, and what it refuses to continue."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from mer_jax import config as config_lib
from mer_jax.errors import InputError
from mer_jax.task import Task
from mer_jax.workdir import Workdir, read_record

RECORD = {"chunk": [2], "dataset": {"mer/a/": "1", "mer/b/": "2"}, "sizes": {"audio": 3}}
RESULTS = {
    "cross_validation": {"dis": {"mean": 0.5, "std": None, "values": [0.5]}},
    "test": {},
    "ensemble": {},
    "best": {},
    "runs": [],
}


@pytest.fixture
def begun(tmp_path):
    """A workdir with a config.json, and the config that stands there."""
    config = config_lib.load_base()
    config.data.corpus = "synthetic"
    config.features.audio = "audio_UTT"
    workdir = Workdir(tmp_path / "run")
    workdir.write_record({"config": config.to_dict(), **RECORD})
    return workdir, config_lib.check(config)


def test_every_file_has_the_name_that_users_know():
    """People have scripts: these names are a contract."""
    workdir = Workdir("runs/a")
    names = {
        "config.json": workdir.config_file,
        "results.json": workdir.results_file,
        ".lock": workdir.lock_file,
        "checkpoints": workdir.checkpoints,
        "predictions/val.csv": workdir.predictions_file("val"),
        "history.csv": workdir.history_file,
        "tensorboard": workdir.tensorboard,
        "figures/confusion.png": workdir.figure_file("confusion"),
        "report.md": workdir.report_files[0],
        "report.html": workdir.report_files[1],
        "compare.json": workdir.comparison_file,
        "select.csv": workdir.selected_file,
        "predict.csv": workdir.predicted_file,
        "ensemble.json": workdir.ensemble_file,
        "table.md": workdir.table_markdown,
        "table.csv": workdir.table_csv,
        "table.tex": workdir.table_latex,
        "row/config.json": workdir.row("row").config_file,
    }
    for name, path in names.items():
        assert path == pathlib.Path("runs/a") / name


def test_a_workdir_is_a_path_and_may_be_made_of_another():
    workdir = Workdir("runs/a")
    assert os.fspath(Workdir(workdir)) == str(workdir) == f"{workdir}" == "runs/a"
    assert pathlib.Path(workdir) == workdir.folder


def test_paths_load_no_jax():
    code = "import sys; from mer_jax.workdir import Workdir; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_config_is_read_over_todays_defaults(begun):
    workdir, config = begun
    record = json.loads(workdir.config_file.read_text())
    del record["config"]["train"]["dropout"]  # as of a version that had no such key
    workdir.write_record(record)
    assert workdir.holds(config)
    config.report = not config.report
    assert not workdir.holds(config)  # although it decides no result
    workdir.check_same_config(config)


def test_another_config_is_refused(begun):
    workdir, config = begun
    config.folds = 3
    with pytest.raises(InputError, match=r"holds a run with config\.folds=5, not 3; use another"):
        workdir.check_same_config(config)


@pytest.mark.parametrize("name", ["results.json", "checkpoints"])
def test_what_was_trained_by_no_known_config_is_refused(tmp_path, name):
    workdir = Workdir(tmp_path)
    workdir.check_same_config(config_lib.load_base())  # nothing there: nothing to refuse
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=rf"{tmp_path} holds {name} without config\.json"):
        workdir.check_same_config(config_lib.load_base())


def test_other_datasets_and_sizes_are_refused(begun):
    workdir, _ = begun
    workdir.check_same_data(RECORD["dataset"], RECORD["sizes"])
    # One that changed, one that is gone and one that is new.
    with pytest.raises(InputError, match=r"changed since \(mer/a, mer/b, mer/c\); use another"):
        workdir.check_same_data({"mer/a/": "5", "mer/c/": "3"}, RECORD["sizes"])
    with pytest.raises(InputError, match=r"config\.json: sizes is \{'audio': 3\}, the features"):
        workdir.check_same_data(RECORD["dataset"], {"audio": 4})


def test_records_of_another_form_are_refused(begun):
    workdir, _ = begun
    workdir.write_record({"config": {}, "chunk": []})
    with pytest.raises(InputError, match=r"config\.json: dataset is missing; the file is damaged"):
        workdir.record()
    with pytest.raises(InputError, match=r"config\.json: dataset is missing; the file is damaged"):
        read_record(workdir.config_file)


def test_results_need_the_metric_that_chose_the_trial(tmp_path):
    workdir, task = Workdir(tmp_path), Task(("happy", "sad"))
    assert not workdir.has_results
    workdir.write_results(RESULTS)
    assert workdir.has_results
    assert workdir.results(task) == RESULTS  # acc is missing, as earlier versions left some out
    workdir.write_results({**RESULTS, "cross_validation": {"acc": None}})
    with pytest.raises(InputError, match=r"results\.json: cross_validation\.dis is missing"):
        workdir.results(task)


def test_a_finished_training_tells_its_best_trial(begun):
    workdir, config = begun
    with pytest.raises(InputError, match=r"no results\.json; train in this workdir first"):
        workdir.finished()
    config.train.learning_rate = (0.1, 0.01)
    workdir.write_record({"config": config.to_dict(), **RECORD})
    scores = dict.fromkeys(("dis", "dim", "com"))
    results = {**RESULTS, "cross_validation": scores, "best": {"train.learning_rate": 0.01}}
    workdir.write_results(results)
    found = workdir.finished()
    assert found.results == results and found.sizes == {"audio": 3}
    assert found.trial["train.learning_rate"] == 0.01
    workdir.write_results({**results, "best": {"train.learning_rate": 0.5}})
    with pytest.raises(InputError, match=r"best is .*0\.5\}, which config\.json did not try"):
        workdir.finished()
