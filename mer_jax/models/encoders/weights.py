"""The weights and the config of a model in a folder of Hugging Face's layout, without PyTorch."""

import json
import pathlib
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import ml_dtypes
import numpy as np

from mer_jax import extras
from mer_jax import files as files_lib
from mer_jax.errors import InputError, counted, first_few
from mer_jax.models.encoders import torch_files

CONFIG = "config.json"
# What a folder may hold the weights in; the first that is there is read.
FILES = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
_TORCH_SUFFIXES = (".pth", ".pt")  # a single file that ends so is taken, whatever its name
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_HUB_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "*.bin")
_MAX_HEADER_BYTES = 100_000_000  # safetensors' own bound
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
T = TypeVar("T")


class Checkpoint(NamedTuple):
    """What a folder holds: its config, its weights by name, and the files they are in."""

    folder: pathlib.Path
    config: dict[str, Any]
    tensors: dict[str, np.ndarray]  # of the kinds that the files have; not yet in memory
    files: tuple[pathlib.Path, ...]


def locate(name: str | pathlib.Path) -> pathlib.Path:
    """The folder of a model: `name` itself, or what the hub has under that name, downloaded.

    Raises InputError where it is neither.
    """
    folder = pathlib.Path(name)
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(str(name)):
        raise InputError(f"{name}: no such folder; give one with {CONFIG} and {FILES[0]}")
    huggingface_hub = extras.load(
        "huggingface_hub", "extract", f"{name}: no such folder, and fetching it from the hub"
    )
    try:
        return pathlib.Path(
            huggingface_hub.snapshot_download(str(name), allow_patterns=list(_HUB_FILES))
        )
    except Exception as error:  # its errors are of many libraries; all mean that there is no model
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"{name}: no such folder, and the hub did not give it: {reason}; download it where "
            "there is a network, and name its folder"
        ) from None


def read(folder: pathlib.Path, config: Mapping[str, Any] | None = None) -> Checkpoint:
    """The checkpoint of a folder, whose config is `config` where it has none.

    Raises InputError for a file that is missing or not readable.
    """
    config = config_of(folder, config)
    files = files_of(folder)
    tensors: dict[str, np.ndarray] = {}
    for file in files:
        reader = _read_safetensors if file.suffix == ".safetensors" else torch_files.read
        tensors.update(reader(file))
    return Checkpoint(folder, config, tensors, files)


def config_of(folder: pathlib.Path, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a folder's config.json says, or `config` where there is none."""
    path = folder / CONFIG
    return read_json(path) if config is None or path.is_file() else dict(config)


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object of a JSON file; raises InputError where it is missing or something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path.parent}: no {path.name}; a model's folder in Hugging Face's layout has one"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable JSON file: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object, found {type(content).__name__}")
    return content


def check_shapes(
    path: pathlib.Path,
    found: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    wanted: str,
    advice: str = "",
) -> None:
    """Raises InputError where a file, `wanted`, lacks an array or has it in another shape."""
    for name, shape in shapes.items():
        if name not in found or found[name].shape != shape:
            what = f"is {list(found[name].shape)}" if name in found else "is missing"
            raise InputError(f"{path}: not {wanted}: {name} {what}{advice}")


def sha256(paths: tuple[pathlib.Path, ...]) -> dict[str, str]:
    """The SHA-256 of each file by its name."""
    return {path.name: files_lib.sha256(path) for path in paths}


def settings(kind: type[T], config: Mapping[str, Any], where: pathlib.Path) -> T:
    """The fields of a NamedTuple that `config` has, and not as null; the others by default."""
    found = {}
    defaults = kind._field_defaults
    for key, default in defaults.items():
        value = config.get(key)
        value = default if value is None else value
        if isinstance(default, tuple) and isinstance(value, list | tuple):
            value = tuple(value)
        elif isinstance(default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            raise InputError(f"{where}: {key}={value!r} is not a {type(default).__name__}")
        found[key] = value
    return kind(**found)


def files_of(folder: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """The files of a folder's weights; raises InputError where there are none."""
    for name in FILES:
        if (folder / name).is_file():
            return (folder / name,)
        index = folder / f"{name}.index.json"
        if index.is_file():
            shards = read_json(index).get("weight_map")
            if not isinstance(shards, dict) or not all(
                isinstance(shard, str) and pathlib.Path(shard).name == shard
                for shard in shards.values()
            ):
                raise InputError(f"{index}: weight_map does not name files of this folder")
            files = tuple(folder / shard for shard in sorted(set(shards.values())))
            absent = [file.name for file in files if not file.is_file()]
            if absent:
                raise InputError(
                    f"{index}: names {counted(len(absent), 'file')} that the folder lacks: "
                    f"{first_few(absent)}"
                )
            return files
    others = [path for path in sorted(folder.iterdir()) if path.suffix in _TORCH_SUFFIXES]
    if len(others) == 1:
        return tuple(others)
    raise InputError(
        f"{folder}: no weights; expected one of {', '.join(FILES)}, or a single file *.pth"
    )


def _read_safetensors(path: pathlib.Path) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of a file, as views of it; the format is an 8-byte length, JSON and the bytes."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER_BYTES:
                raise ValueError(f"its header would have {length} bytes")
            header = json.loads(file.read(length))
        data = np.memmap(path, np.uint8, "r", offset=8 + length)
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), entry["shape"]
                content = data[begin:end]
                if begin < 0 or len(content) != end - begin:
                    raise ValueError("it is cut off; download it again")
                yield name, content.view(dtype).reshape(shape)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise InputError(f"{path}: not a readable safetensors file: {error}") from None
