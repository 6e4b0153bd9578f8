"""Reading pickled dictionaries out of an `.npz` file by an allow-list: nothing of them is run."""

import io
import math
import pathlib
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from mer_jax.data.npy import read_header
from mer_jax.errors import InputError

_MAX_MEMBER_BYTES = 1 << 30
MAX_VALUES = 10_000_000  # of a plain pickle: 20,000 clips with hundreds of words
_MAX_DEPTH = 8
# What zipfile raises for damaged, encrypted or unknown kinds of archives.
UNREADABLE_ZIP = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError
)  # fmt: skip


def read_npz(path: pathlib.Path) -> dict[str, dict]:
    """The dictionaries of a label file by corpus; its pickles are read by an allow-list."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                member.filename.removesuffix(".npy"): _read_member(archive, member, path)
                for member in archive.infolist()
            }
    except PermissionError:
        raise
    except UNREADABLE_ZIP as error:
        raise InputError(f"{path}: not a readable npz file: {error}") from None


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: pathlib.Path) -> dict:
    where = f"{path}, {member.filename}"
    if member.file_size > _MAX_MEMBER_BYTES:
        raise InputError(f"{where}: {member.file_size} bytes are too many for a label file")
    file = io.BytesIO(archive.read(member))
    shape, _, dtype = read_header(file, where)
    if shape != () or not dtype.hasobject:
        raise InputError(f"{where}: expected one pickled dictionary, found {dtype} {shape}")
    content = _unpickle(file, where)
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected a dictionary, found {type(content).__name__}")
    return content


# A pickle is a program that may call whatever it can name. What follows is all that a label
# file's program can name: stand-ins that build plain Python values and touch nothing of NumPy's.


class Stub:
    """A callable that a pickle may name; its state cannot be set."""

    __slots__ = ("_call",)

    def __init__(self, call):
        self._call = call

    def __call__(self, *arguments):
        """What a pickle's call of it gives."""
        return self._call(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("sets the state of a function")


class _DType:
    """A dtype in a pickle: one of the plain kinds, with its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code, *_):
        if not isinstance(code, str) or code[:1] not in ("O", "f", "i", "u", "b", "U"):
            raise pickle.UnpicklingError(f"holds an array of dtype {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state):
        self.order = {"<": "<", ">": ">"}.get(state[1], "=")

    def values(self, data) -> Iterator:
        if not isinstance(data, bytes) or self.code[0] == "O":
            raise pickle.UnpicklingError("holds raw bytes for objects")
        return iter(np.frombuffer(data, np.dtype(self.code).newbyteorder(self.order)).tolist())


class _Array:
    """An array in a pickle: its values as a flat list."""

    __slots__ = ("shape", "values")

    def __init__(self, *_):
        self.shape, self.values = (), []

    def __setstate__(self, state):
        _, shape, dtype, _, data = state
        if not isinstance(dtype, _DType):
            raise pickle.UnpicklingError("holds an array without a dtype")
        values = list(data) if isinstance(data, list) else list(dtype.values(data))
        if len(values) != math.prod(shape):
            raise pickle.UnpicklingError("holds an array whose size is not its shape's")
        self.shape, self.values = shape, values

    def item(self):
        if self.shape != ():
            raise pickle.UnpicklingError(f"holds an array of shape {self.shape} for a value")
        return self.values[0]


def _scalar(dtype, data):
    if not isinstance(dtype, _DType):
        raise pickle.UnpicklingError("holds a scalar without a dtype")
    return next(dtype.values(data))


def _encode(text, encoding):
    """How protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"encodes as {encoding!r}")
    return text.encode("latin-1")


_ALLOWED = {
    **{
        (f"numpy.{core}.multiarray", name): Stub(call)
        for core in ("core", "_core")  # NumPy 1.x and 2.x
        for name, call in (("_reconstruct", _Array), ("scalar", _scalar))
    },
    ("numpy", "dtype"): Stub(_DType),
    ("numpy", "ndarray"): Stub(_Array),
    ("_codecs", "encode"): Stub(_encode),
}


class Unpickler(pickle._Unpickler):
    """Knows what `allowed` holds by module and name, and nothing else.

    In Python: the one in C takes memory for whatever memo index a stream of ten bytes names.
    """

    allowed = _ALLOWED

    def find_class(self, module, name):
        """What a pickle gets for a name; raises UnpicklingError for all that is not allowed."""
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"its pickle asks for {module}.{name}")
        return self.allowed[module, name]


def read_plain(file: io.BytesIO, where: str) -> Any:
    """The plain value of a pickle: texts, numbers, None, and lists and dictionaries of such.

    `file` stands where the pickle begins; arrays and tuples become lists. Raises InputError for
    anything else, and for more than MAX_VALUES values: a few bytes can put one list into the next
    twice, and so on.
    """
    left = MAX_VALUES

    def plain(value, depth: int = 0):
        nonlocal left
        left -= 1
        if left < 0 or depth > _MAX_DEPTH:
            raise pickle.UnpicklingError("holds too many values")
        if isinstance(value, _Array):
            return plain(value.item() if value.shape == () else value.values, depth + 1)
        if isinstance(value, dict):
            return {plain(k, depth + 1): plain(entry, depth + 1) for k, entry in value.items()}
        if isinstance(value, list | tuple):
            return [plain(entry, depth + 1) for entry in value]
        if value is None or isinstance(value, str | int | float):
            return value
        raise pickle.UnpicklingError(f"holds a {type(value).__name__.strip('_')}")

    return _unpickle(file, where, plain, "a plain list or dictionary")


def _unpickle(file: io.BytesIO, where: str, plain=None, what: str = "a plain label file"):
    try:
        return (plain or _plain)(Unpickler(file).load())
    except Exception as error:  # whatever a damaged or hostile stream provokes, it is refused
        reason = str(error).partition("\n")[0] or "it ends too early"
        raise InputError(f"{where}: refused, not {what}: {reason}") from None


def _plain(value, depth: int = 0):
    """The value without stand-ins: clips by name, labels by key, and nothing deeper.

    A few bytes can put one dictionary into the next twice, and so on: to follow that to its end
    would take for ever.
    """
    if isinstance(value, _Array):
        return _plain(value.item(), depth)
    if isinstance(value, dict) and depth < 2:
        return {key: _plain(entry, depth + 1) for key, entry in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    raise pickle.UnpicklingError(f"holds a {type(value).__name__.strip('_')}")
