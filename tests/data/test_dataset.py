"""Datasets are built once, hold exactly what the user's folder holds, and follow its changes."""

import os
import pathlib
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import dataset, stored
from mer_jax.errors import InputError
from mer_jax.modes import build
from tests.support import user_folder
from tests.support.user_folder import AUDIO


def records(target):
    """Every record by split and name, as any user of TFDS reads them."""
    source = tfds.builder_from_directory(target).as_data_source()
    return {
        split: {record["name"].decode(): record for record in source[split]} for split in source
    }


def build_set(root, tfds_dir, clips, corpora, feature_set=AUDIO, info=MER2023):
    user_folder.write_labels(root, corpora)
    user_folder.write_features(root, feature_set, clips)
    return dataset.ensure(info, root, tfds_dir, feature_set)


# What is in a built dataset


def test_utterance_level_round_trip(root, tfds_dir):
    names = user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert target == tfds_dir / "mer2023" / AUDIO / "2.0.0"
    found = records(target)
    del names["unlabelled"]  # every clip of the pool is listed as test3, and stands there
    assert {split: sorted(clips) for split, clips in found.items()} == names
    for clips in found.values():
        for name, record in clips.items():
            on_disk = np.load(root / "features" / AUDIO / f"{name}.npy")
            assert record["feature"].dtype == np.float32
            assert record["feature"].tobytes() == on_disk.tobytes()


def test_labels_are_not_built(root, tfds_dir):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert set(records(target)["train"]["train_00"]) == {"name", "feature"}
    assert set(tfds.builder_from_directory(target).info.features) == {"name", "feature"}


def test_the_metadata_tell_sizes_and_splits(root, tfds_dir):
    user_folder.write_mer2023(root)
    builder = tfds.builder_from_directory(dataset.ensure(MER2023, root, tfds_dir, AUDIO))
    assert builder.info.features["feature"].shape == (3,)
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 12,
        "mer_multi": 2,
        "mer_noise": 3,
        "mer_semi": 5,
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
    columns = stored.read(target)["train"]
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
    read = stored.read(target)
    found = records(target)
    assert read.keys() == found.keys()
    for split, columns in read.items():
        assert columns.names.tolist() == sorted(found[split])
        assert columns.lengths.tolist() == [1] * len(columns.names)
        for name, feature in zip(columns.names, columns.feature, strict=True):
            np.testing.assert_array_equal(feature, found[split][name]["feature"])


def test_more_clips_than_are_read_at_once(root, tfds_dir):
    names = [f"clip_{i}" for i in range(1100)]
    clips = {name: np.array([i, -i], np.float32) for i, name in enumerate(names)}
    corpora = {"train_corpus": user_folder.labelled(names)}
    columns = stored.read(build_set(root, tfds_dir, clips, corpora))["train"]
    assert columns.names.tolist() == sorted(names)
    numbers = [int(name.removeprefix("clip_")) for name in columns.names]
    np.testing.assert_array_equal(columns.feature[:, 0], numbers)


def test_names_in_any_script(root, tfds_dir):
    names = ["été", "样本_1", "a b"]
    target = build_set(
        root, tfds_dir, user_folder.vectors(names), {"train_corpus": user_folder.labelled(names)}
    )
    assert stored.read(target)["train"].names.tolist() == sorted(names)


def test_all_zero_vectors_are_counted_in_the_log(root, tfds_dir, log):
    clips = user_folder.vectors(["a", "b", "c", "d"])
    clips["a"] = np.array([0, 1, 0])
    clips["b"] = np.zeros(3)
    clips["d"] = np.zeros((2, 3))
    target = build_set(
        root, tfds_dir, clips, {"train_corpus": user_folder.labelled(["a", "b", "c", "d"])}
    )
    assert f"features/{AUDIO}, train: 2 of 4 clips are all zero" in log.text
    assert stored.read(target)["train"].feature[[1, 3]].tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize(
    ("info", "corpora", "label_file"),
    [
        (CMUMOSI, ("train_corpus", "val_corpus", "test_corpus"), "label.npz"),
        (MELD, ("train_corpus", "test_corpus"), "label.npz"),
    ],
)
def test_the_other_corpora(root, tfds_dir, info, corpora, label_file):
    clips = {
        corpus: {f"{corpus}_{i}": {"emo": 0, "val": 0.5} for i in range(2)} for corpus in corpora
    }
    user_folder.write_labels(root, clips, label_file)
    user_folder.write_features(
        root, "x-UTT", user_folder.vectors([*(n for c in clips.values() for n in c), "stranger"])
    )
    found = records(dataset.ensure(info, root, tfds_dir, "x-UTT"))
    expected = {corpus.removesuffix("_corpus"): sorted(names) for corpus, names in clips.items()}
    # A clip without a label is built too: tomorrow's label file may list it.
    expected["unlabelled"] = ["stranger"]
    assert {split: sorted(names) for split, names in found.items()} == expected


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


def _add_clip(root):
    user_folder.write_features(root, AUDIO, user_folder.vectors(["pool_9"]))


