"""Datasets are built once, hold exactly what the user's folder holds, and follow its changes."""

import logging
import math
import os
import pathlib
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data import dataset
from mer_jax.errors import InputError
from mer_jax.modes import build
from tests.support import user_folder
from tests.support.user_folder import AUDIO


@pytest.fixture
def root(tmp_path):
    return tmp_path / "user"


@pytest.fixture
def tfds_dir(tmp_path):
    return tmp_path / "tfds"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    return caplog


def records(target):
    """Every record by split and name, as any user of TFDS reads them."""
    source = tfds.builder_from_directory(target).as_data_source()
    return {
        split: {record["name"].decode(): record for record in source[split]} for split in source
    }


def label(record):
    """A record's emotion and valence, a missing valence as None."""
    valence = float(record["valence"])
    return int(record["emotion"]), None if math.isnan(valence) else valence


def build_set(root, tfds_dir, clips, corpora, feature_set=AUDIO, info=MER2023):
    user_folder.write_labels(root, corpora)
    user_folder.write_features(root, feature_set, clips)
    return dataset.ensure(info, root, tfds_dir, feature_set)


# What is in a built dataset


def test_utterance_level_round_trip(root, tfds_dir):
    names = user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert target == tfds_dir / "mer2023" / AUDIO / "1.0.0"
    found = records(target)
    assert {split: sorted(clips) for split, clips in found.items()} == names
    for clips in found.values():
        for name, record in clips.items():
            on_disk = np.load(root / "features" / AUDIO / f"{name}.npy")
            assert record["feature"].dtype == np.float32
            assert record["feature"].tobytes() == on_disk.tobytes()


def test_labels_round_trip_with_missing_ones_as_minus_one_and_nan(root, tfds_dir):
    clips = {
        "both": {"emo": "surprise", "val": -4.125},
        "emotion": {"emo": "neutral", "val": -10},
        "valence": {"emo": None, "val": 0.0},
        "none": {"emo": "", "val": ""},
    }
    corpora = {"train_corpus": clips, "test1_corpus": user_folder.placeholders(["placeholder"])}
    target = build_set(root, tfds_dir, user_folder.vectors([*clips, "placeholder"]), corpora)
    found = records(target)
    assert {name: label(record) for name, record in found["train"].items()} == {
        "both": (5, -4.125),
        "emotion": (0, None),
        "valence": (-1, 0.0),
        "none": (-1, None),
    }
    assert label(found["mer_multi"]["placeholder"]) == (-1, None)


def test_the_metadata_tell_classes_and_splits(root, tfds_dir):
    user_folder.write_mer2023(root)
    builder = tfds.builder_from_directory(dataset.ensure(MER2023, root, tfds_dir, AUDIO))
    assert builder.info.features["emotion"].names == list(user_folder.EMOTIONS)
    assert builder.info.features["feature"].shape == (3,)
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 12,
        "mer_multi": 2,
        "mer_noise": 3,
        "mer_semi": 5,
        "unlabelled": 5,
    }


def test_frame_level_round_trip(root, tfds_dir):
    rng = np.random.default_rng(0)
    lengths = {"a": 1, "b": 4, "c": 2, "d": 7}
    clips = {name: rng.normal(size=(n, 3)).astype(np.float32) for name, n in lengths.items()}
    frames = rng.normal(size=(5, 3)).astype(np.float32)
    on_disk = {**clips, "e": {f"{i:03d}": frame for i, frame in enumerate(frames)}}
    clips["e"] = frames
    corpora = {"train_corpus": user_folder.labelled(list(clips))}
    target = build_set(root, tfds_dir, on_disk, corpora, "faces_FRA")
    found = records(target)["train"]
    assert tfds.builder_from_directory(target).info.features["feature"].shape == (None, 3)
    assert {name: record["feature"].shape for name, record in found.items()} == {
        "a": (1, 3), "b": (4, 3), "c": (2, 3), "d": (7, 3), "e": (5, 3)
    }  # fmt: skip
    for name, rows in clips.items():
        assert found[name]["feature"].tobytes() == rows.tobytes()
    columns = dataset.read(target)["train"]
    assert columns.lengths.tolist() == [1, 4, 2, 7, 5]
    np.testing.assert_array_equal(columns.feature, np.concatenate([clips[n] for n in "abcde"]))


