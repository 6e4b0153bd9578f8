"""CSV files as people have them: columns by name, any line end, errors that say where."""

import csv
import hashlib
import io
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mer_jax import files
from mer_jax.errors import InputError, counted, first_few


class Row(NamedTuple):
    """A line of a file: where it stands and its cells by column."""

    line: int
    cells: Mapping[str, str]


class Table(NamedTuple):
    """A CSV file: its columns as they are looked for (lower case, stripped), and its lines."""

    path: pathlib.Path
    columns: tuple[str, ...]
    rows: list[Row]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def where(self, row: Row) -> str:
        """The file and the line for a message."""
        return f"{self.path}, line {row.line}"


def read_text(path: pathlib.Path, what: str = "file") -> str:
    """The text of a file, without its byte order mark, line ends as `\\n`."""
    if not path.is_file():
        there = "is a folder" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {there}; expected {what}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}; expected {what}") from None
    if "\0" in text:
        raise InputError(f"{path}: holds binary data; expected {what}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_table(path: pathlib.Path, needed: Sequence[str]) -> Table:
    """A CSV file that has at least the columns `needed`.

    Columns are found whatever their case, their order and the blanks around them; others are
    ignored by whoever reads. Raises InputError naming the columns found and those needed.
    """
    what = f"a CSV file with {','.join(needed)}"
    text = read_text(path, what)
    rows: list[Row] = []
    columns: tuple[str, ...] | None = None
    try:
        reader = csv.reader(io.StringIO(text), strict=True)
        line = 1
        for cells in reader:
            begin, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = tuple(cell.strip().lower() for cell in cells)
                _check_columns(path, columns, needed)
            elif len(cells) != len(columns):
                raise InputError(
                    f"{path}, line {begin}: {len(cells)} cells, but the header has {len(columns)}; "
                    "put a cell that holds a comma in double quotes"
                )
            else:
                rows.append(Row(begin, dict(zip(columns, cells, strict=True))))
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: not a CSV file: {error}; expected {what}") from None
    if columns is None:
        raise InputError(f"{path}: empty; expected {what}")
    return Table(path, columns, rows)


def _check_columns(path: pathlib.Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in columns]
    if lacking:
        raise InputError(
            f"{path}: no column {' and '.join(lacking)}; found: {','.join(columns)}; "
            f"needed: {','.join(needed)}"
        )
    twice = [name for name in needed if columns.count(name) > 1]
    if twice:
        raise InputError(f"{path}: the column {twice[0]} stands in its header twice")


def by_name(table: Table, column: str, key: str = "name") -> dict[str, Row]:
    """The rows by their name, in the order of the file.

    Raises InputError for an empty name, and for one on two lines naming both.
    """
    found: dict[str, Row] = {}
    for row in table:
        name = row.cells[key].strip()
        if not name:
            raise InputError(f"{table.where(row)}: the {key} is empty")
        if name in found:
            raise InputError(
                f"{table.path}: {name!r} is listed twice, on lines {found[name].line} and "
                f"{row.line}; "
                f"keep one {column} a {key}"
            )
        found[name] = row
    if not found:
        raise InputError(f"{table.path}: holds a header and no line below it")
    return found


def sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file; of a folder, of its files' names and sums in sorted order."""
    if path.is_dir():
        parts = (
            f"{child.relative_to(path)} {sha256(child)}"
            for child in sorted(path.rglob("*"))
            if child.is_file()
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return files.sha256(path)


def check_covered(
    wanted: Iterable[str], found: Iterable[str], where: pathlib.Path, what: str, advice: str
) -> None:
    """Refuses names of `wanted` that `found` lacks, with how many and the first three."""
    there = set(found)
    lacking = [name for name in wanted if name not in there]
    if lacking:
        raise InputError(
            f"{where}: {counted(len(lacking), 'clip')} without {what}: {first_few(lacking)}; "
            f"{advice}"
        )
