"""A table's CSV tells its corpus: classes, valences, splits and groups, or the sentence why not."""

import csv
import json
import logging
import re

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import corpora
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import folds
from mer_jax.errors import InputError
from mer_jax.modes import ensemble, evaluate, predict, report, train
from mer_jax.reporting.run import load_run
from tests.support import user_folder
from tests.support.configs import changed
from tests.support.trainings import results_of, rows_of

SET = "tones_UTT"
SMALL = {
    "model__hidden": 4,
    "train__learning_rate": 1e-2,
    "train__epochs": 2,
    "train__tensorboard": False,
    "evaluate__bootstrap": 0,
    "folds": 2,
    "repeats": 1,
}


def write(root, text, names=None):
    """A table and a feature set of its clips."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "clips.csv").write_text(text, encoding="utf-8")
    found = [line.split(",")[0] for line in text.splitlines()[1:] if line]
    user_folder.write_vectors(root, SET, names or found)


def config_of(root, **changes):
    ours = {
        "data__corpus": "table",
        "data__root": str(root),
        "data__tfds_dir": str(root.parent / "built"),
        "features__audio": SET,
        "report": False,
        **SMALL,
    }
    return config_lib.check(changed(**{**ours, **changes}))


def info_of(tmp_path, text, **changes):
    (tmp_path / "user").mkdir(exist_ok=True)
    (tmp_path / "user" / "clips.csv").write_text(text, encoding="utf-8")
    return corpus_lib.info_of(config_of(tmp_path / "user", **changes))


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (("sad", "happy", "angry"), ("angry", "happy", "sad")),
        (("10", "9", "2"), ("2", "9", "10")),
        (("开心", "难过", "开心"), ("开心", "难过")),
    ],
)
def test_classes_are_those_of_train_in_a_stable_order(tmp_path, cells, classes):
    rows = [f"c{i},{cell}" for i, cell in enumerate(cells)]
    for lines in (rows, rows[::-1]):
        info = info_of(tmp_path, "\n".join(["name,emotion", *lines]))
        assert info.task.classes == classes
        assert info.task.valence_range is None
    given = classes[::-1]
    info = info_of(tmp_path, "\n".join(["name,emotion", *rows]), data__classes=given)
    assert info.task.classes == given


def test_splits_groups_and_valences(tmp_path):
    text = (
        "name,valence,speaker,split,text\n"
        "a,-1.5,Ann,Train,hello\nb,2,Bob,Train,\nc,,,dev,\nd,7,Cid,mine,\ne,,,unlabelled,\n"
    )
    info = info_of(tmp_path, text)
    assert info.splits == ("train", "val", "mine", "unlabelled")
    assert info.task.valence_range == (-1.5, 2.0)  # no other split's labels decide it
    assert [info.group(name) for name in "abd"] == ["Ann", "Bob", "Cid"]
    assert info.folds_by_group("auto")
    assert not info.folds_by_group(False)
    info = info_of(tmp_path, text, data__group_folds=False)
    assert info.group is None
    assert info_of(tmp_path, "name,emotion\na,x\nb,y\n").splits == ("train",)


@pytest.mark.parametrize(
    ("cells", "valence_range", "absent"),
    [
        ((-10, -1, 3), (-1, 3), -10.0),  # as MER 2023's release writes a clip without a valence
        ((-10, -1, 50), (-10, 50), None),
    ],
)
def test_a_valence_of_minus_ten(tmp_path, cells, valence_range, absent):
    text = "\n".join(["name,valence", *(f"c{i},{cell}" for i, cell in enumerate(cells))])
    info = info_of(tmp_path, text)
    assert (info.task.valence_range, info.absent_valence) == (valence_range, absent)


BOTH = "name,emotion,valence,speaker,split\n"


@pytest.mark.parametrize(
    ("text", "changes", "sentence"),
    [
        ("name,emotion\na,sad\nb,sad\nc,\n", {}, "all clips of train with an emotion are 'sad'"),
        ("name,valence\na,1\nb,1\n", {}, "every valence of train is 1, so there is nothing"),
        ("name,emotion\n", {}, "holds no clip"),
        ("name,text\na,hello\nb,you\n", {}, "no clip of train has an emotion or a valence"),
        ("name,emotion\n,sad\nb,happy\n", {}, "line 2: '' is not a valid name of a clip"),
        ("name,emotion\na/b,sad\nb,happy\n", {}, "line 2: the name 'a/b' holds a separator"),
        ("name,emotion\n=a(1),sad\nb,happy\n", {}, "'=a(1)' is a formula to a spreadsheet"),
        ("name,emotion\na,=b(1)\nb,happy\n", {}, "'=b(1)' is a formula to a spreadsheet"),
        ("name,emotion\na,sad\na,happy\n", {}, "line 3: duplicate name 'a'"),
        ("name,emotion\na,sad\nb,Sad\nc,x\n", {}, "'Sad' and 'sad' differ in case alone"),
        ("name,valence\na,good\nb,1\n", {}, "line 2: valence 'good' is not a finite number"),
        ("name,valence\na,inf\nb,1\n", {}, "line 2: valence 'inf' is not a finite number"),
        ("name,emotion,split\na,x,test\nb,y,test\n", {}, "no clip is of the split train"),
        ("name,emotion,split\na,x,train\nb,y,\n", {}, "line 3: '' is not a valid name of a split"),
        (BOTH + "a,x,1,A,train\nb,y,2,B,train\nc,y,1,A,test\n", {}, "1 group of train also in tes"),
        (BOTH + "a,x,1,A,train\nb,y,2,,train\n", {}, "line 3: the group is empty, those of other"),
        (BOTH + "a,x,,,train\nb,y,,,train\nc,z,,,test\n", {}, "emotion 'z' is of no clip of train"),
        ("name,emotion,speaker,group\na,x,A,A\n", {}, "'speaker' and 'group' both give group"),
        ("name,emotion,transcript\na,x,A\n", {}, "'transcript' looks like text"),
        ("name,emotion,speaker_id\na,x,A\n", {}, "'speaker_id' looks like group"),
        ("clip,emotion\na,x\n", {}, "first line must hold name and any of emotion, valence,"),
        ("name,emotion\na,x\nb,y\n", {"data__classes": ("x", "z")}, "'y' is outside the classes"),
        ("name,emotion\na,x\nb,y\n", {"data__task": "valence"}, "no clip of train has an emotion"),
        ("name,emotion\na,x\nb,y\n", {"data__group_folds": True}, "clips.csv has no groups; use F"),
        ("name,emotion,speaker\na,x,A\nb,y,A\n", {}, "only 1 group of clips to divide"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, changes, sentence):
    write(tmp_path / "user", text, names=["a", "b", "c"])
    with pytest.raises(InputError) as refusal:
        train.train(config_of(tmp_path / "user", **changes), tmp_path / "run")
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("classes", ("a",), "config.data.classes: ('a',) is not two classes or more, each once"),
        ("classes", ("a,b,a",), "('a,b,a',) is not two classes or more"),
        ("classes", ("a", "a"), "is not two classes or more, each once"),
        ("classes", ("a", " b"), "' b' is empty or has spaces around it"),
        ("classes", ("a", "=b(1)"), "'=b(1)' is a formula"),
        ("valence_range", (3.0, 1.0), "is not a lower and a higher number"),
        ("valence_range", (1.0, 2.0, 3.0), "is not a lower and a higher number"),
        ("group_folds", "speaker", "'speaker' is not 'auto', True or False"),
    ],
)
def test_keys_of_a_table(key, value, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        config_lib.check(changed(**{f"data__{key}": value}))


def test_other_corpora_have_classes_of_their_own():
    config = config_lib.check(changed(data__classes=("a", "b")))
    with pytest.raises(InputError, match=r"^config\.data\.classes: mer2023 has its own; only"):
        corpora.info_of(config)


def folder_of(root):
    """24 clips of six speakers in train, a labelled split and one to predict; other names' pool."""
    rng = np.random.default_rng(3)
    lines, vectors = [], {}
    for i in range(34):
        split = "train" if i < 24 else "test" if i < 30 else "later"
        emotion = ("开心", "angry", "calm")[i % 3]
        name = f"片段_{i:02d}"
        labels = ("", "") if split == "later" else (emotion, f"{(i % 5) - 1.5}")
        lines.append(",".join([name, *labels, f"{split}{i // 4}", "some words", split]))
        vectors[name] = (np.eye(3)[i % 3] * 2 + rng.normal(size=3) / 4).astype(np.float32)
    root.mkdir()
    text = "\n".join(["name,emotion,valence,speaker,text,split", *lines])
    (root / "clips.csv").write_text(text, encoding="utf-8")
    user_folder.write_features(root, SET, vectors)