def test_an_utterance_level_set_averages_rows_and_frames(root, tfds_dir):
    clips = {
        "vector": np.array([1.0, 2.0]),
        "row": np.array([[3.0, 4.0]]),
        "rows": np.array([[1.0, 0.0], [2.0, 0.0], [6.0, 9.0]]),
        "frames": {"b": np.array([1.0, 10.0]), "a": np.array([[2.0, 30.0]])},
    }
    corpora = {"train_corpus": user_folder.labelled(list(clips))}
    found = records(build_set(root, tfds_dir, clips, corpora, "x_UTT"))["train"]
    assert {name: record["feature"].tolist() for name, record in found.items()} == {
        "vector": [1, 2], "row": [3, 4], "rows": [3, 3], "frames": [1.5, 20]
    }  # fmt: skip


def test_reading_gives_the_same_as_tfds(root, tfds_dir):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    read = dataset.read(target)
    found = records(target)
    assert read.keys() == found.keys()
    for split, columns in read.items():
        assert columns.names.tolist() == sorted(found[split])
        assert columns.lengths.tolist() == [1] * len(columns.names)
        for name, emotion, valence, feature in zip(
            columns.names, columns.emotion, columns.valence, columns.feature, strict=True
        ):
            record = found[split][name]
            assert emotion == record["emotion"]
            np.testing.assert_array_equal(valence, record["valence"])
            np.testing.assert_array_equal(feature, record["feature"])


def test_more_clips_than_are_read_at_once(root, tfds_dir):
    names = [f"clip_{i}" for i in range(1100)]
    clips = {name: np.array([i, -i], np.float32) for i, name in enumerate(names)}
    corpora = {"train_corpus": user_folder.labelled(names)}
    columns = dataset.read(build_set(root, tfds_dir, clips, corpora))["train"]
    assert columns.names.tolist() == sorted(names)
    numbers = [int(name.removeprefix("clip_")) for name in columns.names]
    np.testing.assert_array_equal(columns.feature[:, 0], numbers)
    np.testing.assert_array_equal(columns.emotion, [n % 6 for n in numbers])


def test_names_in_any_script(root, tfds_dir):
    names = ["été", "样本_1", "a b"]
    target = build_set(
        root, tfds_dir, user_folder.vectors(names), {"train_corpus": user_folder.labelled(names)}
    )
    assert dataset.read(target)["train"].names.tolist() == sorted(names)


def test_all_zero_vectors_are_counted_in_the_log(root, tfds_dir, log):
    clips = user_folder.vectors(["a", "b", "c", "d"])
    clips["a"] = np.array([0, 1, 0])
    clips["b"] = np.zeros(3)
    clips["d"] = np.zeros((2, 3))
    target = build_set(
        root, tfds_dir, clips, {"train_corpus": user_folder.labelled(["a", "b", "c", "d"])}
    )
    assert f"features/{AUDIO}, train: 2 of 4 clips are all zero" in log.text
    assert dataset.read(target)["train"].feature[[1, 3]].tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize(
    ("info", "corpora", "label_file"),
    [
        (CMUMOSI, ("train_corpus", "val_corpus", "test_corpus"), "label.npz"),
        (MELD, ("train_corpus", "test_corpus"), "label.npz"),
    ],
)
def test_the_other_corpora(root, tfds_dir, info, corpora, label_file):
    clips = {
        corpus: {f"{corpus}_{i}": {"emo": 0, "val": 0.5 - i} for i in range(2)}
        for corpus in corpora
    }
    user_folder.write_labels(root, clips, label_file)
    user_folder.write_features(
        root, "x-UTT", user_folder.vectors([*(n for c in clips.values() for n in c), "stranger"])
    )
    found = records(dataset.ensure(info, root, tfds_dir, "x-UTT"))
    # A clip without a label is no part of a corpus that has no pool.
    assert {f"{split}_corpus": sorted(names) for split, names in found.items()} == {
        corpus: sorted(names) for corpus, names in clips.items()
    }
    expected = [(1, 0.5), (0, -0.5)] if info is CMUMOSI else [(0, None), (0, None)]
    assert [label(found["train"][f"train_corpus_{i}"]) for i in range(2)] == expected


# The unlabelled pool


def split_names(root, tfds_dir, corpora, more=()):
    names = [name for clips in corpora.values() for name in clips]
    target = build_set(root, tfds_dir, user_folder.vectors([*names, *more]), corpora)
    return {split: columns.names.tolist() for split, columns in dataset.read(target).items()}


def test_an_unlabelled_test3_is_mer_semi_and_the_pool(root, tfds_dir):
    corpora = {
        "train_corpus": user_folder.labelled(["t"]),
        "test3_corpus": user_folder.placeholders(["s_1", "s_2"]),
    }
    found = split_names(root, tfds_dir, corpora, more=["u_1"])
    assert found["mer_semi"] == ["s_1", "s_2"]
    assert found["unlabelled"] == ["s_1", "s_2", "u_1"]


