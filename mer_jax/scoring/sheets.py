"""The first sheet of an `.xlsx` file as rows of text, read with the standard library alone."""

import pathlib
import re
import zipfile
import zlib
from xml.etree import ElementTree

from mer_jax.errors import InputError

_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SHEET = "xl/worksheets/sheet1.xml"
_STRINGS = "xl/sharedStrings.xml"
_MAX_BYTES = 1 << 24  # of one part; the wheels' largest has 170 KB
_MAX_COLUMN = 1 << 10
_REFERENCE = re.compile(r"([A-Z]{1,3})\d+")


def read_sheet(path: pathlib.Path) -> list[list[str]]:
    """The rows of the first sheet, all as long as the longest; an empty cell is "".

    Raises InputError for a file that is no such workbook.
    """
    try:
        with zipfile.ZipFile(path) as book:
            strings: list[str] = []
            if _STRINGS in book.namelist():
                strings = [
                    _text(item) for item in _part(book, _STRINGS, path).iter(f"{_NAMESPACE}si")
                ]
            rows = [
                _row(row, strings, path)
                for row in _part(book, _SHEET, path).iter(f"{_NAMESPACE}row")
            ]
    except (KeyError, IndexError, ValueError, zipfile.BadZipFile, zlib.error, EOFError,
            RuntimeError, NotImplementedError, ElementTree.ParseError) as error:  # fmt: skip
        raise InputError(f"{path}: not a readable .xlsx workbook: {error}") from None
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _part(book: zipfile.ZipFile, name: str, path: pathlib.Path) -> ElementTree.Element:
    if book.getinfo(name).file_size > _MAX_BYTES:
        raise InputError(f"{path}: its {name} has more than {_MAX_BYTES} bytes; not a word list")
    return ElementTree.fromstring(book.read(name))


def _row(row: ElementTree.Element, strings: list[str], path: pathlib.Path) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(f"{_NAMESPACE}c"):
        found = _REFERENCE.fullmatch(cell.get("r", ""))
        column = _column(found[1]) if found else len(cells)
        if column >= _MAX_COLUMN:
            raise InputError(f"{path}: has a cell in column {found[1] if found else column}")
        cells += [""] * (column + 1 - len(cells))
        value = cell.find(f"{_NAMESPACE}v")
        if cell.get("t") == "inlineStr":
            cells[column] = _text(cell)
        elif value is not None and value.text is not None:
            is_shared = cell.get("t") == "s"
            cells[column] = strings[int(value.text)] if is_shared else value.text
    return cells


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _text(element: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in element.iter(f"{_NAMESPACE}t"))
