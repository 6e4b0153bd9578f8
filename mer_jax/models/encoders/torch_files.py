"""PyTorch's older checkpoints (.bin, .pth), read by an allow-list: nothing of them is run.

Both of their forms: the zip archive of PyTorch 1.6 and later, and the row of pickles before it.
"""

import io
import math
import pathlib
import pickle
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from mer_jax.data.pickles import UNREADABLE_ZIP, Stub, Unpickler
from mer_jax.errors import InputError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older form
_LEGACY_PROTOCOL = 1001  # the second
_STORAGES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
_MAX_PICKLE_BYTES = 100_000_000  # of names and shapes; the values stand outside it
_NESTED = ("state_dict", "model", "model_state")  # under which training programs put the weights
_UNREADABLE = (
    *UNREADABLE_ZIP, KeyError, IndexError, TypeError, AttributeError, OverflowError, MemoryError,
    RecursionError, pickle.UnpicklingError,
)  # fmt: skip


class _Storage(NamedTuple):
    """Values that stand elsewhere in the file, under a key."""

    key: str
    dtype: np.dtype
    count: int


class _Tensor(NamedTuple):
    """A tensor of a pickle: where its values stand."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def of(self, values: np.ndarray) -> np.ndarray:
        """The tensor as a view of its storage's values."""
        reach = sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        size = math.prod(self.shape)
        if (
            min((self.offset, *self.shape, *self.stride)) < 0
            or size > len(values)
            or (size and self.offset + reach >= len(values))
        ):
            raise ValueError("a tensor is larger than its storage")
        bytes_each = values.itemsize
        return np.lib.stride_tricks.as_strided(
            values[self.offset :], self.shape, [step * bytes_each for step in self.stride]
        )


class _Dict(dict):
    """An ordered dictionary whose attributes (PyTorch's version numbers) are left out."""

    def __setstate__(self, state):
        pass


class _Ignored:
    """An object of a training program beside the weights: empty, and it runs nothing."""

    __slots__ = ()

    def __new__(cls, *_):
        return super().__new__(cls)

    def __setstate__(self, state):
        pass


# What published checkpoints hold beside their weights: a training's options, and its records.
_IGNORED = (
    ("argparse", "Namespace"),
    ("__main__", "RecorderMeter"),  # MA-Net's
    *((f"fairseq.{module}meters", f"{kind}Meter")
      for module in ("", "logging.") for kind in ("Average", "Time", "Stopwatch")),
)  # fmt: skip


def _tensor(storage, offset, shape, stride, *_):
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("holds a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _parameter(tensor, *_):
    return tensor


_ALLOWED: dict[tuple[str, str], Any] = {
    **Unpickler.allowed,
    **dict.fromkeys(_IGNORED, _Ignored),
    ("collections", "OrderedDict"): Stub(_Dict),
    ("torch", "Size"): Stub(tuple),
    ("torch._utils", "_rebuild_tensor"): Stub(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Stub(_tensor),
    ("torch._utils", "_rebuild_parameter"): Stub(_parameter),
    ("torch.serialization", "_get_layout"): Stub(str),
    **{("torch", name): name for name in _STORAGES},
}


class _TorchUnpickler(Unpickler):
    """Storages are named by a persistent id: ('storage', kind, key, place, count, ...)."""

    allowed = _ALLOWED

    def __init__(self, file):
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def persistent_load(self, pid):
        kind, name, key, _, count, *view = pid
        if kind != "storage" or name not in _STORAGES or any(view):
            raise pickle.UnpicklingError(f"refers to a {kind!r} of {name!r}")
        storage = _Storage(str(key), np.dtype(_STORAGES[name]), int(count))
        if self.storages.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError("holds one storage as two kinds")
        return storage


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name; raises InputError for what is not one.

    What the file names beside tensors and dictionaries is refused, never called.
    """
    try:
        with path.open("rb") as file:
            return _read_zip(file) if zipfile.is_zipfile(file) else _read_legacy(file)
    except PermissionError:
        raise
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0] or "it ends too early"
        raise InputError(
            f"{path}: refused, not plain weights: {reason}; save them as safetensors"
        ) from None


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        pickled = next(name for name in [*archive.namelist(), ""] if name.endswith("data.pkl"))
        top = pickled.removesuffix("data.pkl")
        order = "<"
        if f"{top}byteorder" in archive.namelist():
            order = ">" if archive.read(f"{top}byteorder") == b"big" else "<"

        def values(storage: _Storage) -> np.ndarray:
            member = archive.getinfo(f"{top}data/{storage.key}")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("its storages are compressed")
            if member.file_size != storage.count * storage.dtype.itemsize:
                raise ValueError("a storage is cut off")
            return np.frombuffer(archive.read(member), storage.dtype.newbyteorder(order))

        if archive.getinfo(pickled).file_size > _MAX_PICKLE_BYTES:
            raise ValueError("its pickle is too large for names and shapes")
        return _resolve(_TorchUnpickler(io.BytesIO(archive.read(pickled))).load(), values)


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    file.seek(0)
    if _TorchUnpickler(file).load() != _LEGACY_MAGIC:
        raise ValueError("it is neither form of PyTorch's files")
    if _TorchUnpickler(file).load() != _LEGACY_PROTOCOL:
        raise ValueError("its protocol is unknown")
    order = "<" if _TorchUnpickler(file).load().get("little_endian", True) else ">"
    unpickler = _TorchUnpickler(file)
    content = unpickler.load()
    begins = {}
    end = file.seek(0, io.SEEK_CUR)
    size = file.seek(0, io.SEEK_END)
    file.seek(end)
    for key in _TorchUnpickler(file).load():
        (count,) = np.frombuffer(file.read(8), f"{order}i8")
        storage = unpickler.storages[str(key)]
        begins[storage.key] = file.tell()
        end = file.seek(storage.count * storage.dtype.itemsize, io.SEEK_CUR)
        if storage.count != count or end > size:
            raise ValueError("a storage is cut off")

    def values(storage: _Storage) -> np.ndarray:
        file.seek(begins[storage.key])
        content = file.read(storage.count * storage.dtype.itemsize)
        return np.frombuffer(content, storage.dtype.newbyteorder(order), storage.count)

    return _resolve(content, values)


def _tensors(content: Any) -> Iterator[tuple[str, _Tensor]]:
    """The named tensors of a checkpoint, or of the dictionary in it that holds the weights."""
    if not isinstance(content, dict):
        raise ValueError(f"expected a dictionary, found {type(content).__name__.strip('_')}")
    for nested in _NESTED:
        if isinstance(content.get(nested), dict):
            content = content[nested]
    for name, value in content.items():
        if isinstance(value, _Tensor):
            yield str(name), value


def _resolve(content: Any, values: Callable[[_Storage], np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of all tensors; tensors that share a storage share its values."""
    read: dict[str, np.ndarray] = {}
    found = {}
    for name, tensor in _tensors(content):
        if tensor.storage.key not in read:
            read[tensor.storage.key] = values(tensor.storage)
        found[name] = tensor.of(read[tensor.storage.key])
    if not found:
        raise ValueError("it holds no tensors")
    return found
