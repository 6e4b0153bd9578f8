"""`.npy`, `.npz` and zip files that hold texts: nothing in them is executed, sizes are bounded."""

import io
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mer_jax.data import pickles
from mer_jax.data.npy import read_header
from mer_jax.errors import InputError, first_few

MAX_TEXT = 1 << 20  # bytes of one clip's text
_MAX_MEMBER = 1 << 28  # bytes of an array of many texts
# What zipfile raises for damaged, encrypted or unknown kinds of archives.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError
)  # fmt: skip


def read_npz(path: pathlib.Path, keys: Sequence[str]) -> dict[str, Any]:
    """The arrays `keys` of an npz as plain values; pickled ones are read by an allow-list.

    An array without dimensions is its one value, others are lists. Raises InputError for other
    keys, what is no text, and pickles that name anything to call.
    """
    found = {}
    for name, size, read in _members(path):
        key = name.removesuffix(".npy")
        if key not in keys:
            raise InputError(f"{path}: holds {name}; expected the arrays {', '.join(keys)} alone")
        if size > _MAX_MEMBER:
            raise InputError(f"{path}, {name}: {size} bytes; expected at most {_MAX_MEMBER}")
        found[key] = read_array(read(), f"{path}, {name}", allow_pickles=True)
    lacking = [key for key in keys if key not in found]
    if lacking:
        raise InputError(
            f"{path}: lacks {', '.join(lacking)}; found: {', '.join(found) or 'nothing'}"
        )
    return found


def read_zip(path: pathlib.Path) -> dict[str, Any]:
    """The content of each `NAME.npy` in a zip file by NAME, whatever folder it lies in there."""
    found: dict[str, Any] = {}
    for member, size, read in _members(path):
        parts = pathlib.PurePosixPath(member).parts
        if member.endswith("/") or "__MACOSX" in parts or parts[-1].startswith("."):
            continue  # what archivers add
        if not member.endswith(".npy"):
            raise InputError(f"{path}: holds {member}; expected NAME.npy files alone")
        _check_size(size, f"{path}, {member}")
        name = pathlib.PurePosixPath(member).stem
        if name in found:
            raise InputError(f"{path}: holds {name}.npy twice; keep one file a clip")
        found[name] = read_array(read(), f"{path}, {member}")
    if not found:
        raise InputError(f"{path}: holds no NAME.npy file")
    return found


def read_folder(path: pathlib.Path) -> dict[str, Any]:
    """The content of each `NAME.npy` in a folder by NAME."""
    found = {}
    for file in sorted(path.glob("*.npy")):
        _check_size(file.stat().st_size, str(file))
        found[file.stem] = read_array(file.read_bytes(), str(file))
    if not found:
        some = first_few(sorted(child.name for child in path.iterdir())) or "nothing"
        raise InputError(f"{path}: holds no NAME.npy file; found: {some}")
    return found


def _check_size(size: int, where: str) -> None:
    if size > MAX_TEXT:
        raise InputError(f"{where}: {size} bytes; the words of a clip take less than {MAX_TEXT}")


def _members(path: pathlib.Path) -> Iterator[tuple[str, int, Any]]:
    """Name, size and reader of each member of a zip file."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                yield member.filename, member.file_size, lambda m=member: archive.read(m)
    except InputError:
        raise
    except _UNREADABLE as error:
        raise InputError(f"{path}: not a readable zip or npz file: {error}") from None


def read_array(content: bytes, where: str, allow_pickles: bool = False) -> Any:
    """The text, or the list of texts, of a `.npy` file's content.

    Raises InputError for pickled content where it is not allowed, and for what is no text.
    """
    file = io.BytesIO(content)
    shape, _, dtype = read_header(file, where)
    if dtype.hasobject:
        if not allow_pickles:
            raise InputError(
                f"{where}: refused, its content is pickled; expected a text, as "
                "np.save(path, \"['happy', 'glad']\") writes it"
            )
        return pickles.read_plain(file, where)
    if dtype.kind != "U":
        raise InputError(f"{where}: holds {dtype} {shape}; expected texts")
    try:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False).tolist()
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where}: not a readable .npy file: {reason}") from None