def test_a_labelled_test3_is_not_in_the_pool(root, tfds_dir):
    corpora = {
        "train_corpus": user_folder.labelled(["t"]),
        "test3_corpus": {"s_1": {"emo": "sad", "val": -10}, "s_2": {"emo": "happy", "val": -10}},
    }
    found = split_names(root, tfds_dir, corpora, more=["u_1", "u_2"])
    assert found["mer_semi"] == ["s_1", "s_2"]
    assert found["unlabelled"] == ["u_1", "u_2"]


def test_of_a_partly_labelled_test3_the_rest_is_the_pool(root, tfds_dir):
    corpora = {
        "train_corpus": user_folder.labelled(["t"]),
        "test3_corpus": {"s_1": {"emo": "sad", "val": -10}, "s_2": {"emo": "", "val": -10}},
    }
    found = split_names(root, tfds_dir, corpora)
    assert found["mer_semi"] == ["s_1", "s_2"]
    assert found["unlabelled"] == ["s_2"]


def test_no_clip_of_train_test1_or_test2_is_in_the_pool(root, tfds_dir):
    corpora = {
        "train_corpus": {"t_1": {"emo": "sad", "val": 1.0}, "t_2": {"emo": None, "val": None}},
        "test1_corpus": user_folder.placeholders(["m"]),
        "test2_corpus": user_folder.placeholders(["n"]),
    }
    found = split_names(root, tfds_dir, corpora, more=["u"])
    assert found["unlabelled"] == ["u"]
    assert "mer_semi" not in found


def test_without_a_pool_there_is_no_such_split(root, tfds_dir):
    found = split_names(root, tfds_dir, {"train_corpus": user_folder.labelled(["t"])})
    assert found == {"train": ["t"]}


# Building again


def built_files(target):
    """Each file's inode, time and content: another build changes at least the inodes."""
    return {
        path.relative_to(target): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(pathlib.Path(target).rglob("*"))
        if path.is_file()
    }


def leftovers(tfds_dir):
    return list(tfds_dir.rglob(".*"))


def test_what_has_not_changed_is_not_built_again(root, tfds_dir, log):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = built_files(target)
    log.clear()
    assert dataset.ensure(MER2023, root, tfds_dir, AUDIO) == target
    assert built_files(target) == before
    assert not log.records


def _change_content(root):
    path = root / "features" / AUDIO / "train_00.npy"
    stat = path.stat()
    path.write_bytes(user_folder.npy(np.array([7, 8, 9], np.float32)))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))  # the size stays, one time moves


def _change_label(root):
    clips = user_folder.labelled([f"train_{i:02d}" for i in range(12)])
    clips["train_00"]["val"] = 4.5
    path = user_folder.write_labels(root, {"train_corpus": clips})
    os.utime(path, ns=(0, 0))


def _add_clip(root):
    user_folder.write_features(root, AUDIO, user_folder.vectors(["pool_9"]))


def _shows_content(found):
    return found["train"]["train_00"]["feature"].tolist() == [7, 8, 9]


def _shows_label(found):
    return found["train"]["train_00"]["valence"] == 4.5


@pytest.mark.parametrize(
    ("changes", "said", "shows"),
    [
        ([_change_content], "its features changed", _shows_content),
        ([_add_clip], "its features changed", lambda found: "pool_9" in found["unlabelled"]),
        ([_change_label], "its labels changed", _shows_label),
        ([_change_content, _change_label], "its features and labels changed", _shows_content),
    ],
)
def test_a_changed_source_is_built_again_and_said_so(root, tfds_dir, log, changes, said, shows):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = dataset.fingerprint(target)
    assert not shows(records(target))
    for change in changes:
        change(root)
    log.clear()
    assert dataset.ensure(MER2023, root, tfds_dir, AUDIO) == target
    assert f"{root}: {said} since the dataset was built" in log.text
    assert dataset.fingerprint(target) != before
    assert shows(records(target))
    assert leftovers(tfds_dir) == []
    log.clear()
    dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert not log.records


def test_only_the_changed_set_is_built_again(root, tfds_dir):
    user_folder.write_mer2023(root)
    targets = [dataset.ensure(MER2023, root, tfds_dir, s) for s in (AUDIO, user_folder.TEXT)]
    before = [built_files(target) for target in targets]
    _change_content(root)
    for feature_set in (AUDIO, user_folder.TEXT):
        dataset.ensure(MER2023, root, tfds_dir, feature_set)
    assert built_files(targets[0]) != before[0]
    assert built_files(targets[1]) == before[1]


