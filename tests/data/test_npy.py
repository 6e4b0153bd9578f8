"""An array file is read as float32 rows; what is no feature is refused."""

import os

import numpy as np
import pytest

from mer_jax.data import npy
from mer_jax.errors import InputError
from tests.support import user_folder


def read(tmp_path, content, size=None):
    path = tmp_path / "clip.npy"
    path.write_bytes(user_folder.npy(content))
    return npy.read_array(path, size)


def header(text):
    """An `.npy` file with this header, and 24 bytes of zeros after it."""
    encoded = text.encode()
    return b"\x93NUMPY\x01\x00" + len(encoded).to_bytes(2, "little") + encoded + bytes(24)


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


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        ((1,), (1, 1)),
        ((1, 1), (1, 1)),
        ((1, 1, 1), (1, 1)),
        ((6,), (1, 6)),
        ((1, 6), (1, 6)),
        ((1, 1, 6), (1, 6)),
        ((1, 1, 1, 6), (1, 6)),
        ((2, 3), (2, 3)),
        ((1, 2, 3), (2, 3)),
        ((2, 1, 3), (2, 3)),
        ((2, 3, 1), (2, 3)),
        ((1, 2, 1, 3, 1), (2, 3)),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_axes_of_length_one_are_squeezed(tmp_path, shape, rows, order):
    values = np.arange(np.prod(shape), dtype=np.float32)
    array = np.asarray(values.reshape(shape), order=order)
    np.testing.assert_array_equal(read(tmp_path, array), values.reshape(rows))
    assert npy.read_shape(tmp_path / "clip.npy") == rows


@pytest.mark.parametrize("shape", [(4, 1), (1, 4, 1), (4, 1, 1)])
@pytest.mark.parametrize(("size", "rows"), [(4, (1, 4)), (1, (4, 1)), (3, (1, 4))])
def test_what_a_column_is_follows_from_the_sets_size(tmp_path, shape, size, rows):
    values = np.arange(4, dtype=np.float32)
    found = read(tmp_path, values.reshape(shape), size)
    np.testing.assert_array_equal(found, values.reshape(rows))
    assert npy.read_shape(tmp_path / "clip.npy") == (4, 1)


def test_a_later_version_of_the_format(tmp_path):
    path = tmp_path / "clip.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.array([1.0, 2.0]), version=(2, 0))
    np.testing.assert_array_equal(npy.read_array(path), [[1, 2]])


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
    "header says more": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}"),
        "holds 24 bytes of values, and its header says 28; write it anew",
    ),
    "header says far more": (
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999)}"),
        "holds 24 bytes of values, and its header says 79999998400000008; write it anew",
    ),
    "header says less": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}"),
        "holds 24 bytes of values, and its header says 20; write it anew",
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
    "three axes": (np.ones((2, 2, 3)), "shape (2, 2, 3); a feature is (D,), (1, D) or (T, D)"),
    "a picture's features": (np.ones((1, 7, 7, 4)), "shape (1, 7, 7, 4); a feature is"),
    "a column": (np.ones((4, 1)), "shape (4, 1) can be one vector or 4 frames of one value; save"),
    "a column in a batch": (np.ones((1, 4, 1)), "shape (1, 4, 1) can be one vector or 4 frames"),
    "bfloat16": (np.zeros(2, np.uint16).view("V2"), "holds |V2, not numbers; save the array"),
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
        npy.read_array(path)
    assert not marker.exists()


def test_a_shape_is_read_from_the_header_alone(tmp_path):
    path = tmp_path / "clip.npy"
    path.write_bytes(user_folder.npy(np.full((5, 3), np.nan))[:-7])
    assert npy.read_shape(path) == (5, 3)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"clip\.npy: an empty file"):
        npy.read_shape(path)
    with pytest.raises(InputError, match=r"gone\.npy: cannot be read: No such file"):
        npy.read_shape(tmp_path / "gone.npy")


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
