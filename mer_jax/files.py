"""Writing files and folders whole or not at all, and reading back what was written."""

from __future__ import annotations

import contextlib
import csv
import errno
import glob
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mer_jax.errors import InputError

if TYPE_CHECKING:
    import numpy as np

_WORDS = {
    dict: "a dictionary", list: "a list", str: "a text", int: "a whole number",
    float: "a number", type(None): "null",
}  # fmt: skip

_SPACE = "free some space and start again; finished training is kept"
_PERMISSION = "give this user read and write permission, or name another folder, and start again"
# The system's refusals that a user can resolve, and how.
REFUSALS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and start again; finished "
    "training is kept",
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: _PERMISSION,
}

_PATTERN = set("[]*?{}\\")

ABSENT = object()  # among the forms of a key that earlier versions did not write


@contextlib.contextmanager
def folder_beside(target: pathlib.Path, doing: str) -> Iterator[pathlib.Path]:
    """Creates an empty folder `.DOING-...` beside `target`, to be renamed into place when whole.

    Removes what is left of it in the end, and what killed processes left of theirs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = _name_beside(target, doing)
    with naming(target, beside):
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{beside.name}-", dir=target.parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def plain_path(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folder by a path that no library takes for a pattern: its own, or a link to it.

    orbax looks for its arrays with a glob, in which [ and \\ mean something.
    """
    if not set(str(folder)) & _PATTERN:
        yield folder
        return
    temporary = tempfile.gettempdir()
    if set(temporary) & _PATTERN:
        temporary = "/tmp"  # TMPDIR has such a name too
    with tempfile.TemporaryDirectory(prefix="mer_jax-", dir=temporary) as place:
        link = pathlib.Path(place) / "link"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link


def write_bytes(path: pathlib.Path, *content: bytes) -> None:
    """Writes the parts of `content` beside `path`, flushes to disk and renames into place.

    Removes what killed processes left of theirs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path, _name_beside(path, path.name), content)


@contextlib.contextmanager
def many(folder: pathlib.Path) -> Iterator[Callable[..., None]]:
    """Gives a function as `write_bytes` for a folder's many files: it takes a name, not a path.

    Creates the folder. What killed processes left of theirs is looked for once, not for each file.
    One thread at a time may write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = _name_beside(folder / "file", "writing")
    yield lambda name, *content: _write_whole(folder / name, beside, content)


def _write_whole(path: pathlib.Path, beside: pathlib.Path, content: Iterable[bytes]) -> None:
    with naming(path, beside):
        try:
            with beside.open("wb") as file:
                file.writelines(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _name_beside(target: pathlib.Path, what: str) -> pathlib.Path:
    """`.WHAT-HOST@PROCESS` beside `target`; removes what dead processes left under such names."""
    # The name has the host because a disk may be shared: the processes of another host are not
    # visible here, so what they left stays.
    ours = f".{what}-{platform.node()}@"
    for left in target.parent.glob(f"{glob.escape(ours)}*"):
        if not _runs(left.name.removeprefix(ours).partition("-")[0]):
            with contextlib.suppress(OSError):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return target.with_name(f"{ours}{os.getpid()}")


def _runs(process: str) -> bool:
    """Whether a process of that number runs; True for what is not a number, which is left alone."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):  # the last: another user's
        return True
    return True


@contextlib.contextmanager
def naming(target: pathlib.Path, beside: pathlib.Path | None = None) -> Iterator[None]:
    """Turns a failure of the body to write `target` into an OSError that names it.

    Python names no file when a write fails, and a user does not know the file `beside`. Libraries
    raise exceptions of their own that contain the system's message. Errors about other files pass
    unchanged.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        number = _refusal(error, str(beside or target))
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(target)) from error


def _refusal(error: Exception, where: str) -> int | None:
    """The number of the system's refusal (REFUSALS) behind an exception, if it is about `where`."""
    if isinstance(error, OSError) and error.errno is not None:
        about_it = error.filename is None or str(error.filename).startswith(where)
        return error.errno if about_it and error.errno in REFUSALS else None
    text = str(error)
    return next((n for n in REFUSALS if where in text and os.strerror(n) in text), None)


def write_array(path: pathlib.Path, array: np.ndarray) -> None:
    """Writes a `.npy` file as np.save does, but a full disk raises the system's own error."""
    import numpy as np  # which not every command needs

    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.data)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes `text` as UTF-8, its line ends as they are."""
    write_bytes(path, text.encode())


def write_json(path: pathlib.Path, content) -> None:
    """Writes `content` as JSON in the order of its keys; NaN is refused, not written."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: pathlib.Path, form) -> Any:
    """The content of a JSON file that an earlier command wrote.

    `form` describes the parts that are used: a type, `[form]` for a list, `{"key": form}` for a
    dictionary with at least these keys, `{str: form}` for one with any keys, a tuple where one of
    several forms fits; with ABSENT in the tuple the key may be missing.

    Raises:
      InputError: the content is not JSON, or has another form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file: {error}") from None
    fault = _fault(content, form, "")
    if fault:
        raise InputError(
            f"{path}: {fault}; the file is damaged or was edited; use another --workdir"
        )
    return content


def _fault(content, form, where: str) -> str | None:
    if isinstance(form, tuple):
        faults = [_fault(content, each, where) for each in form if each is not ABSENT]
        return None if None in faults else faults[-1]
    kind = form if isinstance(form, type) else type(form)
    kinds = (int, float) if kind is float else kind
    if not isinstance(content, kinds) or isinstance(content, bool):
        return f"{where or 'its content'} is not {_WORDS[kind]}"
    parts = []
    if isinstance(form, list):
        parts = [(f"{where}[{i}]", part, form[0]) for i, part in enumerate(content)]
    elif isinstance(form, dict):
        dotted = f"{where}." if where else ""
        wanted = dict.fromkeys(content, form[str]) if str in form else form
        absent = [key for key in wanted if key not in content]
        for key in absent:
            if not (isinstance(wanted[key], tuple) and ABSENT in wanted[key]):
                return f"{dotted}{key} is missing"
        parts = [
            (f"{dotted}{key}", content[key], each) for key, each in wanted.items() if key in content
        ]
    return next(filter(None, (_fault(part, each, at) for at, part, each in parts)), None)


def write_csv(path: pathlib.Path, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Writes a CSV file with Unix line ends."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


def sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
