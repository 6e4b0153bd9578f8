"""Reading label CSVs: their encoding, their columns, and the cells of each clip."""

import csv
import difflib
import io
import logging
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mer_jax.errors import InputError
from mer_jax.task import VALENCE

LOG = logging.getLogger("mer_jax")
COLUMNS = ("name", "discrete", "valence")
SPLIT, GROUP, TEXT = "split", "group", "text"
# What each of our columns may be called, in any case and with spaces around.
_HEADINGS = {
    "name": "name",
    "discrete": "discrete",
    "emotion": "discrete",
    "emo": "discrete",
    "valence": "valence",
    "val": "valence",
    "split": SPLIT,
}
# And the columns of clips.csv, which other label files hold for nobody here.
_OF_CLIPS = {"group": GROUP, "speaker": GROUP, "text": TEXT}
# Other words for our columns, too loose to be taken: refused where the column is missing.
_EITHER = ("label", "labels", "class", "value", "sentiment", "annotation", "annotations", "标签")
_LOOSE = {
    **dict.fromkeys(_EITHER, ("discrete", "valence")),
    **dict.fromkeys(("v", "score", "polarity", "regression", "效价", "得分"), ("valence",)),
    **dict.fromkeys(("情感", "情绪", "类别"), ("discrete",)),
    **dict.fromkeys(("set", "subset", "partition", "mode", "phase", "usage", "fold"), (SPLIT,)),
}
_LOOSE_OF_CLIPS = {
    **dict.fromkeys(("transcript", "transcription", "sentence", "subtitle", "文本"), (TEXT,)),
    **dict.fromkeys(("spk", "subject", "actor", "session", "dialogue", "说话人"), (GROUP,)),
}
_NEAR = 0.8  # difflib's ratio from which a heading looks like one of ours
_EAST_ASIAN = ("gb18030", "big5", "shift_jis", "euc_kr")  # with two bytes for most characters
# The beginnings of files in encodings of two and four bytes a character.
_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class Row(NamedTuple):
    """The cells of one clip; that of a column which the file lacks is empty."""

    name: str
    discrete: str
    valence: str
    split: str | None  # None: the file has no such column
    line: int
    group: str | None = None  # of clips.csv alone, as are the next; None: no such column
    text: str | None = None
    numbers: tuple[str, ...] = ()  # of the targets that were asked for


