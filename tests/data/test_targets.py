"""A table's own targets: which columns they are, their ranges and their missing numbers."""

import re

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import corpora
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import label_arrays, label_csv, label_files, labels, targets
from mer_jax.data.arrays import Split
from mer_jax.errors import InputError
from mer_jax.task import Task, of_bounds
from mer_jax.training import division
from tests.support import own_folder
from tests.support.configs import changed

TEXT = (
    "name,emotion,Openness,warmth,valence,index,note\n"
    "a,x,1.5,,-1,1,hello\nb,y,,80,2,2,you\nc,x,6.5,20,,3,\n"
)


def table(tmp_path, text=TEXT):
    path = tmp_path / "user" / "clips.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def config_of(root, **changes):
    ours = {"data__corpus": "table", "data__root": str(root), "features__audio": own_folder.AUDIO}
    ours["data__tfds_dir"] = str(root.parent / "built")
    return config_lib.check(changed(**{**ours, **changes}))


def info_of(tmp_path, text=TEXT, **changes):
    return corpus_lib.info_of(config_of(table(tmp_path, text).parent, **changes))


def test_targets_have_the_ranges_of_train(tmp_path):
    lines = TEXT.splitlines()
    splits = ("split", "train", "train", "test")
    text = "\n".join([f"{line},{of}" for line, of in zip(lines, splits, strict=True)])
    task = info_of(tmp_path, text, data__targets=("valence",)).task
    assert (task.valence_range, task.targets, task.numbers) == ((-1.0, 2.0), (), ("valence",))
    text = text.replace("c,x,6.5,20,,3,,test", "c,x,6.5,20,,3,,train\nd,x,99,-9,,9,,test")
    task = info_of(tmp_path, text, data__targets=("warmth", "openness")).task
    assert (task.targets, task.ranges) == (("warmth", "openness"), ((20.0, 80.0), (1.5, 6.5)))
    assert task.valence_range == (1.5, 80.0)
    assert (task.middles, task.halves) == ((50.0, 4.0), (30.0, 2.5))
    assert task.selection == "f1_ccc"
    given = info_of(tmp_path, text, data__targets=("warmth",), data__valence_range=(0, 100)).task
    assert given.ranges == ((0.0, 100.0),)
    alone = info_of(tmp_path, text, data__targets=("warmth",), data__task="valence").task
    assert (alone.classes, alone.selection) == ((), "ccc")
    emotion = info_of(tmp_path, text, data__targets=("warmth",), data__task="emotion").task
    assert emotion == Task(("x", "y"))


def test_auto_takes_every_column_of_numbers(tmp_path):
    path = table(tmp_path)
    assert label_csv.number_columns(path) == ["Openness", "warmth", "valence", "index"]
    config = corpus_lib.resolved(
        config_of(path.parent, data__targets=("auto",), data__task="valence")
    )
    assert config.data.targets == ("Openness", "warmth", "valence", "index")
    assert config.data.valence_range == (1.5, 6.5, 20.0, 80.0, -1.0, 2.0, 1.0, 3.0)
    # The record is read back as it was written.
    assert corpus_lib.resolved(config_lib.check(config)).to_json() == config.to_json()
    assert targets.found(table(tmp_path, "name,valence\na,1\nb,2\n"), ("auto",)) == ()
    # What may mean another column is no target, and neither is what does not vary.
    others = table(tmp_path, "name,session,fold,year,score\na,1,1,7,1\nb,2,2,7,2\n")
    assert label_csv.number_columns(others) == ["score"]


