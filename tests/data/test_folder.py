"""A folder of features without labels is read whole, at a model's level, or refused."""

import csv
import pathlib

import numpy as np
import pytest

from mer_jax.data import folder
from mer_jax.data.rows import Frames
from mer_jax.errors import InputError
from tests.support import user_folder


def test_every_clip_of_a_folder_without_labels(root):
    user_folder.write_features(
        root, "faces_FRA", {"b": {"0": [1.0, 2.0], "1": [3.0, 6.0]}, "a": [[5.0, 5.0]]}
    )
    user_folder.write_features(root, "x-UTT", {"a": np.array([1.0]), "b": [[2.0], [4.0]]})
    names, features = folder.read(root, {"audio": "x-UTT", "video": "faces_FRA"})
    assert names == ["a", "b"]
    assert {modality: x.tolist() for modality, x in features.items()} == {
        "audio": [[1], [3]], "video": [[5, 5], [2, 4]]
    }  # fmt: skip
    assert all(x.dtype == np.float32 for x in features.values())


def test_a_folders_frames_are_averaged_and_said_so(root, log):
    user_folder.write_features(
        root, "faces_FRA", {"a": [[5.0, 5.0], [1.0, 2.0]], "b": [[1.0, 1.0]]}
    )
    user_folder.write_features(root, "plain", {"a": [1.0], "b": [[2.0], [4.0]]})
    user_folder.write_features(root, "x-UTT", {"a": [1.0], "b": [[2.0], [4.0]]})
    sets = {"audio": "x-UTT", "text": "plain", "video": "faces_FRA"}
    folder.read(root, sets)
    assert log.messages == [
        "plain is frame level: its frames are averaged over time",
        "faces_FRA is frame level: its frames are averaged over time",
    ]
    log.clear()
    user_folder.write_features(root, "one_FRA", {"a": [[5.0, 5.0]]})
    folder.read(root, {"audio": "one_FRA"})
    assert log.messages == []


@pytest.mark.parametrize(("lacking", "there"), [("x-UTT", "y-UTT"), ("y-UTT", "x-UTT")])
def test_a_name_that_one_set_of_a_folder_lacks(root, lacking, there):
    user_folder.write_vectors(root, lacking, ["a"])
    user_folder.write_vectors(root, there, ["a", "b"])
    with pytest.raises(InputError, match=rf"{lacking}: 1 name without a feature: b; config"):
        folder.read(root, {"audio": "x-UTT", "text": "y-UTT"})


def test_two_sizes_in_a_folder(root):
    user_folder.write_features(root, "x-UTT", {"a": [1.0], "b": [1.0], "c": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"c\.npy: features of size 2, but a\.npy has size 1"):
        folder.read(root, {"audio": "x-UTT"})


def test_frames_stay_frames_for_a_model_that_takes_them(root):
    user_folder.write_features(root, "faces_FRA", {"b": [[1, 2], [3, 6]], "a": [[5, 5]]})
    user_folder.write_features(root, "x-UTT", {"a": [1.0], "b": [[2.0], [4.0]]})
    sets = {"audio": "x-UTT", "video": "faces_FRA"}
    names, features = folder.read(root, sets, level="frame")
    assert names == ["a", "b"]
    assert all(isinstance(x, Frames) for x in features.values())
    # A set of vectors, by its name, is one averaged frame a clip.
    assert [features["audio"].clip(i).tolist() for i in range(2)] == [[[1]], [[3]]]
    assert [features["video"].clip(i).tolist() for i in range(2)] == [[[5, 5]], [[1, 2], [3, 6]]]


def test_policies_hold_for_a_folder_too(root, log, tmp_path):
    user_folder.write_vectors(root, "x-UTT", ["a", "b", "c", "d", "a (1)"])
    user_folder.write_vectors(root, "y-UTT", ["a", "b", "d"])
    (root / "features" / "y-UTT" / "d.npy").write_bytes(b"")
    sets = {"audio": "x-UTT", "text": "y-UTT"}
    with pytest.raises(InputError, match=r"y-UTT/d\.npy: an empty file; config\.data\.bad=drop"):
        folder.read(root, sets)
    with pytest.raises(InputError, match=r"y-UTT: 1 name without a feature: c; config\.data\.mis"):
        folder.read(root, sets, bad="drop")
    assert folder.read(root, sets, bad="drop", missing="drop")[0] == ["a", "b"]
    names, features = folder.read(root, sets, bad="drop", missing="zero")
    assert names == ["a", "b", "c"]
    assert features["text"][2].tolist() == [0, 0, 0]
    assert features["text"][1].any()
    assert "left out: 1 clip without a label, by name a copy of another clip" in log.text
    assert "or a statistic: a (1)" in log.text


def test_each_long_list_has_a_file_of_its_own(root, tmp_path):
    names = [f"clip, {i}" for i in range(16)]
    user_folder.write_vectors(root, "x-UTT", names[:12])
    user_folder.write_vectors(root, "y-UTT", names)
    for feature_set, bad in (("x-UTT", names[:4]), ("y-UTT", names[4:8])):
        for name in bad:
            (root / "features" / feature_set / f"{name}.npy").write_bytes(b"")
    sets = {"audio": "x-UTT", "text": "y-UTT"}
    out = tmp_path / "out.csv"
    found, _ = folder.read(root, sets, bad="drop", missing="drop", lists_beside=out)
    assert found == sorted(names[8:12])
    for feature_set, bad in (("x-UTT", names[:4]), ("y-UTT", names[4:8])):
        lines = (tmp_path / f"out.{feature_set}.bad.txt").read_text().splitlines()
        assert [pathlib.Path(line.partition(".npy: ")[0]).name for line in lines] == bad
    with (tmp_path / "out.missing.csv").open() as file:
        assert [row[1] for row in csv.reader(file)] == sorted(names[12:])


def test_a_folder_of_which_no_clip_is_left(root):
    user_folder.write_vectors(root, "x-UTT", ["a"])
    user_folder.write_vectors(root, "y-UTT", ["b"])
    with pytest.raises(InputError, match=r"no clip has a feature in each of x-UTT, y-UTT$"):
        folder.read(root, {"audio": "x-UTT", "text": "y-UTT"}, missing="drop")
