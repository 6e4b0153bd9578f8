"""Arrays of ONNX files: however they are written, and one sentence for all else."""

import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.models.encoders import onnx_files
from tests.support import onnx_files as made


def test_arrays_of_a_file_are_read_however_they_are_written(tmp_path):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.float32([0.5])}
    for how in ({}, {"packed": True}, {"raw": False}):
        found = onnx_files.read(made.write(tmp_path / "a.onnx", arrays, **how))
        assert set(found) == {"a", "b"}  # whole numbers are left out
        np.testing.assert_array_equal(found["a"], arrays["a"])
        np.testing.assert_array_equal(found["b"], arrays["b"])


@pytest.mark.parametrize("what", ["text", "cut", "empty", "flipped", "absent"])
def test_files_that_are_none_are_a_sentence(tmp_path, what):
    path = made.write(tmp_path / "vad.onnx", {"a": np.ones(100)})
    content = path.read_bytes()
    if what == "absent":
        path.unlink()
    else:
        path.write_bytes(
            {"text": b"no model", "cut": content[:-9], "empty": b"", "flipped": b"\xff" * 99}[what]
        )
    with pytest.raises(InputError, match=r"vad\.onnx: (not an ONNX file|cannot be read)"):
        onnx_files.read(path)


def test_edited_files_give_arrays_or_a_sentence(tmp_path):
    path = made.write(tmp_path / "a.onnx", {"a": np.ones((2, 3)), "b": np.ones(4)})
    content = path.read_bytes()
    refused = 0
    for at in range(len(content)):
        for change in (0x01, 0x80, 0xFF):
            path.write_bytes(content[:at] + bytes([content[at] ^ change]) + content[at + 1 :])
            try:
                found = onnx_files.read(path)
            except InputError as error:
                assert str(error).startswith(f"{path}: not an ONNX file with weights: ")
                assert "\n" not in str(error)
                refused += 1
            else:
                assert all(array.dtype == np.float32 for array in found.values())
    assert refused > len(content) / 2
