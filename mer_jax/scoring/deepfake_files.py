"""Reading the files of ADD 2023: a line an utterance, its name first."""

import math
import pathlib
import re
from collections.abc import Callable
from typing import TypeVar

from mer_jax.errors import InputError
from mer_jax.scoring import tables
from mer_jax.scoring.deepfake import CLASSES, Utterance

_Value = TypeVar("_Value")
_SEGMENT = re.compile(r"(-?[\d.]+(?:e-?\d+)?)-(-?[\d.]+(?:e-?\d+)?)-([TF])", re.IGNORECASE)
_KEYS = ("genuine", "fake")


def _read(
    path: pathlib.Path, form: str, parse: Callable[[list[str], str], _Value]
) -> dict[str, _Value]:
    """What each line says after its name; `form` says how a line looks."""
    found: dict[str, _Value] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(tables.read_text(path, f"lines {form}").split("\n"), start=1):
        cells = line.split()
        if not cells:
            continue
        where = f"{path}, line {number}"
        if len(cells) != len(form.split()):
            raise InputError(f"{where}: expected {form}, found {line.strip()[:80]!r}")
        name = cells[0]
        if name in lines:
            raise InputError(
                f"{path}: {name!r} is listed twice, on lines {lines[name]} and {number}"
            )
        lines[name] = number
        found[name] = parse(cells[1:], f"{where}, {name}")
    if not found:
        raise InputError(f"{path}: empty; expected lines {form}")
    return found


def read_keys(path: pathlib.Path) -> dict[str, bool]:
    """Whether each utterance is genuine: lines `NAME genuine|fake`."""

    def parse(cells: list[str], where: str) -> bool:
        if cells[0].lower() not in _KEYS:
            raise InputError(f"{where}: unknown label {cells[0]!r}; one of: {', '.join(_KEYS)}")
        return cells[0].lower() == _KEYS[0]

    return _read(path, "NAME genuine|fake", parse)


def read_scores(path: pathlib.Path) -> dict[str, float]:
    """The score of each utterance, higher for more genuine: lines `NAME NUMBER`."""

    def parse(cells: list[str], where: str) -> float:
        try:
            value = float(cells[0])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{where}: score {cells[0]!r} is not a finite number")
        return value

    return _read(path, "NAME NUMBER", parse)


def read_classes(path: pathlib.Path) -> dict[str, str]:
    """The class of each utterance: lines `NAME CLASS`."""

    def parse(cells: list[str], where: str) -> str:
        if cells[0] not in CLASSES:
            raise InputError(
                f"{where}: unknown class {cells[0]!r}; {CLASSES[0]} to {CLASSES[-2]} are known, "
                f"{CLASSES[-1]} is unknown"
            )
        return cells[0]

    return _read(path, "NAME CLASS", parse)


def read_regions(path: pathlib.Path) -> dict[str, Utterance]:
    """The segments and the flag of each utterance: `NAME START-END-T/START-END-F FLAG`."""

    def parse(cells: list[str], where: str) -> Utterance:
        segments = []
        for text in cells[0].split("/"):
            found = _SEGMENT.fullmatch(text)
            try:
                segments.append((float(found[1]), float(found[2]), found[3].upper() == "F"))
            except (TypeError, ValueError):
                raise InputError(
                    f"{where}: segment {text!r} is not START-END-T or START-END-F in seconds"
                ) from None
        if cells[1] not in ("0", "1"):
            raise InputError(f"{where}: flag {cells[1]!r} is neither 1 (genuine) nor 0 (fake)")
        return Utterance(tuple(segments), cells[1] == "1")

    return _read(path, "NAME SEGMENTS FLAG", parse)