def read(path: pathlib.Path, targets: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """A submission's cells by name, `(discrete, valence)`; an absent column reads as empty.

    With `targets` it is `(discrete, *numbers)`.
    """
    rows = read_rows(path, targets=targets)
    return {row.name: (row.discrete, *(row.numbers if targets else (row.valence,))) for row in rows}


def read_rows(path: pathlib.Path, of_clips: bool = False, targets: Sequence[str] = ()) -> list[Row]:
    """The rows of a label CSV in UTF-8, each name once.

    With `of_clips` its groups and texts too, and it need not hold any label. With `targets` their
    columns are read in place of the valence's, which may be one of them. Raises InputError for
    another encoding, for a heading that looks like one of ours and is none, for two columns of one
    meaning, and for a row that does not fit the headings.
    """
    header, lines = read_cells(path)
    columns = _columns(header, path, of_clips, targets)
    rows: list[Row] = []
    seen = set()
    for line, cells in lines:
        of = {ours: cells[place] for ours, place in columns.items()}
        if of["name"] in seen:
            raise InputError(f"{path}: line {line}: duplicate name {of['name']!r}")
        seen.add(of["name"])
        discrete, valence, *numbers = (
            of.get(column, "").strip() for column in (*COLUMNS[1:], *targets)
        )
        rest = of.get(SPLIT), line, of.get(GROUP), of.get(TEXT)
        rows.append(Row(of["name"], discrete, valence, *rest, tuple(numbers)))
    return rows


def number_columns(path: pathlib.Path) -> list[str]:
    """The headings of the columns that hold two numbers or more and else empty cells.

    None of them is, or may mean, another of our columns than the valence.
    """
    header, lines = read_cells(path)
    found = []
    for place, heading in enumerate(header):
        plain = heading.strip().lower()
        ours = (_HEADINGS | _OF_CLIPS).get(plain)
        means = {ours, *(_LOOSE | _LOOSE_OF_CLIPS).get(plain, ())} - {None, VALENCE}
        cells = {cells[place].strip() for _, cells in lines} - {""}
        if plain and not means and len(cells) > 1 and all(map(_is_number, cells)):
            found.append(ours or heading.strip())
    return found


def headings(path: pathlib.Path) -> set[str]:
    """The headings of a CSV in lower case; that of its valence as `valence`."""
    plain = (heading.strip().lower() for heading in read_cells(path)[0])
    return {VALENCE if _HEADINGS.get(heading) == VALENCE else heading for heading in plain}


def others() -> set[str]:
    """The headings, in lower case, of columns that hold no number to predict."""
    return set(_HEADINGS | _OF_CLIPS) - {VALENCE}


def _is_number(cell: str) -> bool:
    try:
        return not math.isinf(float(cell))
    except ValueError:
        return False


def read_cells(path: pathlib.Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a CSV in UTF-8, and each row's line and cells, as many as the header's.

    Raises InputError for another encoding, another separator, and rows of other lengths.
    """
    try:
        lines = list(csv.reader(io.StringIO(_text(path), newline=None), strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file: {error}") from None
    header = lines[0] if lines else []
    separator = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
    if separator is not None:
        raise InputError(f"{path}: its columns are separated by {separator!r}, not by ','")
    rows = [(line, cells) for line, cells in enumerate(lines[1:], start=2) if cells]
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(
                f"{path}: line {line} has {len(cells)} cells, the header {len(header)}"
            )
    return header, rows


def _columns(
    header: list[str], path: pathlib.Path, of_clips: bool, targets: Sequence[str]
) -> dict[str, int]:
    """The place of each of our columns."""
    headings = _HEADINGS | _OF_CLIPS if of_clips else _HEADINGS
    loose = _LOOSE | _LOOSE_OF_CLIPS if of_clips else _LOOSE
    numbers = targets or (VALENCE,)
    if VALENCE not in numbers:  # a valence that nobody asked for is a column like any other
        headings = {heading: ours for heading, ours in headings.items() if ours != VALENCE}
    headings = headings | {target.lower(): target for target in targets}
    plain = [heading.strip().lower() for heading in header]
    places: dict[str, int] = {}
    for place, heading in enumerate(plain):
        ours = headings.get(heading)
        if ours in places:
            raise InputError(
                f"{path}: the columns {header[places[ours]]!r} and {header[place]!r} both give "
                f"{ours}; leave one of them out"
            )
        if ours is not None:
            places[ours] = place
    left = [place for place, heading in enumerate(plain) if heading not in headings]
    for place in left:
        found = loose.get(plain[place]) or _looks_like(plain[place], headings)
        like = [ours for ours in found if ours in headings.values() and ours not in places]
        if like:
            raise InputError(
                f"{path}: the column {header[place]!r} looks like {' or '.join(like)}; call it so, "
                "or leave it out"
            )
    is_labelled = of_clips or {"discrete", *numbers} & set(places)
    if "name" not in places or not is_labelled:
        columns = f"name and any of emotion, {', '.join(numbers)}, speaker, text, split"
        must = f"hold {columns}" if of_clips else f"be {','.join((*COLUMNS[:2], *numbers))}"
        raise InputError(f"{path}: the first line must {must}, not {header}")
    if left:
        names = (header[place].strip() or f"number {place + 1}" for place in left)
        LOG.info("%s: columns left unread: %s", path, ", ".join(names))
    return places


def _looks_like(heading: str, headings: Mapping[str, str]) -> list[str]:
    """Which of our columns an unknown heading may mean."""
    near = difflib.get_close_matches(heading, headings, n=1, cutoff=_NEAR)
    words = [word for word in re.split(r"[^a-z]+", heading) if word in headings]
    return list(dict.fromkeys(headings[found] for found in near + words))


def _text(path: pathlib.Path) -> str:
    data = path.read_bytes()
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            raise InputError(_wrong_encoding(path, encoding))
    if b"\0" in data:
        if max(data[::2].count(0), data[1::2].count(0)) > len(data) // 4:
            raise InputError(_wrong_encoding(path, "UTF-16"))
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise InputError(f"{path}: not a CSV file: line {line} holds a NUL byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(_wrong_encoding(path, _guess(data))) from None


def _wrong_encoding(path: pathlib.Path, encoding: str) -> str:
    return f"{path}: not a CSV file in UTF-8: it looks like {encoding}; save it as UTF-8"


def _guess(data: bytes) -> str:
    """The likely encoding of text that is no UTF-8.

    Which East Asian one it is cannot be told: most texts in one of them can be read as another.
    """
    if any(_reads_as(data, encoding) for encoding in _EAST_ASIAN):
        return "GBK or another East Asian encoding (Big5, Shift-JIS, EUC-KR)"
    return "Windows-1252 or Latin-1"


def _reads_as(data: bytes, encoding: str) -> bool:
    """Whether it is text in an East Asian encoding, whose characters mostly stand together.

    An accented letter of a European text and the letter after it make such a character alone.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return False
    wide = [len(run) for run in re.findall("[\u2e80-\uffdc]+", text)]
    together = sum(length for length in wide if length > 1)
    return together > 0.5 * sum(wide) or _is_paired(data)


def _is_paired(data: bytes) -> bool:
    """Whether most bytes outside ASCII stand in pairs, as Chinese characters alone do."""
    runs = re.findall(rb"[\x80-\xff]+", data)
    return sum(len(run) for run in runs if len(run) % 2 == 0) > 0.8 * sum(map(len, runs))