def test_from_a_table_to_every_command(tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, logger="mer_jax")
    root, workdir = tmp_path / "user", tmp_path / "run"
    folder_of(root)
    config = config_of(root, train__epochs=8)
    train.train(config, workdir)
    assert (
        "table: classes angry, calm, 开心, valence from -1.5 to 2.5; splits train, later, test; "
        "folds by group"
    ) in caplog.messages
    data = json.loads((workdir / "config.json").read_text())["config"]["data"]
    assert data["classes"] == ["angry", "calm", "开心"]
    assert (data["valence_range"], data["group_folds"]) == ([-1.5, 2.5], True)
    results = results_of(workdir)
    assert set(results["test"]) == {"test", "later"}
    assert results["test"]["later"]["dis"] is None
    assert results["clips"]["test"] == {"all": 6, "emotion": 6, "valence": 6}
    rows = rows_of(workdir / "predictions" / "later.csv")
    assert len(rows) == 4
    assert {row["discrete"] for row in rows.values()} <= set(data["classes"])
    # A fold holds whole speakers: as `assign` divides them by the column of the file.
    run = load_run(workdir)
    with (root / "clips.csv").open(encoding="utf-8") as file:
        speakers = {row["name"]: row["speaker"] for row in csv.DictReader(file)}
    names = run.predicted(run.out_of_fold).names.tolist()
    fold = folds.assign(names, 2, 0, 0, [speakers[name] for name in names])
    groups = [{speakers[n] for n, f in zip(names, fold, strict=True) if f == k} for k in (0, 1)]
    assert not groups[0] & groups[1]
    again = results_of(workdir)
    train.train(config, workdir)  # the same command goes on where it was
    assert results_of(workdir) == again

    saved = config_lib.check(config_lib.read_saved(workdir / "config.json"))
    later = tmp_path / "later.csv"
    names = sorted(rows)
    later.write_text("name,emotion,valence\n" + "".join(f"{n},calm,9\n" for n in names))
    evaluate.evaluate(saved, workdir, later)
    assert results_of(workdir)["clips"]["later"] == {"all": 4, "emotion": 4, "valence": 4}
    evaluate.evaluate(config, workdir, None)  # a config that names no classes: the trained ones
    report.report(saved, workdir, None)
    assert "whole groups in one" in (workdir / "report.md").read_text()
    ensemble.ensemble(saved, tmp_path / "both", [workdir, workdir], None)
    assert rows_of(tmp_path / "both" / "predictions" / "later.csv").keys() == rows.keys()

    # New clips come with features alone, and a table of theirs need not say anything.
    new = tmp_path / "new"
    write(new, "name,text\nnew_1,hello\nnew_2,you\n")
    other = saved.copy_and_resolve_references()
    other.data.root = str(new)
    predict.predict(other, workdir, tmp_path / "new.csv")
    assert set(rows_of(tmp_path / "new.csv")) == {"new_1", "new_2"}
    capsys.readouterr()


def test_a_val_split_validates_and_a_built_table_needs_no_root(tmp_path):
    root = tmp_path / "user"
    lines = [f"c{i},{'xyz'[i % 3]},{'train' if i < 9 else 'dev'}" for i in range(15)]
    write(root, "\n".join(["name,emotion,split", *lines]))
    config = config_of(root, folds=0)
    train.train(config, tmp_path / "run")
    results = results_of(tmp_path / "run")
    assert results["test"] == {}
    assert [(run["fold"], run["status"]) for run in results["runs"]] == [(0, "ok")]
    built = corpus_lib.load(config_of(root, folds=0, data__root=""))
    assert built.fingerprint == corpus_lib.load(config).fingerprint
    assert built.task == corpus_lib.load(config).task


def test_classes_are_given_as_words_of_a_command_line():
    for value in (("a,b",), ("a, b",), ("a", "b")):
        assert config_lib.check(changed(data__classes=value)).data.classes == ("a", "b")