def _shows_content(found):
    return found["train"]["train_00"]["feature"].tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        (_change_content, _shows_content),
        (_add_clip, lambda found: "pool_9" in found.get("unlabelled", ())),
    ],
)
def test_a_changed_source_is_built_again_and_said_so(root, tfds_dir, log, change, shows):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = stored.fingerprint(target)
    assert not shows(records(target))
    change(root)
    log.clear()
    assert dataset.ensure(MER2023, root, tfds_dir, AUDIO) == target
    assert f"{root}: its features changed since the dataset was built" in log.text
    assert stored.fingerprint(target) != before
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
    names = user_folder.write_mer2023(root)
    fingerprint = stored.fingerprint(dataset.ensure(MER2023, root, tfds_dir, AUDIO))
    for path in (root / "features" / AUDIO).iterdir():
        os.utime(path, ns=(1, 1))
    before = built_files(tfds_dir)
    again = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    assert built_files(tfds_dir) != before
    assert stored.fingerprint(again) == fingerprint
    elsewhere = dataset.ensure(MER2023, root, tfds_dir.with_name("other"), AUDIO)
    assert stored.fingerprint(elsewhere) == fingerprint
    # Nor does it depend on what the label file says, of which clips lie where.
    every = user_folder.labelled([*names["mer_noise"], *names["train"]])
    user_folder.write_labels(root, {"train_corpus": every})
    regrouped = dataset.ensure(MER2023, root, tfds_dir.with_name("another"), AUDIO)
    assert len(stored.read(regrouped)["train"].names) == 15
    assert stored.fingerprint(regrouped) == fingerprint


def test_a_new_label_file_builds_nothing_again(root, tfds_dir, log):
    names = user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = built_files(target)
    user_folder.write_labels(root, {"train_corpus": user_folder.labelled(names["mer_multi"])})
    log.clear()
    assert dataset.ensure(MER2023, root, tfds_dir, AUDIO) == target
    assert built_files(target) == before
    assert not log.records


def _spoil_feature(root):
    (root / "features" / AUDIO / "noise_1.npy").write_bytes(user_folder.npy([1.0, np.nan, 2.0]))


def _other_size(root):
    (root / "features" / AUDIO / "train_05.npy").write_bytes(user_folder.npy([1.0, 2.0]))


def _spoil_labels(root):
    user_folder.write_labels(root, {"train_corpus": {"train_00": {"emo": "glad", "val": 0.0}}})


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_spoil_feature, r"noise_1\.npy: 1 of 3 values are NaN"),
        (_other_size, r"train_05\.npy: features of size 2, but multi_0\.npy has size 3; config"),
        (_spoil_labels, r"emotion 'glad' is outside the classes"),
    ],
)
def test_a_failed_build_leaves_what_was_there(root, tfds_dir, spoil, sentence):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = built_files(target)
    spoil(root)
    with pytest.raises(InputError, match=sentence):
        corpus_lib.build(user_folder.config(root, tfds_dir))
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
    assert len(stored.read(target)["train"].names) == 12


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
        stored.read(target)


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
    "a column is missing": lambda target: (target / "arrays" / "train" / "lengths.npy").unlink(),
    "a column is a folder": lambda target: [
        (target / "arrays" / "train" / "lengths.npy").unlink(),
        (target / "arrays" / "train" / "lengths.npy").mkdir(),
    ],
    "a column is text": array("lengths", b"angry"),
    "a header without end": array("lengths", b"\x93NUMPY\x01\x00v\x00{'descr': ('"),
    "a header of parentheses": array("names", b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16),
    "names are numbers": array("names", np.arange(12)),
    "names are one": array("names", np.array("a")),
    "names are fewer": array("names", np.array(["a"] * 11)),
    "names are objects": array("names", np.array(["a"] * 12, object)),
    "lengths are too long": array("lengths", np.full(12, 2)),
    "lengths are narrow": array("lengths", np.ones(12, np.int32)),
    "lengths are in rows": array("lengths", np.ones((12, 1), np.int64)),
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
        stored.read(target)
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
    for column in ("names", "lengths"):
        array(column, np.array([Touches(tmp_path / "marker")], object))(target)
    with pytest.raises(InputError, match=r"arrays: damaged \(.*\); remove .* to build"):
        stored.read(target)
    assert not (tmp_path / "marker").exists()


def test_damaged_records_harm_nobody(built, tmp_path):
    """They are for other users of TFDS: what trains are the arrays beside them."""
    target = tmp_path / "copy"
    shutil.copytree(built, target)
    for path in target.glob("*.array_record*"):
        path.write_bytes(b"")
    for split, columns in stored.read(built).items():
        for ours, theirs in zip(stored.read(target)[split], columns, strict=True):
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
        stored.fingerprint(target)


def test_a_fingerprint_of_nothing(tmp_path):
    with pytest.raises(InputError, match="no built dataset"):
        stored.fingerprint(tmp_path)


def flipped(target, column):
    """Turns over one bit of a column of train, and leaves the file's time as it was."""
    path = target / "arrays" / "train" / f"{column}.npy"
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("column", ["feature", "lengths", "names"])
def test_a_bit_that_turned_over_is_noticed_where_a_build_is_asked_for(root, tfds_dir, log, column):
    user_folder.write_mer2023(root)
    target = dataset.ensure(MER2023, root, tfds_dir, AUDIO)
    before = built_files(target / "arrays")
    assert stored.is_as_built(target)
    flipped(target, column)
    assert not stored.is_as_built(target)
    with pytest.raises(InputError, match=r"2\.0\.0: damaged, not as it was built; name config"):
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
