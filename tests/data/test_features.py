"""Feature folders are listed exactly, and every change in them is seen."""

import os

import pytest

from mer_jax.data import features
from mer_jax.errors import InputError
from tests.support import user_folder


def scan(tmp_path, clips, feature_set="x-UTT"):
    user_folder.write_features(tmp_path, feature_set, clips)
    return features.scan(tmp_path, feature_set)


# Listing a folder


def test_names_are_matched_exactly(tmp_path):
    found = scan(tmp_path, {name: [1.0] for name in ("a_10", "a_1", "a_1_b", "a", "b.c")})
    assert {
        name: [os.path.basename(file) for file in files] for name, files in found.clips.items()
    } == {
        "a": ["a.npy"],
        "a_1": ["a_1.npy"],
        "a_10": ["a_10.npy"],
        "a_1_b": ["a_1_b.npy"],
        "b.c": ["b.c.npy"],
    }
    assert list(found.clips) == sorted(found.clips)


def test_other_files_and_hidden_ones_are_no_clips(tmp_path):
    folder = user_folder.write_features(tmp_path, "x-UTT", {"a": [1.0], "b": {"0": [1.0]}})
    for other in (".hidden.npy", ".npy", "notes.txt", "b/.0.npy", "b/thumbnail.png"):
        (folder / other).write_bytes(b"")
    (folder / ".cache").mkdir()
    found = features.scan(tmp_path, "x-UTT")
    assert found.clips == {"a": (f"{folder}/a.npy",), "b": (f"{folder}/b/0.npy",)}


def test_sets_that_are_there_are_named(tmp_path):
    user_folder.write_features(tmp_path, "b_UTT", {"a": [1.0]})
    user_folder.write_features(tmp_path, "a_FRA", {"a": [1.0]})
    assert features.list_sets(tmp_path) == ["a_FRA", "b_UTT"]
    with pytest.raises(InputError, match=r"no feature set 'c_UTT'; present: a_FRA, b_UTT$"):
        features.scan(tmp_path, "c_UTT")


def test_missing_folders(tmp_path):
    with pytest.raises(InputError, match=r"config\.data\.root: no folder .*absent"):
        features.scan(tmp_path / "absent", "x")
    with pytest.raises(InputError, match=r"no folder features/ in it"):
        features.scan(tmp_path, "x")
    (tmp_path / "features").mkdir()
    with pytest.raises(InputError, match=r"no feature set 'x'; present: none"):
        features.scan(tmp_path, "x")


def test_a_set_or_a_clip_without_features(tmp_path):
    folder = user_folder.write_features(tmp_path, "x", {})
    with pytest.raises(InputError, match=r"features/x: holds no features \(\.npy\)$"):
        features.scan(tmp_path, "x")
    for other in ("a.pt", "b.pt", "notes.txt"):
        (folder / other).touch()
    with pytest.raises(InputError, match=r"holds no features \(\.npy\); it holds 2 \.pt files$"):
        features.scan(tmp_path, "x")
    (folder / "clip").mkdir()
    found = features.scan(tmp_path, "x")
    assert found.clips == {}
    assert found.refused == {"clip": f"{folder}/clip: a clip's folder without frames (.npy)"}


def test_a_clip_as_a_file_and_as_a_folder_is_a_duplicate(tmp_path):
    user_folder.write_features(tmp_path, "x", {"a": [1.0]})
    user_folder.write_features(tmp_path, "x", {"a": {"0": [1.0]}})
    found = features.scan(tmp_path, "x")
    assert (found.clips, list(found.refused)) == ({}, ["a"])
    assert found.refused["a"].endswith("x: duplicate name 'a', as a.npy and as a folder")


def test_a_separator_in_a_features_name(tmp_path):
    found = scan(tmp_path, {"a\\b": [1.0], "c": [1.0]})
    assert list(found.clips) == ["c"]
    assert "holds a separator" in found.refused["a\\b"]


@pytest.mark.parametrize("name", ["..", "../features/x", "x/y", "a\tb"])
def test_a_sets_name_stays_in_the_folder(tmp_path, name):
    user_folder.write_features(tmp_path, "x", {"a": [1.0]})
    for reader in (features.scan, features.signature):
        with pytest.raises(InputError, match=r"^config\.features: "):
            reader(tmp_path, name)


