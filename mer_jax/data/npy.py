"""Reading one `.npy` file of features as float32 rows; what is no feature is refused."""

import io
import pathlib
from typing import BinaryIO

import numpy as np

from mer_jax.errors import InputError

UTTERANCE = "utterance"
FRAME = "frame"


def read_array(path: str | pathlib.Path, size: int | None = None) -> np.ndarray:
    """One `.npy` file as float32 [T, D]; axes of length 1 are squeezed, `(D,)` reads as one row.

    A column `(n, 1)` is one vector where the set's `size` is n, n frames where it is 1. Raises
    InputError for an empty or truncated file, one that needs a pickle, a shape that is no feature,
    a column in a set of unknown size, and values that are not finite.
    """
    try:
        with open(path, "rb") as opened:
            data = opened.read()
    except OSError as error:
        raise _unreadable(path, error) from None
    file = io.BytesIO(data)
    shape, fortran_order, dtype = _header(file, path)
    rows, columns = _squeezed(shape, path)
    if rows > 1 and columns == 1:
        if size is None:
            raise InputError(
                f"{path}: shape {shape} can be one vector or {rows} frames of one value; save it "
                "as (D,) or (T, D), or let the feature set's name end in _UTT or _FRA"
            )
        rows, columns = (rows, 1) if size == 1 else (1, rows)
    promised = dtype.itemsize * rows * columns
    held = len(data) - file.tell()
    if promised != held:
        raise InputError(
            f"{path}: holds {held} bytes of values, and its header says {promised}; write it anew"
        )
    array = np.frombuffer(data, dtype, offset=file.tell())
    array = array.reshape(shape, order="F" if fortran_order else "C")
    with np.errstate(over="ignore", invalid="ignore"):
        rows_TxD = array.reshape(rows, columns).astype(np.float32)
    finite = np.isfinite(rows_TxD)
    if not finite.all():
        bad = int(rows_TxD.size - finite.sum())
        raise InputError(f"{path}: {bad} of {rows_TxD.size} values are NaN or infinite in float32")
    return rows_TxD


def read_shape(path: str | pathlib.Path) -> tuple[int, int]:
    """The shape [T, D] of a file by its header alone; a column is (n, 1), whatever it means."""
    try:
        with open(path, "rb") as opened:
            shape, _, _ = _header(opened, path)
    except OSError as error:
        raise _unreadable(path, error) from None
    return _squeezed(shape, path)


def _unreadable(path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be read: {error.strerror}")


def read_header(file: BinaryIO, where) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The shape, Fortran order and dtype that begin a `.npy` file; InputError for what is none.

    `where` names the file in the message.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        return np.lib.format.read_array_header_2_0(file)
    except Exception as error:  # a header is parsed as Python: a damaged one raises anything
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where}: not a readable .npy file: {reason}") from None


def _header(file: BinaryIO, path) -> tuple[tuple[int, ...], bool, np.dtype]:
    if not file.read(1):
        raise InputError(f"{path}: an empty file")
    file.seek(0)
    shape, fortran_order, dtype = read_header(file, path)
    if dtype.kind not in "fiu":
        raise InputError(f"{path}: holds {dtype}, not numbers; save the array alone, as float32")
    return shape, fortran_order, dtype


def _squeezed(shape: tuple[int, ...], path) -> tuple[int, int]:
    """T and D of an array's shape without its axes of length 1, as the field's loaders squeeze."""
    wrong = not shape or any(isinstance(n, bool) or n < 1 for n in shape)
    long = () if wrong else tuple(n for n in shape if n > 1)
    if wrong or len(long) > 2:
        raise InputError(f"{path}: shape {shape}; a feature is (D,), (1, D) or (T, D)")
    if len(long) == 2:
        return long
    return (1, shape[-1]) if not long or shape[-1] > 1 else (long[0], 1)
