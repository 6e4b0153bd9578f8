"""MERBench's corpora trained whole: what is predicted, scored and written of each."""

import csv
import json

import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax.corpora import CMUMOSI, IEMOCAP4, MELD
from mer_jax.data import label_files
from mer_jax.modes import train
from tests.support import merbench_labels, user_folder
from tests.support.trainings import assert_same_weights

SMALL = {
    "model__fusion": "concat",
    "model__hidden": 8,
    "train__learning_rate": 1e-2,
    "train__epochs": 2,
    "train__tensorboard": False,
    "evaluate__bootstrap": 0,
    "repeats": 1,
}


def trained(root, info_name, file, content, **changes):
    """The workdir of a training on a folder with a label file of such content."""
    merbench_labels.write(root / file, content)
    names = [name for clips in content.values() for name in clips]
    user_folder.write_vectors(root, user_folder.AUDIO, names)
    config = user_folder.config(
        root, root.parent / "tfds", data__corpus=info_name, **{**SMALL, **changes}
    )
    train.train(config, root.parent / "run")
    return root.parent / "run"


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_iemocaps_result_is_what_each_session_is_predicted_by_the_others(tmp_path):
    clips = {
        f"Ses{session:02d}F_impro01_F{i:03d}": {"emo": i % 4, "val": -10}
        for session in range(1, 6)
        for i in range(9)
    }
    content = {"whole_corpus": clips}
    run = trained(tmp_path / "root", "iemocap4", "label_4way.npz", content, folds=5)
    rows = rows_of(run / "predictions" / "train_out_of_fold.csv")
    assert sorted(row["name"] for row in rows) == sorted(clips)
    classes = IEMOCAP4.task.classes
    true = [classes[clips[row["name"]]["emo"]] for row in rows]
    guess = [row["discrete"] for row in rows]
    results = json.loads((run / "results.json").read_text())
    assert results["test"] == {}
    scores = {name: score["mean"] for name, score in results["out_of_fold"].items()}
    expected = {
        "dis": sk.f1_score(true, guess, average="weighted", zero_division=0),
        "acc": sk.accuracy_score(true, guess),
        "macro_f1": sk.f1_score(true, guess, average="macro", zero_division=0),
        "uar": sk.balanced_accuracy_score(true, guess),
    }
    assert scores == pytest.approx(expected, abs=1e-6)
    # Sessions are equally large here, so that accuracy is the folds' mean.
    assert results["cross_validation"]["acc"]["mean"] == pytest.approx(scores["acc"], abs=1e-6)


def sentiment(seed):
    rng = np.random.default_rng(seed)
    steps = np.arange(-5, 6) / 5
    return {
        f"{split}_corpus": {
            f"video_{split}_{i:04d}": {"emo": 0, "val": np.float64(rng.choice(steps))}
            for i in range(count)
        }
        for split, count in (("train", 30), ("val", 12), ("test", 12))
    }


def test_a_sentiment_corpus_is_a_regression_judged_by_its_sign_and_blind_to_test(tmp_path):
    content = sentiment(0)
    run = trained(tmp_path / "a" / "root", "sims", "label.npz", content, folds=0)
    results = json.loads((run / "results.json").read_text())
    rows = rows_of(run / "predictions" / "test.csv")
    assert {row["discrete"] for row in rows} == {""}
    true = np.array([content["test_corpus"][row["name"]]["val"] for row in rows])
    guess = np.array([float(row["valence"]) for row in rows])
    signed = true != 0
    assert results["ensemble"]["test"]["sign_f1"] == pytest.approx(
        sk.f1_score(true[signed] > 0, guess[signed] > 0, average="weighted", zero_division=0),
        abs=1e-6,
    )
    (of_run,) = results["runs"]
    assert of_run["validation"]["sign_f1"] is not None
    names = list(content["test_corpus"])
    other = {
        **content,
        "test_corpus": dict(zip(names, sentiment(1)["test_corpus"].values(), strict=True)),
    }
    blind = trained(tmp_path / "b" / "root", "sims", "label.npz", other, folds=0)
    assert_same_weights(run, blind)
    theirs = json.loads((blind / "results.json").read_text())
    assert theirs["runs"] == results["runs"]
    assert theirs["ensemble"] != results["ensemble"]


