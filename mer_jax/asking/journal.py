"""The record of requests: JSONL, a line an answer, which any kill leaves readable."""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from mer_jax import files
from mer_jax.errors import InputError, first_few

OK, REFUSED, UNREADABLE, FAILED = "ok", "refused", "unreadable", "failed"
_KEYS = ("id", "names", "status", "settings")


class Journal:
    """The lines of a file by request, and a place for more."""

    def __init__(self, path: pathlib.Path, file: int, lines: list[dict[str, Any]]):
        self._path, self._file = path, file
        self._by_id: dict[str, dict[str, Any]] = {}
        self._recorded: set[tuple[str, tuple[str, ...]]] = set()
        for line in lines:
            self._remember(line)

    def _remember(self, line: dict[str, Any]) -> None:
        self._by_id[line["id"]] = line
        self._recorded.add((line["id"], tuple(line["names"])))

    def __contains__(self, request: str) -> bool:
        return request in self._by_id

    def __getitem__(self, request: str) -> dict[str, Any]:
        return self._by_id[request]

    def holds(self, request: str, names: tuple[str, ...]) -> bool:
        """Whether the answer to a request is recorded for these inputs."""
        return (request, names) in self._recorded

    def append(self, line: dict[str, Any]) -> None:
        """Writes a line; whoever is killed later leaves it whole."""
        content = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        with files.naming(self._path):
            while content:
                content = content[os.write(self._file, content) :]
        self._remember(line)


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Journal]:
    """The record in `path`, for a body in which no other process writes it.

    A last line that a kill has torn is cut off. Raises InputError for a file that is no record,
    which stays as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{path}: another process asks into it; wait for its end, or name another --out"
            ) from None
        lines, whole = _read(path)
        if whole < os.fstat(file).st_size:
            os.ftruncate(file, whole)
        yield Journal(path, file, lines)
    finally:
        os.close(file)


def _read(path: pathlib.Path) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a record, and how many bytes they take."""
    content = path.read_bytes()
    whole, _, torn = content.rpartition(b"\n")
    lines = []
    for number, text in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            line = json.loads(text)
            is_line = isinstance(line, dict) and all(key in line for key in _KEYS)
        except (ValueError, RecursionError):
            is_line = False
        if not is_line:
            raise InputError(
                f"{path}, line {number}: not what --mode=ask writes; name another --out"
            )
        lines.append(line)
    if torn and not lines and not torn.startswith(b'{"id"'[: len(torn)]):
        raise InputError(f"{path}: not what --mode=ask writes; name another --out")
    return lines, len(whole) + 1 if whole else 0


def read_answers(path: pathlib.Path, texts: bool = False) -> Iterator[tuple[str, Any]]:
    """The answer of each name, None where there is none; with `texts` the text as it came.

    Raises InputError for a file that is no record, and for answers of two settings, which would
    mix two systems into one score.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; --mode=ask writes it")
    lines, _ = _read(path)
    answered = [line for line in lines if line["status"] == OK]
    settings = {line["settings"]: line for line in answered}
    if len(settings) > 1:
        which = [f"{line['model']}, {line['prompt']}" for line in settings.values()]
        raise InputError(
            f"{path}: holds answers of {len(settings)} settings ({first_few(which)}), which would "
            "be mixed; ask each into a file of its own"
        )
    if not lines:
        raise InputError(f"{path}: holds no answer")
    found: dict[str, Any] = {name: None for line in lines for name in line["names"]}
    for line in answered:
        answers = [line["text"]] if texts else line["answers"]
        found.update(zip(line["names"], answers, strict=True))
    yield from found.items()


def settings_of(model: str, prompt: str, parameters: Mapping[str, Any]) -> str:
    """What answers must have in common to be one system's."""
    return json.dumps([model, prompt, parameters], sort_keys=True, ensure_ascii=False)
