"""PyTorch's older checkpoint files, written byte by byte: no test needs PyTorch for them."""

import io
import pathlib
import pickle
import struct
import zipfile

import numpy as np

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


class Global(str):
    """A name in a pickle: `module name`."""


class Call(tuple):
    """A call in a pickle: the function's Global and its arguments."""


class Persistent(tuple):
    """A persistent id in a pickle."""


def pickled(value) -> bytes:
    """The program of protocol 2 that builds a value."""
    return b"\x80\x02" + _code(value) + b"."


def _code(value) -> bytes:
    if isinstance(value, Global):
        return b"c" + value.replace(" ", "\n").encode() + b"\n"
    if isinstance(value, Call):
        return _code(value[0]) + _code(tuple(value[1:])) + b"R"
    if isinstance(value, Persistent):
        return _code(tuple(value)) + b"Q"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_code, value)) + b"t"
    if isinstance(value, dict):
        items = b"".join(_code(key) + _code(entry) for key, entry in value.items())
        return _code(Call((Global("collections OrderedDict"),))) + b"(" + items + b"u"
    return pickle.dumps(value, 2)[2:-1]


def tensor(array: np.ndarray, key: str, legacy: bool, *, count=None, stride=None, offset=0) -> Call:
    """The call that rebuilds an array from the storage `key`."""
    stride = stride or tuple(step // array.itemsize for step in array.strides)
    pid = (
        "storage",
        Global(f"torch {STORAGES[array.dtype.name]}"),
        key,
        "cpu",
        array.size if count is None else count,
        *((None,) if legacy else ()),
    )
    rebuild = Global("torch._utils _rebuild_tensor_v2")
    return Call((rebuild, Persistent(pid), offset, array.shape, stride, False, {}))


def write_zip(path: pathlib.Path, tensors: dict[str, np.ndarray], content=None) -> None:
    """Writes the zip form; `content` is pickled in place of the tensors' dictionary."""
    keys = {name: str(i) for i, name in enumerate(tensors)}
    if content is None:
        content = {name: tensor(array, keys[name], False) for name, array in tensors.items()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(content))
        archive.writestr("archive/byteorder", "little")
        for name, array in tensors.items():
            archive.writestr(f"archive/data/{keys[name]}", array.tobytes())


def write_legacy(path: pathlib.Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes the form before PyTorch 1.6: a row of pickles, then the storages."""
    keys = {name: f"9{i}" for i, name in enumerate(tensors)}
    content = {name: tensor(array, keys[name], True) for name, array in tensors.items()}
    file = io.BytesIO()
    file.write(pickle.dumps(0x1950A86A20F9469CFC6C, 2))
    file.write(pickle.dumps(1001, 2))
    file.write(pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2))
    file.write(pickled(content))
    file.write(pickle.dumps(list(keys.values()), 2))
    for array in tensors.values():
        file.write(struct.pack("<q", array.size) + array.tobytes())
    path.write_bytes(file.getvalue())