def test_exactly_the_candidates_are_predicted(tmp_path):
    words = ("neutral", "angry", "happy", "sad", "worried", "surprise")
    content = {
        "train_corpus": {f"t{i:02d}": {"emo": words[i % 6]} for i in range(24)},
        "test1_corpus": {f"c{i:02d}": {"emo": "neutral"} for i in range(20)},
    }
    run = trained(tmp_path / "root", "mer2026", "track1_label_6way.npz", content, folds=2)
    rows = rows_of(run / "predictions" / "candidates.csv")
    assert sorted(row["name"] for row in rows) == sorted(content["test1_corpus"])
    assert all(row["discrete"] in words and not row["valence"] for row in rows)
    results = json.loads((run / "results.json").read_text())
    assert set(results["test"]["candidates"].values()) == {None}
    # Each clip of train, by the run that validated on it: with test splits too.
    rows = {row["name"]: row for row in rows_of(run / "predictions" / "train_out_of_fold.csv")}
    assert set(rows) == set(content["train_corpus"])
    true = [clip["emo"] for clip in content["train_corpus"].values()]
    guess = [rows[name]["discrete"] for name in content["train_corpus"]]
    assert results["out_of_fold"]["acc"]["mean"] == pytest.approx(
        sk.accuracy_score(true, guess), abs=1e-6
    )
    assert results["out_of_fold"]["acc"]["mean"] == pytest.approx(
        results["cross_validation"]["acc"]["mean"], abs=1e-6
    ), "two folds of twelve"


def as_table(root, info, folder):
    """The clips of a corpus as clips.csv, in another order, beside the same features."""
    labels = label_files.read(label_files.find(root, info), info).splits
    lines = [
        f"{name},{info.task.classes[label.emotion]},{label.valence},{split}"
        for split, of_split in labels.items()
        for name, label in of_split.items()
    ]
    folder.mkdir()
    (folder / "features").symlink_to(root / "features")
    header = "name,emotion,valence,split"
    (folder / "clips.csv").write_text("\n".join([header, *reversed(lines)]), encoding="utf-8")


def mosi():
    rng = np.random.default_rng(2)
    return {
        f"{split}_corpus": {
            f"video{i // 5}-{split}_{i % 5}": {
                "emo": 0,
                "val": np.float64(rng.integers(-30, 31) / 10),
            }
            for i in range(count)
        }
        for split, count in (("train", 33), ("test", 9))
    }


def meld():
    return {
        f"{split}_corpus": {
            f"{split}_dia{i // 4}_utt{i % 4}": {"emo": i % 7, "val": -10} for i in range(count)
        }
        for split, count in (("train", 30), ("val", 14), ("test", 15))
    }


def assert_the_same_as_a_table(tmp_path, own, info, **changes):
    """Trains on the clips of `own`'s folder as a table, and compares all that is written."""
    root = tmp_path / "table"
    as_table(tmp_path / "own" / "root", info, root)
    config = user_folder.config(
        root, tmp_path / "tfds", data__corpus="table", **{**SMALL, **changes}
    )
    train.train(config, tmp_path / "run")
    assert_same_weights(own, tmp_path / "run")
    theirs = sorted(path.relative_to(own) for path in own.rglob("results.json"))
    theirs += [path.relative_to(own) for path in (own / "predictions").iterdir()]
    for name in theirs:
        assert (own / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name


def test_the_protocol_on_mosi_through_a_table_gives_the_same_bits(tmp_path):
    changes = {
        "model__fusion": "attention_merbench",
        "data__task": "valence",
        "train__selection": "sign_f1",
        "train__learning_rate": (1e-2, 1e-3),
        "folds": 2,
        "search__trials": 3,
        "search__repeats": 2,
    }
    own = trained(tmp_path / "own" / "root", "cmumosi", "label.npz", mosi(), **changes)
    searched = json.loads((own / "results.json").read_text())["search"]
    assert searched["trials"] == 3
    assert searched["distinct"] == 2, "two learning rates, both drawn"
    like_mosi = {"data__valence_range": (-3.0, 3.0), "data__signed": True}
    assert_the_same_as_a_table(tmp_path, own, CMUMOSI, **changes, **like_mosi)


def test_meld_through_a_table_gives_the_same_bits(tmp_path):
    changes = {"model__fusion": "lmf", "folds": 0}
    own = trained(tmp_path / "own" / "root", "meld", "label.npz", meld(), **changes)
    assert_the_same_as_a_table(tmp_path, own, MELD, **changes, data__classes=MELD.task.classes)
