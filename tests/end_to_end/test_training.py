"""The main job as functions: files, scores, resuming, blindness."""

import csv
import json
import shutil

import jax
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import lock
from mer_jax.corpora import MER2023
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import synthetic
from mer_jax.errors import InputError
from mer_jax.evaluation import kept
from mer_jax.modes import evaluate, train
from mer_jax.training import devices, measure
from mer_jax.training.checkpoint import Checkpoints
from tests.support.trainings import (
    SPLITS,
    Killed,
    assert_same_files,
    assert_same_weights,
    config_of,
    event_values,
    killing,
    results_of,
    rows_of,
    scores_of,
    true_labels,
)


def test_the_workdir_holds_what_the_contract_names(trained, config):
    record = json.loads((trained / "config.json").read_text())
    assert record["config"]["train"]["learning_rate"] == [1e-2, 1e-3]
    assert record["versions"]["jax"] == jax.__version__
    sets = {synthetic.feature_set(m) for m in ("audio", "text", "video")}
    assert set(record["dataset"]) == sets | {corpus_lib.LABELS}
    assert record["chunk"] == [5, 5]
    results = results_of(trained)
    assert set(results["best"]) == {"model.hidden", "train.learning_rate"}
    assert len(results["runs"]) == 2 * 2 * 2 * 3
    assert {(r["repeat"], r["fold"]) for r in results["runs"]} == {
        (r, f) for r in range(2) for f in range(3)
    }
    assert list(results["test"]) == list(SPLITS)
    assert results["test"]["mer_semi"]["dim"] is None
    assert not (trained / "checkpoints" / "chunks").exists()


def test_cross_validation_is_the_best_trials_mean_over_folds(trained):
    results = results_of(trained)
    by_trial = {}
    for run in results["runs"]:
        key = run["hparams"]["model.hidden"], run["hparams"]["train.learning_rate"]
        by_trial.setdefault(key, []).append(run)
    means = {key: np.mean([r["validation"]["com"] for r in runs]) for key, runs in by_trial.items()}
    best = max(means, key=means.get)
    assert best == tuple(results["best"].values())
    assert results["cross_validation"]["com"]["mean"] == pytest.approx(means[best])
    first = [r["validation"]["dis"] for r in by_trial[best] if r["repeat"] == 0]
    assert results["cross_validation"]["dis"]["values"][0] == pytest.approx(np.mean(first))


def test_ensemble_scores_are_those_of_the_written_predictions(trained, root):
    results, labels = results_of(trained), true_labels(root)
    for split in SPLITS:
        rows = rows_of(trained / "predictions" / f"{split}.csv")
        assert set(rows) == set(labels[split])
        for metric, value in scores_of(rows, labels[split]).items():
            assert results["ensemble"][split][metric] == pytest.approx(value, abs=1e-6), metric
    assert results["ensemble"]["mer_semi"]["com"] is None