def test_a_link_that_leads_nowhere(tmp_path):
    folder = user_folder.write_features(tmp_path, "x", {"a": [1.0]})
    without = features.signature(tmp_path, "x")
    (folder / "b.npy").symlink_to(tmp_path / "b.npy")
    dangling = features.signature(tmp_path, "x")
    (tmp_path / "b.npy").write_bytes(b"")
    assert len({without, dangling, features.signature(tmp_path, "x")}) == 3


def _level_times(folder):
    """So that a changed file shows by what else changed."""
    for path in folder.rglob("*"):
        os.utime(path, ns=(1, 1))


def _rewrite(path):
    path.write_bytes(user_folder.npy([2.0, 3.0]))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: _rewrite(folder / "a.npy"),
        lambda folder: _rewrite(folder / "b" / "0.npy"),
        lambda folder: os.utime(folder / "a.npy", ns=(1, 2)),
        lambda folder: os.utime(folder / "b" / "1.npy", ns=(1, 2)),
        lambda folder: (folder / "a.npy").unlink(),
        lambda folder: (folder / "a.npy").rename(folder / "c.npy"),
        lambda folder: (folder / "b" / "0.npy").unlink(),
        lambda folder: (folder / "b" / "0.npy").rename(folder / "b" / "2.npy"),
        lambda folder: (folder / "c.npy").write_bytes(user_folder.npy([1.0])),
    ],
)
def test_the_signature_follows_every_file(tmp_path, change):
    clips = {"a": [1.0], "b": {"0": [1.0], "1": [1.0]}, "d": [1.0]}
    folder = user_folder.write_features(tmp_path, "x-UTT", clips)
    _level_times(folder)
    before = features.signature(tmp_path, "x-UTT")
    assert features.signature(tmp_path, "x-UTT") == before
    change(folder)
    assert features.signature(tmp_path, "x-UTT") != before


# What lies among the clips and is none


def test_what_systems_leave_is_no_set_and_no_clip(tmp_path):
    user_folder.write_features(tmp_path, "x", {"a": [1.0], "b": {"0": [1.0]}})
    before = features.signature(tmp_path, "x")
    left = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", "__pycache__", ".ipynb_checkpoints")
    for name in left:
        user_folder.write_features(tmp_path, f"x/{name}", {"a": [2.0]})
        user_folder.write_features(tmp_path, f"x/b/{name}", {"a": [2.0]})
        user_folder.write_features(tmp_path, name, {"a": [2.0]})
    for name in ("._a.npy", ".DS_Store", "Thumbs.db", "desktop.ini", "a.npy.part", "b/._0.npy"):
        (tmp_path / "features" / "x" / name).write_bytes(b"")
    assert features.list_sets(tmp_path) == ["x"]
    found = features.scan(tmp_path, "x")
    assert (sorted(found.clips), found.refused) == (["a", "b"], {})
    assert len(found.clips["b"]) == 1
    assert features.signature(tmp_path, "x") == before


@pytest.mark.parametrize(
    "name", ["train", "Test", "val", "dev", "test3", "unlabelled", "train_corpus", "x"]
)
@pytest.mark.parametrize("content", [{"a": [1.0]}, {}, {"a": {"0": [1.0]}}])
def test_a_folder_of_clips_is_no_clip(tmp_path, name, content):
    user_folder.write_features(tmp_path, "x", {"b": [1.0], name: content})
    with pytest.raises(
        InputError, match=rf"features/x/{name}: by its name a folder of clips, .*x$"
    ):
        features.scan(tmp_path, "x")


def test_a_split_may_be_the_name_of_a_file(tmp_path):
    assert list(scan(tmp_path, {"test": [1.0]}).clips) == ["test"]


def test_copies_of_frames_are_left_out_and_said_so(tmp_path, caplog):
    frames = {"1": [1.0], "1 (1)": [2.0], "2": [3.0], "2 - Copy": [4.0], "3 (1)": [5.0]}
    found = scan(tmp_path, {"clip": frames, "clip (1)": {"1": [6.0]}})
    assert [os.path.basename(path) for path in found.clips["clip"]] == [
        "1.npy", "2.npy", "3 (1).npy"
    ]  # fmt: skip
    assert "clip (1)" in found.clips  # a clip of that name may be in the label file
    assert (
        "x-UTT: 2 frames are called copies of others and left out: clip/1 (1).npy, clip/2 - Copy"
        in caplog.text
    )


def test_names_without_a_feature_are_counted():
    with pytest.raises(InputError, match=r"^here: 4 names without a feature: b, c, d, \.\.\.$"):
        features.check_present(["a", "b", "c", "d", "e"], {"a": ()}, "here")
