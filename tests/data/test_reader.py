"""A feature set is read clip by clip: its level, its size, and all that is wrong with its clips."""

import numpy as np
import pytest

from mer_jax.data import features
from mer_jax.data.reader import Reader
from tests.support import user_folder


def reader(tmp_path, clips, feature_set="x-UTT"):
    user_folder.write_features(tmp_path, feature_set, clips)
    return Reader(features.scan(tmp_path, feature_set))


def read(tmp_path, clips, feature_set="x"):
    """Every clip's rows and the sentences about those that have none, without the folder."""
    found = reader(tmp_path, clips, feature_set)
    rows = {name: found.rows(name) for name in features.scan(tmp_path, feature_set).clips}
    folder = f"{tmp_path}/features/{feature_set}/"
    faults = {name: fault.removeprefix(folder) for name, fault in found.faults.items()}
    return {name: x.tolist() for name, x in rows.items() if x is not None}, faults


# The level of a set


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("manet_UTT", "utterance"),
        ("chinese-hubert-large-UTT", "utterance"),
        ("manet_FRA", "frame"),
        ("chinese-hubert-large-FRA", "frame"),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_the_ending_decides_the_level(tmp_path, name, level, rows):
    assert reader(tmp_path, {"a": np.ones((rows, 2))}, name).level == level


@pytest.mark.parametrize(
    ("clips", "level"),
    [
        ({"a": np.ones(2), "b": np.ones((1, 2))}, "utterance"),
        ({"a": np.ones(2), "b": {"0": np.ones(2)}}, "utterance"),
        ({"a": np.ones(2), "b": np.ones((2, 2))}, "frame"),
        ({"a": np.ones(2), "b": {"0": np.ones(2), "1": np.ones(2)}}, "frame"),
    ],
)
@pytest.mark.parametrize("name", ["hubert", "hubertUTT", "FRA-hubert", "x-UTT-2", "x-utt"])
def test_without_an_ending_the_content_decides(tmp_path, clips, level, name):
    assert reader(tmp_path, clips, name).level == level


def test_what_cannot_be_read_tells_no_level(tmp_path):
    assert reader(tmp_path, {"a": b"", "b": np.ones(2)}, "x").level == "utterance"
    assert reader(tmp_path, {"a": b"", "b": np.ones(2), "c": np.ones((2, 2))}, "x").level == "frame"


# Rows


def test_frames_are_sorted_by_file_name(tmp_path):
    frames = {"0002": [2.0], "0010": [10.0], "0001": [1.0], "a": [11.0], "0003": [3.0]}
    assert read(tmp_path, {"clip": frames}) == ({"clip": [[1], [2], [3], [10], [11]]}, {})


def test_frames_may_have_several_rows(tmp_path):
    found = reader(tmp_path, {"clip": {"0": [1.0, 2.0], "1": [[3.0, 4.0], [8.0, 0.0]]}})
    assert found.rows("clip").tolist() == [[1, 2], [3, 4], [8, 0]]
    assert found.vector("clip").tolist() == [4, 2]


COLUMN = np.arange(3.0)[:, None]
AS_VECTOR, AS_FRAMES = [[0, 1, 2]], [[0], [1], [2]]


@pytest.mark.parametrize(
    ("feature_set", "others", "rows"),
    [
        ("x", {"b": np.ones(3)}, AS_VECTOR),
        ("x_FRA", {"b": np.ones((2, 3))}, AS_VECTOR),
        ("x", {"b": np.ones(1)}, AS_FRAMES),
        ("x_UTT", {"b": np.ones((1, 1))}, AS_FRAMES),
        ("x_UTT", {}, AS_VECTOR),
        ("x_FRA", {}, AS_FRAMES),
        ("x_FRA", {"b": np.ones((2, 1))}, AS_FRAMES),
    ],
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_column_is_what_fits_the_other_clips_or_the_sets_name(
    tmp_path, feature_set, others, rows, is_folder
):
    clips = {"a": {"0": COLUMN} if is_folder else COLUMN, **others}
    found, faults = read(tmp_path, clips, feature_set)
    assert found["a"] == rows
    assert faults == {}


def test_columns_alone_are_refused(tmp_path):
    rows, faults = read(tmp_path, {"a": COLUMN, "b": {"0": COLUMN}}, "x")
    assert rows == {}
    for fault in faults.values():
        assert "shape (3, 1) can be one vector or 3 frames of one value; save it as (D,)" in fault


def test_columns_of_vectors_are_no_frames(tmp_path):
    assert reader(tmp_path, {"a": COLUMN, "b": np.ones(3)}, "x").level == "utterance"
    assert reader(tmp_path, {"a": COLUMN, "b": np.ones(1)}, "y").level == "frame"


def test_every_fault_of_a_set_is_collected(tmp_path):
    clips = {
        "a": [1.0],
        "b": [1.0, np.nan],
        "c": [1.0, 2.0],
        "d": b"",
        "e": {"0": [1.0, 2.0], "1": [3.0, 4.0], "2": [5.0]},
        "f": {},
        "g": ["x", "y"],
        "h": [3.0, 4.0],
        "=1+1": [5.0, 6.0],
    }
    user_folder.write_features(tmp_path, "x", {"i": [1.0, 2.0]})
    (tmp_path / "features" / "x" / "j.npy").symlink_to(tmp_path / "unmounted.npy")
    rows, faults = read(tmp_path, {**clips, "i": {"0": [1.0, 2.0]}})
    assert rows == {"c": [[1, 2]], "h": [[3, 4]]}
    folder = f"{tmp_path}/features/x"
    assert {name: fault.removeprefix(f"{folder}: ") for name, fault in faults.items()} == {
        "a": "a.npy: features of size 1, but b.npy has size 2",
        "b": "b.npy: 1 of 2 values are NaN or infinite in float32",
        "d": "d.npy: an empty file",
        "e": "e/2.npy: features of size 1, but 1.npy has size 2",
        "f": "f: a clip's folder without frames (.npy)",
        "g": "g.npy: holds <U1, not numbers; save the array alone, as float32",
        "i": "duplicate name 'i', as i.npy and as a folder",
        "j": "j.npy: cannot be read: No such file or directory",
        "=1+1": "the name '=1+1' is a formula to a spreadsheet that opens the predictions; rename "
        "the clip",
    }


def test_the_size_is_what_most_clips_have(tmp_path):
    clips = {f"{i:03d}": np.ones(3) for i in range(200)}
    clips |= {"000": np.ones(2), "100": b"", "199": np.ones(4)}
    found = reader(tmp_path, clips)
    assert found.size == 3
    for name in clips:
        found.rows(name)
    assert sorted(found.faults) == ["000", "100", "199"]
    assert found.faults["199"].endswith(".npy has size 3")


def test_a_set_of_which_nothing_can_be_read(tmp_path):
    found = reader(tmp_path, {"a": b"", "b": b""})
    assert (found.size, found.rows("a"), found.vector("b")) == (0, None, None)
    assert sorted(found.faults) == ["a", "b"]