def test_the_fingerprint_is_of_the_content_alone(root, tfds_dir):
    user_folder.write_mer2023(root)
    fingerprint = dataset.fingerprint(dataset.ensure(MER2023, root, tfds_dir, AUDIO))
    for path in (root / "features" / AUDIO).iterdir():
        os.utime(path, ns=(1, 1))
    before = built_files(tfds_dir)
    again = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert built_files(tfds_dir) != before
    assert dataset.fingerprint(again) == fingerprint
    elsewhere = dataset.ensure(MER2023, root, tfds_dir.with_name("other"), AUDIO)
    assert dataset.fingerprint(elsewhere) == fingerprint


def _spoil_feature(root):
    (root / "features" / AUDIO / "noise_1.npy").write_bytes(user_folder.npy([1.0, np.nan, 2.0]))


def _other_size(root):
    (root / "features" / AUDIO / "train_05.npy").write_bytes(user_folder.npy([1.0, 2.0]))


def _drop_feature(root):
    (root / "features" / AUDIO / "train_05.npy").unlink()


def _spoil_labels(root):
    user_folder.write_labels(root, {"train_corpus": {"train_00": {"emo": "glad", "val": 0.0}}})


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_spoil_feature, r"noise_1\.npy: 1 of 3 values are NaN"),
        (_other_size, r"train_05\.npy: features of size 2, but multi_0\.npy has size 3$"),
        (_drop_feature, r", train: 1 names have no feature: train_05$"),
        (_spoil_labels, r"emotion 'glad' is outside the classes"),
    ],
)
def test_a_failed_build_leaves_what_was_there(root, tfds_dir, spoil, sentence):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = built_files(target)
    spoil(root)
    with pytest.raises(InputError, match=sentence):
        dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert built_files(target) == before
    assert leftovers(tfds_dir) == []
    with pytest.raises(InputError, match=sentence):
        dataset.ensure(MER2023, root, tfds_dir.with_name("fresh"), AUDIO)
    assert built_files(tfds_dir.with_name("fresh")) == {}
    assert leftovers(tfds_dir.with_name("fresh")) == []
    assert not (tfds_dir.with_name("fresh") / "mer2023").exists()


def test_a_build_leaves_no_temporary_files(root, tfds_dir, tmp_path, monkeypatch):
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    user_folder.write_mer2023(root)
    dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert list(elsewhere.iterdir()) == []
    assert tempfile.tempdir == str(elsewhere)


def test_a_dataset_that_was_not_finished_is_built_again(root, tfds_dir):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    (target / "source.json").unlink()
    (target / "arrays" / "train" / "names.npy").unlink()
    dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert len(dataset.read(target)["train"].names) == 12


# Built datasets alone


def test_without_the_users_folder_a_built_dataset_is_taken_as_it_is(root, tfds_dir):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = built_files(target)
    _change_content(root)
    assert dataset.ensure(MER2023, None, tfds_dir, AUDIO) == target
    assert built_files(target) == before


def test_without_the_users_folder_and_a_dataset(tfds_dir):
    with pytest.raises(InputError, match=r"config\.data\.root is empty and .*x_UTT.* holds no"):
        dataset.ensure(MER2023, None, tfds_dir, "x_UTT")
    assert not tfds_dir.exists()


