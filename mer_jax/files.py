"""Writing files whole or not at all."""

import csv
import io
import json
import os
import pathlib
from collections.abc import Iterable


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


def write_csv(path: pathlib.Path, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Writes a CSV file with Unix line ends."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
