"""Reading one `.npy` file of features as float32 rows; what is no feature is refused."""

import io
import pathlib
from typing import BinaryIO

import numpy as np

from mer_jax.errors import InputError

UTTERANCE = "utterance"
FRAME = "frame"
_FORMS = "a feature is (D,), (1, D) or (T, D)"


def read_array(path: str | pathlib.Path, level: str | None = None) -> np.ndarray:
    """One `.npy` file as float32 [T, D]; axes of length 1 are squeezed, `(D,)` reads as one row.

    `level` decides what a column `(n, 1)` is: a vector (UTTERANCE) or n frames of size 1 (FRAME).
    Raises InputError for an empty or truncated file, one that needs a pickle, a shape that is no
    feature, a column of unknown level, and values that are not finite.
    """
    try:
        with open(path, "rb") as opened:
            data = opened.read()
    except OSError as error:
        raise _unreadable(path, error) from None
    file = io.BytesIO(data)
    shape, fortran_order, dtype = _header(file, path)
    rows, size = _rows_and_size(shape, path, level)
    promised = dtype.itemsize * rows * size
    held = len(data) - file.tell()
    if promised != held:
        raise InputError(f"{path}: its header promises {promised} bytes, the file holds {held}")
    array = np.frombuffer(data, dtype, offset=file.tell())
    array = array.reshape(shape, order="F" if fortran_order else "C")
    with np.errstate(over="ignore", invalid="ignore"):
        rows_TxD = array.reshape(rows, size).astype(np.float32)
    finite = np.isfinite(rows_TxD)
    if not finite.all():
        bad = int(rows_TxD.size - finite.sum())
        raise InputError(f"{path}: {bad} of {rows_TxD.size} values are NaN or infinite in float32")
    return rows_TxD


def read_shape(path: str | pathlib.Path, level: str | None = None) -> tuple[int, int]:
    """The shape [T, D] that `read_array` would give, from the file's header alone."""
    try:
        with open(path, "rb") as opened:
            shape, _, _ = _header(opened, path)
    except OSError as error:
        raise _unreadable(path, error) from None
    return _rows_and_size(shape, path, level)


def _unreadable(path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be read: {error.strerror}")


def _header(file: BinaryIO, path) -> tuple[tuple[int, ...], bool, np.dtype]:
    if not file.read(1):
        raise InputError(f"{path}: an empty file")
    file.seek(0)
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(file)
    except Exception as error:  # a header is parsed as Python: a damaged one raises anything
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a readable .npy file: {reason}") from None
    if dtype.kind not in "fiu":
        raise InputError(f"{path}: holds {dtype}, not numbers; save the array alone, as float32")
    return shape, fortran_order, dtype


def _rows_and_size(shape: tuple[int, ...], path, level: str | None) -> tuple[int, int]:
    """T and D of an array's shape without its axes of length 1, as the field's loaders squeeze."""
    if not shape or any(isinstance(n, bool) or n < 1 for n in shape):
        raise InputError(f"{path}: shape {shape}; {_FORMS}")
    long = tuple(n for n in shape if n > 1)
    if len(long) > 2:
        raise InputError(f"{path}: shape {shape}; {_FORMS}")
    if len(long) == 2:
        return long
    if not long or shape[-1] > 1:
        return 1, shape[-1]
    (length,) = long
    if level is None:
        raise InputError(
            f"{path}: shape {shape} can be one vector or {length} frames of one value; save it as "
            "(D,) or (T, D), or let the feature set's name end in _UTT or _FRA"
        )
    return (1, length) if level == UTTERANCE else (length, 1)
