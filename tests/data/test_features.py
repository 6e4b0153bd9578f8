"""Feature folders are listed exactly and read as float32 rows; what is no feature is refused."""

import os

import numpy as np
import pytest

from mer_jax.data import features
from mer_jax.errors import InputError
from tests.support import user_folder


def read(tmp_path, content):
    path = tmp_path / "clip.npy"
    path.write_bytes(user_folder.npy(content))
    return features.read_array(path)


def scan(tmp_path, clips, feature_set="x-UTT"):
    user_folder.write_features(tmp_path, feature_set, clips)
    return features.scan(tmp_path, feature_set)


def header(text):
    """An `.npy` file with this header, and 24 bytes of zeros after it."""
    encoded = text.encode()
    return b"\x93NUMPY\x01\x00" + len(encoded).to_bytes(2, "little") + encoded + bytes(24)


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


def test_frames_are_sorted_by_file_name(tmp_path):
    frames = {"0002": [2.0], "0010": [10.0], "0001": [1.0], "a": [11.0], "0003": [3.0]}
    found = scan(tmp_path, {"clip": frames})
    rows = features.read_clip(found.clips["clip"])
    np.testing.assert_array_equal(rows, [[1], [2], [3], [10], [11]])


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
    with pytest.raises(InputError, match=r"features/x: holds no features"):
        features.scan(tmp_path, "x")
    (folder / "clip").mkdir()
    with pytest.raises(InputError, match=r"features/x/clip: a clip's folder without frames"):
        features.scan(tmp_path, "x")


def test_a_clip_as_a_file_and_as_a_folder_is_a_duplicate(tmp_path):
    user_folder.write_features(tmp_path, "x", {"a": [1.0]})
    user_folder.write_features(tmp_path, "x", {"a": {"0": [1.0]}})
    with pytest.raises(InputError, match=r"x: duplicate name 'a', as a\.npy and as a folder"):
        features.scan(tmp_path, "x")


def test_a_separator_in_a_features_name(tmp_path):
    with pytest.raises(InputError, match=r"x-UTT: the name .* holds a separator"):
        scan(tmp_path, {"a\\b": [1.0]})


@pytest.mark.parametrize("name", ["..", "../features/x", "x/y", "a\tb"])
def test_a_sets_name_stays_in_the_folder(tmp_path, name):
    user_folder.write_features(tmp_path, "x", {"a": [1.0]})
    for reader in (features.scan, features.signature):
        with pytest.raises(InputError, match=r"^config\.features: "):
            reader(tmp_path, name)


def test_a_link_that_leads_nowhere(tmp_path):
    folder = user_folder.write_features(tmp_path, "x", {"a": [1.0]})
    (folder / "b.npy").symlink_to(tmp_path / "unmounted" / "b.npy")
    with pytest.raises(InputError, match=r"x/b\.npy: cannot be read: No such file"):
        features.signature(tmp_path, "x")


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
    assert features.level(scan(tmp_path, {"a": np.ones((rows, 2))}, name)) == level


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
    assert features.level(scan(tmp_path, clips, name)) == level


# Reading an array


@pytest.mark.parametrize("dtype", ["f2", "<f4", ">f4", "<f8", ">f8", "i2", "<i8", "u1"])
def test_every_width_becomes_float32(tmp_path, dtype):
    rows = read(tmp_path, np.array([[0, 1, 2], [3, 100, 7]], dtype))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 1, 2], [3, 100, 7]])


def test_float64_is_rounded_to_the_nearest_float32(tmp_path):
    third, tiny = 1 / 3, 1e-300
    rows = read(tmp_path, np.array([third, tiny, 16777217.0]))
    assert rows.tolist() == [[0.3333333432674408, 0.0, 16777216.0]]


@pytest.mark.parametrize(
    ("array", "rows"),
    [
        ([1.0, 2.0], [[1, 2]]),
        ([[1.0, 2.0]], [[1, 2]]),
        ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[1, 2], [3, 4], [5, 6]]),
        (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), [[1, 2], [3, 4]]),
    ],
)
def test_shapes_become_rows(tmp_path, array, rows):
    np.testing.assert_array_equal(read(tmp_path, array), rows)


def test_a_later_version_of_the_format(tmp_path):
    path = tmp_path / "clip.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.array([1.0, 2.0]), version=(2, 0))
    np.testing.assert_array_equal(features.read_array(path), [[1, 2]])


def test_the_mean_is_taken_in_float64():
    # Summed in float32, 2^24 + 1 + 1 + 2 loses both ones.
    rows = np.array([[2**24, 1], [1, 2], [1, 3], [2, 6]], np.float32)
    mean = features.mean_over_frames(rows)
    assert mean.dtype == np.float32
    assert mean.tolist() == [4194305.0, 3.0]


def test_the_mean_of_one_row_is_that_row():
    row = np.array([[0.1, -3e38, 1e-45]], np.float32)
    assert features.mean_over_frames(row).tobytes() == row.tobytes()


