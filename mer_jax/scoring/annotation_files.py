"""Reading a folder of annotations, and writing the labels that come out of it."""

import io
import pathlib
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.scoring import tables
from mer_jax.scoring.annotation import (
    RULES,
    VERDICTS,
    Outcome,
    Rules,
    Valences,
    Verdicts,
    Votes,
    read_labels,
)

COLUMNS = ("name", "discrete", "valence", "status", "round", "reason")
_EMOTION, _RELIABILITY, _VALENCE = "emotion_round{}.csv", "reliability_round{}.csv", "valence.csv"
_ROUND = re.compile(r"(emotion|reliability)_round(\d+)\.csv")
_POOL = ("neutral", -10.0)  # how the release writes a clip without labels


class Annotations(NamedTuple):
    """What a folder holds, a round each, and the files it was read from."""

    votes: list[Votes]
    verdicts: list[Verdicts]
    valences: Valences
    paths: list[pathlib.Path]


def read_folder(folder: pathlib.Path, rules: Rules = RULES) -> Annotations:
    """The annotations of a folder; InputError says what is wrong in which file and line."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --annotations takes one with {_EMOTION}")
    rounds = {kind: set() for kind in ("emotion", "reliability")}
    for child in folder.iterdir():
        if found := _ROUND.fullmatch(child.name):
            rounds[found[1]].add(int(found[2]))
    count = max(rounds["emotion"], default=0)
    lacking = [n for n in range(1, max(count, 1) + 1) if n not in rounds["emotion"]]
    lacking += sorted(n for n in rounds["reliability"] if n > max(count, 1))
    if lacking:
        raise InputError(f"{folder}: lacks {_EMOTION.format(lacking[0])}, the votes of that round")
    paths, votes, verdicts = [], [], []
    for number in range(1, count + 1):
        path = folder / _EMOTION.format(number)
        paths.append(path)
        votes.append(_read(path, "labels", lambda cell, at: read_labels(cell.split(";"), at)))
        path = folder / _RELIABILITY.format(number)
        if path.is_file():
            paths.append(path)
            verdicts.append(_read(path, "verdict", _verdict))
        else:
            verdicts.append({})
    valences: Valences = {}
    path = folder / _VALENCE
    if path.is_file():
        paths.append(path)
        valences = _read(path, "valence", lambda cell, at: _valence(cell, at, rules))
    elif rules.valences:
        raise InputError(
            f"{folder}: lacks {_VALENCE}; give it, or --valence_count=0 for no valence"
        )
    return Annotations(votes, verdicts, valences, paths)


def _read(path: pathlib.Path, column: str, parse) -> dict[str, dict]:
    """What each annotator says of each clip, in any order of lines."""
    table = tables.read_table(path, ("name", "annotator", column))
    found: dict[str, dict] = {}
    lines: dict[tuple[str, str], int] = {}
    for row in table:
        name, annotator = (row.cells[key].strip() for key in ("name", "annotator"))
        if not name or not annotator:
            raise InputError(f"{table.where(row)}: the name or the annotator is empty")
        if (name, annotator) in lines:
            raise InputError(
                f"{path}: {annotator} stands at {name} on lines {lines[name, annotator]} and "
                f"{row.line}; keep one"
            )
        lines[name, annotator] = row.line
        at = f"{table.where(row)}, {name}"
        found.setdefault(name, {})[annotator] = parse(row.cells[column], at)
    return found


def _verdict(cell: str, at: str) -> str:
    verdict = cell.strip().lower()
    if verdict not in VERDICTS:
        raise InputError(f"{at}: unknown verdict {cell.strip()!r}; one of: {', '.join(VERDICTS)}")
    return verdict


def _valence(cell: str, at: str, rules: Rules) -> int:
    try:
        number = float(cell)
    except ValueError:
        number = float("nan")
    if not (number.is_integer() and rules.low <= number <= rules.high):
        raise InputError(
            f"{at}: valence {cell.strip()!r} is no whole number from {rules.low} to {rules.high} "
            "(--valence_range)"
        )
    return int(number)


def rows_of(outcomes: Mapping[str, Outcome]) -> list[list[str]]:
    """The lines of the label file, in the order of COLUMNS."""
    return [
        [
            name,
            of.emotion or "",
            "" if of.valence is None else str(of.valence),
            of.status,
            str(of.round),
            of.reason,
        ]
        for name, of in outcomes.items()
    ]


def write_npz(path: pathlib.Path, outcomes: Mapping[str, Outcome]) -> None:
    """Writes the release's label file: the labelled clips train, the others are the pool."""
    corpora: dict[str, dict] = {"train_corpus": {}}
    for name, of in outcomes.items():
        if of.emotion is not None:
            valence = _POOL[1] if of.valence is None else of.valence
            corpora["train_corpus"][name] = {"emo": of.emotion, "val": valence}
        else:
            entry = dict(zip(("emo", "val"), _POOL, strict=True))
            corpora.setdefault("test3_corpus", {})[name] = entry
    buffer = io.BytesIO()
    arrays = {key: np.array(of, dtype=object) for key, of in corpora.items()}
    np.savez_compressed(buffer, **arrays)
    files.write_bytes(path, buffer.getvalue())