def test_tensorboard_holds_what_history_csv_and_the_results_hold(trained):
    results, found = results_of(trained), event_values(trained)
    assert [run for run in found if run.startswith("best/repeat_1/")] == [
        f"best/repeat_1/fold_{fold}" for fold in range(3)
    ]
    with (trained / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    followed = results["cross_validation"].keys() & rows[0].keys()  # others are of the end alone
    assert followed >= {"dis", "dim", "com"}
    tags = {"loss": "train/loss", **{m: f"validation/{m}" for m in followed}}
    for row in rows:
        of_run = found[f"best/repeat_{row['repeat']}/fold_{row['fold']}"]
        of_mean = found[f"best/repeat_{row['repeat']}"]
        epoch = int(row["epoch"])
        folds = [r for r in rows if (r["repeat"], r["epoch"]) == (row["repeat"], row["epoch"])]
        for name, tag in tags.items():
            assert of_run[tag][epoch] == (epoch, pytest.approx(float(row[name]), rel=1e-6))
            mean = np.mean([float(r[name]) for r in folds])
            assert of_mean[tag][epoch] == (epoch, pytest.approx(mean, rel=1e-5))
    scores = [found[f"trials/trial_0{t}"]["cross_validation/com"][0][1] for t in range(1, 5)]
    assert max(scores) == pytest.approx(results["cross_validation"]["com"]["mean"], rel=1e-6)


def test_the_same_seed_gives_the_same_bits(trained, config, tmp_path):
    train.train(config, tmp_path / "again")
    assert_same_files(trained, tmp_path / "again")


@pytest.mark.parametrize("moment", ["first_checkpoint", "last_chunk", "predicting"])
def test_a_run_that_was_cut_off_ends_with_the_same_bits(
    trained, config, root, tfds_dir, tmp_path, monkeypatch, moment
):
    config = config_of(root, tfds_dir, train__checkpoint_seconds=0)
    workdir = tmp_path / "run"

    with monkeypatch.context() as patch:
        if moment == "first_checkpoint":
            save = killing(Checkpoints.save_progress, lambda *_: True)
            patch.setattr(Checkpoints, "save_progress", save)
        elif moment == "last_chunk":
            save = killing(Checkpoints.save_chunk, lambda _, chunk, __: chunk == 4)
            patch.setattr(Checkpoints, "save_chunk", save)
        else:
            patch.setattr(kept.submission, "write", killing(lambda *_: None, lambda *_: True))
        with pytest.raises(Killed):
            train.train(config, workdir)
    assert not (workdir / "results.json").exists()
    train.train(config, workdir)
    assert_same_files(trained, workdir)


@pytest.fixture(scope="module")
def semi_config(root, tfds_dir):
    return config_of(
        root, tfds_dir, model__hidden=8, train__learning_rate=1e-2, repeats=1,
        data__labelled_fraction=0.6, semi__method=("", "flexmatch"), semi__mu=2, semi__warmup=0,
        semi__threshold=0.3, train__steps=0, data__device_bytes=1, train__checkpoint_seconds=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def semi_trained(semi_config, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("semi") / "run"
    train.train(semi_config, workdir)
    return workdir


def test_semi_supervised_runs_stand_beside_supervised_ones(semi_trained):
    results = results_of(semi_trained)
    assert results["best"].keys() == {
        f"semi.{name}"
        for name in (
            "method", "mu", "weight", "valence_weight", "warmup", "threshold", "weak", "strong",
            "ema",
        )
    }  # fmt: skip
    assert len(results["runs"]) == 2 * 3
    with (semi_trained / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["fold"], row["epoch"]) for row in rows] == [
        (str(fold), str(epoch)) for fold in range(3) for epoch in range(4)
    ]
    best = {row["fold"]: float(row["com"]) for row in rows if row["epoch"] == "0"}
    for row in rows:
        best[row["fold"]] = max(best[row["fold"]], float(row["com"]))
    np.testing.assert_allclose(
        results["cross_validation"]["com"]["mean"], np.mean(list(best.values())), rtol=1e-5
    )


def test_a_semi_supervised_run_that_was_cut_off_ends_with_the_same_bits(
    semi_trained, semi_config, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        second = killing(Checkpoints.save_progress, lambda _, chunk, *__: chunk == 1)
        patch.setattr(Checkpoints, "save_progress", second)
        with pytest.raises(Killed):
            train.train(semi_config, tmp_path / "run")
    train.train(semi_config, tmp_path / "run")
    assert_same_files(semi_trained, tmp_path / "run")


def test_measured_widths_are_recorded_and_not_measured_again(
    trained, root, tfds_dir, tmp_path, monkeypatch
):
    config = config_of(root, tfds_dir, train__chunk="measure")
    workdir = tmp_path / "run"
    with monkeypatch.context() as patch:
        seconds = lambda _, __, chunk: 1.0 if chunk.width == 5 else 100.0  # noqa: E731
        patch.setattr(measure, "seconds_of_epoch", seconds)
        save = killing(Checkpoints.save_chunk, lambda _, chunk, __: chunk == 1)
        patch.setattr(Checkpoints, "save_chunk", save)
        with pytest.raises(Killed):
            train.train(config, workdir)
    assert json.loads((workdir / "config.json").read_text())["chunk"] == [5, 5]
    monkeypatch.delattr(measure, "seconds_of_epoch")
    train.train(config, workdir)
    assert_same_files(trained, workdir)


def test_one_process_continues_what_one_of_two_began(trained, config, tmp_path, monkeypatch):
    workdir = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(jax, "process_count", lambda: 2)
        patch.setattr(jax, "process_index", lambda: 1)
        wait = killing(lambda _: None, lambda moment: moment == "trained")
        patch.setattr(devices, "wait_for_all", wait)
        with pytest.raises(Killed):
            train.train(config, workdir)
    chunks = sorted(path.stem for path in (workdir / "checkpoints" / "chunks").iterdir())
    assert chunks == ["0001", "0003", "0005"]
    train.train(config, workdir)
    assert_same_files(trained, workdir)


def test_training_never_sees_a_test_label(trained, root, tmp_path):
    other = tmp_path / "permuted"
    shutil.copytree(root, other)
    rng = np.random.default_rng(0)
    corpora = {}
    for key, split in MER2023.corpora.items():
        labels = true_labels(root)[split]
        names = list(labels)
        if split != "train":
            order = rng.permutation(len(names))
            labels = {name: labels[names[i]] for name, i in zip(names, order, strict=True)}
        corpora[key] = labels
    np.savez(other / "label-6way.npz", **corpora)
    workdir = tmp_path / "run"
    train.train(config_of(other, tmp_path / "tfds"), workdir)
    assert_same_weights(trained, workdir)
    ours, theirs = results_of(trained), results_of(workdir)
    assert theirs["runs"] == ours["runs"]
    assert theirs["ensemble"] != ours["ensemble"], "the permuted labels must score differently"
    for split in SPLITS:
        name = f"predictions/{split}.csv"
        assert (trained / name).read_bytes() == (workdir / name).read_bytes()


def test_a_validation_split_can_be_the_one_fold(tmp_path, root, tfds_dir):
    """MELD's layout: classes alone, a val split, folds=0."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "meld"
    (folder / "features" / "text-UTT").mkdir(parents=True)
    corpora = {}
    for split, count in (("train", 40), ("val", 15), ("test", 10)):
        corpora[f"{split}_corpus"] = {}
        for i in range(count):
            emotion = int(rng.integers(0, 7))
            vector = 10 * np.eye(8)[emotion] + 0.3 * rng.normal(size=8)
            np.save(folder / "features" / "text-UTT" / f"{split}_dia{i}_utt0.npy", vector)
            corpora[f"{split}_corpus"][f"{split}_dia{i}_utt0"] = {"emo": emotion, "val": -10}
    np.savez(folder / "label.npz", **corpora)
    changes = {
        "data__corpus": "meld", "features__audio": "", "features__video": "",
        "features__text": "text-UTT", "model__fusion": "unimodal", "train__epochs": 12,
    }  # fmt: skip
    by_val = config_of(folder, tmp_path / "tfds", folds=0, **changes)
    train.train(by_val, tmp_path / "val")
    results = results_of(tmp_path / "val")
    assert list(results["test"]) == ["test"]
    assert len(results["runs"]) == 4 * 2
    assert set(results["cross_validation"]) == {"dis", "acc", "macro_f1", "uar"}
    by_folds = config_of(folder, tmp_path / "tfds", **changes)
    train.train(by_folds, tmp_path / "folds")
    results = results_of(tmp_path / "folds")
    assert list(results["test"]) == ["val", "test"]
    rows = rows_of(tmp_path / "folds" / "predictions" / "val.csv")
    assert all(row["valence"] == "" for row in rows.values())
    assert results["cross_validation"]["dis"]["mean"] > 0.3


def test_a_trial_whose_numbers_go_wrong_is_marked_and_left_out(root, tfds_dir, tmp_path, capsys):
    changes = {"model__hidden": 8, "train__learning_rate": (1e-2, 1e38), "repeats": 1}
    train.train(config_of(root, tfds_dir, **changes), tmp_path / "run")
    results = results_of(tmp_path / "run")
    assert results["best"] == {"train.learning_rate": 1e-2}
    for run in results["runs"]:
        wrong = run["hparams"]["train.learning_rate"] == 1e38
        assert run["status"] == ("failed" if wrong else "ok")
        assert run["failed_epoch"] == (0 if wrong else None)
        assert (run["best_epoch"] is None) == wrong
        assert all((value is None) == wrong for value in run["validation"].values())
    assert "3 of 6 runs failed and are left out." in capsys.readouterr().out


def test_a_repetition_says_what_differs(trained, root, tfds_dir, tmp_path, caplog):
    record = json.loads((trained / "config.json").read_text())
    record["versions"]["jax"] = "0.0.1"
    old = tmp_path / "old.json"
    old.write_text(json.dumps(record))
    with pytest.raises(InputError, match="for each of the 1 groups"):
        train.train(config_of(root, tfds_dir, model__hidden=8), tmp_path / "a", old)
    small = {"model__hidden": 8, "train__learning_rate": 1e-2, "repeats": 1}
    record["chunk"] = [2]
    old.write_text(json.dumps(record))
    train.train(config_of(root, tfds_dir, **small), tmp_path / "b", old)
    assert json.loads((tmp_path / "b" / "config.json").read_text())["chunk"] == [2]
    told = [word for word in ("config", "dataset", "versions") if f"{word} differs" in caplog.text]
    assert told == ["config", "versions"]


def test_keys_that_decide_no_result_may_differ(trained, root, tfds_dir, tmp_path, monkeypatch):
    workdir = tmp_path / "run"
    with monkeypatch.context() as patch:
        save = killing(Checkpoints.save_chunk, lambda _, chunk, __: chunk == 1)
        patch.setattr(Checkpoints, "save_chunk", save)
        with pytest.raises(Killed):
            train.train(config_of(root, tfds_dir), workdir)
    with pytest.raises(InputError, match=r"holds a run with config\.repeats=2, not 3"):
        train.train(config_of(root, tfds_dir, repeats=3), workdir)
    others = {
        "select__eta": 0.5,
        "data__device_bytes": 1 << 30,
        "train__checkpoint_seconds": 0,
        "train__segment": 1,
        "table__metrics": ("dis",),
    }
    copied = tmp_path / "tfds"
    shutil.copytree(tfds_dir, copied)
    train.train(config_of(root, copied, **others), workdir)
    assert_same_files(trained, workdir)
    used = json.loads((workdir / "config.json").read_text())
    assert used["config"]["select"] == {"eta": 0.5}
    assert used["config"]["data"]["tfds_dir"] == str(copied)
    before = json.loads((trained / "config.json").read_text())
    assert {key: used[key] for key in used.keys() - {"config"}} == {
        key: before[key] for key in before.keys() - {"config"}
    }


def test_a_training_of_an_earlier_version_is_continued(trained, config, tmp_path):
    """Its config.json lacks the keys that have come since; their defaults are what it did."""
    workdir = tmp_path / "run"
    shutil.copytree(trained, workdir)
    record = json.loads((workdir / "config.json").read_text())
    came_since = (
        "data.device_bytes",
        "data.labelled_fraction",
        "data.group_folds",
        "evaluate.",
        "select.",
        "semi.",
        "table.",
        "train.tensorboard",
        "train.views",
    )
    old = {}
    for key in config_lib.flatten(config):
        if key.startswith(came_since):
            continue
        *parts, last = key.split(".")
        place = old
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = config[key]
    (workdir / "config.json").write_text(json.dumps({**record, "config": old}))
    evaluate.evaluate(config, workdir, None)
    (workdir / "results.json").unlink()  # as if it had been killed just before
    train.train(config, workdir)
    assert_same_files(trained, workdir)


def test_two_trainings_do_not_share_a_workdir(config, tmp_path):
    with lock.held(tmp_path / "run"), pytest.raises(InputError, match="is training in it"):
        train.train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()