@pytest.mark.parametrize("column", ["names", "feature", "lengths"])
@pytest.mark.parametrize("length", [0, 40])
def test_damaged_arrays_say_what_to_remove(root, tfds_dir, column, length):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    path = target / "arrays" / "train" / f"{column}.npy"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"damaged \(.*\); remove .* to build it again"):
        dataset.read(target)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A built dataset, for copies to be spoilt."""
    place = tmp_path_factory.mktemp("built")
    user_folder.write_mer2023(place / "user")
    return dataset.ensure(MER2023, place / "user", place / "tfds", AUDIO)


def array(column, content):
    """Replaces a column of train: by an array, or by bytes."""

    def spoil(target):
        path = target / "arrays" / "train" / f"{column}.npy"
        path.write_bytes(user_folder.npy(content))

    return spoil


DAMAGED = {
    "no arrays": lambda target: shutil.rmtree(target / "arrays"),
    "no splits": lambda target: [shutil.rmtree(target / "arrays"), (target / "arrays").mkdir()],
    "a split without columns": lambda target: (target / "arrays" / "mer_more").mkdir(),
    "a file among the splits": lambda target: (target / "arrays" / "notes").write_text("mine"),
    "a column is missing": lambda target: (target / "arrays" / "train" / "valence.npy").unlink(),
    "a column is a folder": lambda target: [
        (target / "arrays" / "train" / "valence.npy").unlink(),
        (target / "arrays" / "train" / "valence.npy").mkdir(),
    ],
    "a column is text": array("emotion", b"angry"),
    "a header without end": array("emotion", b"\x93NUMPY\x01\x00v\x00{'descr': ('"),
    "a header of parentheses": array("names", b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16),
    "names are numbers": array("names", np.arange(12)),
    "names are one": array("names", np.array("a")),
    "names are fewer": array("names", np.array(["a"] * 11)),
    "names are objects": array("names", np.array(["a"] * 12, object)),
    "emotions are wide": array("emotion", np.zeros(12, np.int64)),
    "emotions are in rows": array("emotion", np.zeros((12, 1), np.int32)),
    "emotions below -1": array("emotion", np.full(12, -2, np.int32)),
    "valences are whole": array("valence", np.zeros(12, np.int32)),
    "lengths are too long": array("lengths", np.full(12, 2)),
    "lengths are zero": array("lengths", np.array([0, 2] + [1] * 10)),
    "features are flat": array("feature", np.zeros(36, np.float32)),
    "features are wide": array("feature", np.zeros((12, 3))),
    "features are fewer": array("feature", np.zeros((11, 3), np.float32)),
}


@pytest.mark.parametrize("spoil", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_dataset_says_what_to_remove(built, tmp_path, spoil):
    target = tmp_path / "copy"
    shutil.copytree(built, target)
    spoil(target)
    with pytest.raises(InputError, match=r"arrays: damaged \(.*\); remove .* to build") as refusal:
        dataset.read(target)
    assert "\n" not in str(refusal.value)


class Touches:
    """Pickles as a call that leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_a_column_is_never_unpickled(built, tmp_path):
    target = tmp_path / "copy"
    shutil.copytree(built, target)
    for column in ("names", "emotion"):
        array(column, np.array([Touches(tmp_path / "marker")], object))(target)
    with pytest.raises(InputError, match=r"arrays: damaged \(.*\); remove .* to build"):
        dataset.read(target)
    assert not (tmp_path / "marker").exists()


def test_damaged_records_harm_nobody(built, tmp_path):
    """They are for other users of TFDS: what trains are the arrays beside them."""
    target = tmp_path / "copy"
    shutil.copytree(built, target)
    for path in target.glob("*.array_record*"):
        path.write_bytes(b"")
    for split, columns in dataset.read(built).items():
        for ours, theirs in zip(dataset.read(target)[split], columns, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"null", b"\xff", b"{}", b'{"fingerprint": 3}', b"[" * 100_000],
)
def test_a_damaged_source_is_no_dataset(built, tmp_path, content):
    target = dataset.directory(MER2023, tmp_path, AUDIO)
    shutil.copytree(built, target)
    (target / "source.json").write_bytes(content)
    with pytest.raises(InputError, match="holds no built dataset"):
        dataset.ensure(MER2023, None, tmp_path, AUDIO)
    with pytest.raises(InputError, match="no built dataset"):
        dataset.fingerprint(target)


def test_a_fingerprint_of_nothing(tmp_path):
    with pytest.raises(InputError, match="no built dataset"):
        dataset.fingerprint(tmp_path)


def flipped(target, column):
    """Turns over one bit of a column of train, and leaves the file's time as it was."""
    path = target / "arrays" / "train" / f"{column}.npy"
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("column", ["feature", "valence", "names"])
def test_a_bit_that_turned_over_is_noticed_where_a_build_is_asked_for(root, tfds_dir, log, column):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = built_files(target / "arrays")
    assert dataset.is_as_built(target)
    flipped(target, column)
    assert not dataset.is_as_built(target)
    with pytest.raises(InputError, match=r"1\.0\.0: damaged, not as it was built; name config"):
        dataset.ensure(MER2023, None, tfds_dir, AUDIO, verify=True)
    config = user_folder.config(root, tfds_dir)
    build.build(config)
    assert f"{target}: damaged, not as it was built; building again" in log.text
    after = built_files(target / "arrays")
    assert {name: kept[2] for name, kept in after.items()} == {
        name: kept[2] for name, kept in before.items()
    }
    log.clear()
    build.build(config)
    assert built_files(target / "arrays") == after
    assert not log.records
