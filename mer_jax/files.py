"""Writing files and folders whole or not at all, and reading back what was written."""

import contextlib
import csv
import glob
import io
import json
import os
import pathlib
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from mer_jax.errors import InputError

_WORDS = {
    dict: "a dictionary", list: "a list", str: "a text", int: "a whole number",
    float: "a number", type(None): "null",
}  # fmt: skip

ABSENT = object()  # among the forms of a key that earlier versions did not write


@contextlib.contextmanager
def folder_beside(target: pathlib.Path, doing: str) -> Iterator[pathlib.Path]:
    """An empty folder `.DOING-...` beside `target`, to be renamed into place when it is whole.

    What is left of it goes in the end, and with it what killed processes left of theirs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # The host stands in the name because a disk may be shared: another's processes are not ours
    # to see, so its folders stay.
    ours = f".{doing}-{platform.node()}-"
    for left in target.parent.glob(f"{glob.escape(ours)}*"):
        if not _runs(left.name.removeprefix(ours).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    beside = pathlib.Path(tempfile.mkdtemp(prefix=f"{ours}{os.getpid()}-", dir=target.parent))
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _runs(process: str) -> bool:
    """Whether a process of that number runs; what is no number is left alone, as if it did."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):  # the last: another user's
        return True
    return True


def write_bytes(path: pathlib.Path, content: bytes) -> None:
    """Writes `content` beside `path`, flushes it to disk and renames it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes `text` as UTF-8, its line ends as they are."""
    write_bytes(path, text.encode())


def write_json(path: pathlib.Path, content) -> None:
    """Writes `content` as JSON in the order of its keys; NaN is refused, not written."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: pathlib.Path, form) -> Any:
    """The content of a JSON file that an earlier command wrote.

    `form` says what is relied on: a type, `[form]` for a list, `{"key": form}` for a dictionary
    with at least these keys, `{str: form}` for one with any, a tuple where one of several fits;
    with ABSENT in it the key may be missing.

    Raises:
      InputError: the content is no JSON, or has another form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file: {error}") from None
    fault = _fault(content, form, "")
    if fault:
        raise InputError(f"{path}: {fault}; no command here wrote it so; use another --workdir")
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