@pytest.mark.parametrize(
    ("text", "changes", "sentence"),
    [
        (TEXT, ("warmht",), "no column 'warmht', which config.data.targets names; columns of num"),
        (TEXT, ("note",), "line 2: note 'hello' is not a finite number"),
        (TEXT.replace("80", "inf"), ("warmth",), "line 3: warmth 'inf' is not a finite number"),
        ("name,z\na,3\nb,3\n", ("z",), "every z of train is 3, so there is nothing to learn; lea"),
        ("name,z,emotion\na,,x\nb,,y\n", ("z",), "no clip of train has a number as z; fill some"),
        ("name,x,emotion\na,1,x\nb,2,y\n", ("x",), "'x' is a class and a target"),
        ("name,emotion\na,x\nb,y\n", ("auto",), "'auto': no column holds numbers to predict"),
        ("name,z,Z\na,1,1\nb,2,2\n", ("z",), "the columns 'z' and 'Z' both give z"),
        ("name,z,label\na,1,1\nb,2,2\n", ("z",), "the column 'label' looks like discrete; call"),
        ("name,zeal\na,1\nb,2\n", (), "nothing to train on; config.data.targets can name its "),
        ("name,zeal,zeall\na,1,1\nb,2,3\n", ("zeal", "v"), "no column 'v', which config.data.targ"),
    ],
)  # fmt: skip
def test_tables_whose_targets_are_refused(tmp_path, text, changes, sentence):
    with pytest.raises(InputError) as refusal:
        info_of(tmp_path, text, data__targets=changes)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("targets", ("a", "A"), "('a', 'A') names a target twice"),
        ("targets", ("emotion",), "'emotion' is the heading of another column"),
        ("targets", ("a/b",), "the name 'a/b' holds a separator"),
        ("targets", ("=a(1)",), "'=a(1)' is a formula"),
        ("targets", ("",), "'' is not a valid name of a target"),
        ("targets", (" a",), "' a' has spaces around it"),
        ("valence_range", (1.0, 2.0, 3.0, 0.0), "or such a pair for each target"),
    ],
)
def test_keys_of_targets(key, value, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        config_lib.check(changed(**{f"data__{key}": value}))
    assert config_lib.check(changed(data__targets=("a, b",))).data.targets == ("a", "b")


def test_targets_are_of_a_table_alone():
    config = config_lib.check(changed(data__targets=("a", "b")))
    with pytest.raises(InputError, match=r"^config\.data\.targets: mer2023 has its own; only"):
        corpora.info_of(config)
    config = config_lib.check(
        changed(data__corpus="table", data__targets=("a", "b"), data__valence_range=(0, 1))
    )
    with pytest.raises(InputError, match=r"valence_range: 2 numbers; give the lowest and the hig"):
        corpora.info_of(config)
    config.data.valence_range, config.data.signed = (), True
    with pytest.raises(InputError, match=r"signed: the sign of a valence is judged, not that of"):
        corpora.info_of(config)


def test_missing_numbers_are_masked_each_by_itself(tmp_path):
    rows = own_folder.write(tmp_path / "user")
    config = config_of(tmp_path / "user", data__targets=own_folder.TARGETS, folds=3)
    corpus = corpus_lib.load(config)
    for name, split in corpus.splits.items():
        mine = {row[0]: row for row in rows if row[5] == name}
        assert split.names.tolist() == sorted(mine)
        cells = [[mine[n][2], mine[n][3]] for n in split.names.tolist()]
        known = np.array([[cell != "" for cell in pair] for pair in cells])
        values = np.array([[float(cell or 0) for cell in pair] for pair in cells], np.float32)
        np.testing.assert_array_equal(split.labels.valence_mask, known)
        np.testing.assert_array_equal(split.labels.valence, values)
        np.testing.assert_array_equal(split.labels.has_number, known.any(1))
        emotion = np.array([mine[n][1] != "" for n in split.names.tolist()])
        np.testing.assert_array_equal(split.labels.known, emotion | known.any(1))
    samples, _ = division.divide(config, corpus)
    assert samples.labels.valence.shape == (36, 2)


def test_the_hash_of_labels_sees_each_target():
    def hashed(*numbers):
        return labels.fingerprint({"train": {"a": labels.Label(1, numbers=numbers)}})

    nan = float("nan")
    found = [hashed(1.0, 2.0), hashed(1.0, 3.0), hashed(1.0, nan), hashed(nan, 1.0), hashed(1.0)]
    assert len(set(found)) == len(found)
    assert labels.Label(numbers=(nan, 1.0)).has_number
    assert not labels.Label(numbers=(nan, nan)).has_number


def test_labels_that_come_later_may_have_some_of_the_targets(tmp_path):
    own_folder.write(tmp_path / "user")
    corpus = corpus_lib.load(config_of(tmp_path / "user", data__targets=own_folder.TARGETS))
    test = corpus.splits["test"]
    name = test.names[np.flatnonzero(~test.labels.valence_mask[:, 1])[0]]
    later = tmp_path / "later.csv"
    later.write_text(f"name,warmth\n{name},33.5\n", encoding="utf-8")
    rules = labels.LabelRules()
    found = label_arrays.given_labels(corpus, later, {"test": test}, rules)["test"]
    changed_rows = np.argwhere(found.labels.valence != test.labels.valence)
    assert changed_rows.tolist() == [[test.names.tolist().index(name), 1]]
    assert found.labels.valence[tuple(changed_rows[0])] == np.float32(33.5)
    assert found.labels.valence_mask.sum() == test.labels.valence_mask.sum() + 1
    assert isinstance(found, Split)
    later.write_text(f"name,warmth\n{name},lots\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"{name}: warmth 'lots' is not a finite number"):
        label_files.read_given(later, corpus.info)


def test_a_target_without_a_label_in_train_is_refused(tmp_path):
    rows = own_folder.write(tmp_path / "user")
    for row in rows:
        row[3] = row[3] if row[5] == "test" else ""
    own_folder.write_table(tmp_path / "user", rows)
    config = config_of(
        tmp_path / "user", data__targets=own_folder.TARGETS, data__valence_range=(1, 7, 0, 100)
    )
    with pytest.raises(InputError, match="no clip of train has a label for its warmth, which tab"):
        division.divide(config, corpus_lib.load(config))


def test_bounds_are_in_the_targets_order():
    assert of_bounds((), (), (-1, 1)) == Task(valence_range=(-1, 1))
    assert of_bounds(("a", "b"), (), ()) == Task(("a", "b"))
    task = of_bounds((), ("p", "q"), (0, 4, -2, 2))
    assert task.of_target("q").valence_range == (-2, 2)
    assert task.of_target("q").targets == ()