def test_frames_may_have_several_rows(tmp_path):
    found = scan(tmp_path, {"clip": {"0": [1.0, 2.0], "1": [[3.0, 4.0], [8.0, 0.0]]}})
    rows = features.read_clip(found.clips["clip"])
    np.testing.assert_array_equal(rows, [[1, 2], [3, 4], [8, 0]])
    assert features.mean_over_frames(rows).tolist() == [4, 2]


# What is no feature


NO_FEATURES = {
    "empty": (b"", "an empty file"),
    "text": (b"0.1 0.2 0.3\n", "not a readable .npy file"),
    "magic alone": (b"\x93NUMPY", "not a readable .npy file"),
    "an archive": (b"PK\x03\x04" + bytes(100), "not a readable .npy file"),
    "unclosed header": (header("{'descr': '<f4', 'shape': (6,"), "not a readable .npy file"),
    "unclosed string": (header("{'descr': '''<f4"), "not a readable .npy file"),
    "empty dtype": (
        header("{'descr': (), 'fortran_order': False, 'shape': (6,)}"),
        "not a readable .npy file",
    ),
    "long header": (header("{" + " " * 20000 + "}"), "not a readable .npy file"),
    "promises more": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}"),
        "its header promises 28 bytes, the file holds 24",
    ),
    "promises far more": (
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999)}"),
        "its header promises 79999998400000008 bytes, the file holds 24",
    ),
    "promises less": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}"),
        "its header promises 20 bytes, the file holds 24",
    ),
    "a boolean length": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 6)}"),
        "shape (True, 6)",
    ),
    "negative lengths": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3)}"),
        "shape (-2, -3)",
    ),
    "scalar": (np.float32(1), "shape (); a feature is (D,), (1, D) or (T, D)"),
    "three axes": (np.ones((1, 2, 3)), "shape (1, 2, 3); a feature is (D,), (1, D) or (T, D)"),
    "no columns": (np.ones((3, 0)), "shape (3, 0)"),
    "no rows": (np.ones((0, 3)), "shape (0, 3)"),
    "words": (np.array(["a", "b"]), "holds <U1, not numbers"),
    "truth": (np.array([True, False]), "holds bool, not numbers"),
    "complex": (np.array([1j]), "holds complex128, not numbers"),
    "fields": (np.zeros(2, [("x", "f4")]), "holds [('x', '<f4')], not numbers"),
    "one NaN": ([1.0, np.nan, 2.0], "1 of 3 values are NaN or infinite"),
    "infinite": ([[np.inf, 1.0], [-np.inf, np.nan]], "3 of 4 values are NaN or infinite"),
    "too large for float32": ([1e39, 1.0], "1 of 2 values are NaN or infinite in float32"),
    "signalling NaN": (
        np.array([0x7FF0000000000001, 0], np.uint64).view(np.float64),
        "1 of 2 values are NaN or infinite",
    ),
}


@pytest.mark.parametrize(("content", "sentence"), NO_FEATURES.values(), ids=NO_FEATURES)
def test_what_is_no_feature_is_refused(tmp_path, content, sentence):
    with pytest.raises(InputError) as refusal:
        read(tmp_path, content)
    assert str(refusal.value).startswith(f"{tmp_path}/clip.npy: {sentence}")
    assert "\n" not in str(refusal.value)


class _Marks:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_an_array_of_objects_is_refused_and_not_run(tmp_path):
    marker = tmp_path / "marker"
    path = tmp_path / "clip.npy"
    np.save(path, np.array([_Marks(marker)], object))
    np.load(path, allow_pickle=True)
    assert marker.exists(), "the file would not have harmed anyone"
    marker.rmdir()
    with pytest.raises(InputError, match=r"clip\.npy: holds object, not numbers"):
        features.read_array(path)
    assert not marker.exists()


@pytest.mark.parametrize("array", [np.arange(5.0), np.ones((3, 2), np.float16)])
def test_a_truncated_array_is_refused_wherever_it_ends(tmp_path, array):
    whole = user_folder.npy(array)
    for length in range(len(whole)):
        with pytest.raises(InputError, match=r"clip\.npy"):
            read(tmp_path, whole[:length])


@pytest.mark.parametrize("byte", [0x00, 0x20, 0x27, 0x28, 0x2C, 0x31, 0x0A, 0xFF])
def test_a_damaged_header_raises_nothing_else(tmp_path, byte):
    whole = user_folder.npy(np.arange(1.0, 6.0))
    refused = 0
    for position in range(len(whole) - 5 * 8):
        damaged = bytearray(whole)
        damaged[position] = byte
        try:
            assert read(tmp_path, bytes(damaged)).dtype == np.float32
        except InputError as refusal:
            refused += 1
            assert "\n" not in str(refusal)
    assert refused > 20


def test_frames_of_two_sizes(tmp_path):
    found = scan(tmp_path, {"clip": {"0": [1.0, 2.0], "1": [3.0, 4.0], "2": [5.0]}})
    with pytest.raises(InputError, match=r"clip/2\.npy: features of size 1, but 1\.npy has size 2"):
        features.read_clip(found.clips["clip"])


def test_names_without_a_feature_are_counted():
    with pytest.raises(InputError, match=r"^here: 4 names have no feature: b, c, d, \.\.\.$"):
        features.check_present(["a", "b", "c", "d", "e"], {"a": ()}, "here")
