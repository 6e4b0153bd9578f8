"""Reading labels: what a label npz and a CSV say of each clip."""

import csv
import hashlib
import io
import math
import pathlib
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mer_jax.corpora import CorpusInfo
from mer_jax.data import pickles
from mer_jax.errors import InputError, first_few
from mer_jax.task import TRAIN, Task

MISSING_EMOTION = -1  # within mer_jax.data and in the built dataset; a mask everywhere else
MISSING_VALENCE = float("nan")
_ABSENT_VALENCE = -10.0  # how the release writes a valence that nobody gave
# With _ABSENT_VALENCE for every clip: a test corpus without labels.
_PLACEHOLDER_EMOTION = "neutral"
_LABEL_FILES = ("label-6way.npz", "label.npz")
# What a spreadsheet would compute on opening a submission. A scorer needs names as they are, and
# quotes do not stop a spreadsheet, so such names are refused before anything is trained on them.
# A sign at the start alone is harmless and common: many a video's identity begins with "-".
_FORMULA = re.compile(r"[=+@-].*[^\w\s.-]")
CSV_COLUMNS = ("name", "discrete", "valence")


class Label(NamedTuple):
    """One clip's label: a class index or MISSING_EMOTION, a valence or NaN."""

    emotion: int = MISSING_EMOTION
    valence: float = MISSING_VALENCE


def find_label_file(root: pathlib.Path) -> pathlib.Path:
    """The label file of a user's folder."""
    for name in _LABEL_FILES:
        if (root / name).is_file():
            return root / name
    raise InputError(f"{root}: no label file; expected {' or '.join(_LABEL_FILES)}")


def remove_label_files(folder: pathlib.Path, but: str) -> None:
    """Removes what `find_label_file` could find in a folder, save the file of that name."""
    for name in _LABEL_FILES:
        if name != but:
            (folder / name).unlink(missing_ok=True)


def fingerprint(splits: Mapping[str, Mapping[str, Label]]) -> str:
    """The hash of labels by split and name; their order makes no difference."""
    digest = hashlib.sha256()
    for split, labels in sorted(splits.items()):
        for name, label in sorted(labels.items()):
            valence = np.float32(label.valence)
            digest.update(f"{split}\0{name}\0{label.emotion}\0{valence}\n".encode())
    return digest.hexdigest()


def read_corpus(path: pathlib.Path, info: CorpusInfo) -> dict[str, dict[str, Label]]:
    """Labels by split and name, as the label file lists them.

    A corpus that the file lacks is absent. Raises InputError for an unreadable file, an emotion
    outside the classes, a valence out of range, or a name that stands in two corpora.
    """
    members = pickles.read_npz(path)
    unknown = sorted(set(members) - set(info.corpora))
    if unknown:
        raise InputError(
            f"{path}: unknown corpus {unknown[0]!r}; {info.name} has: {', '.join(info.corpora)}"
        )
    splits = {
        split: _parse_members(members[key], f"{path}, {key}", info, is_test=split != TRAIN)
        for key, split in info.corpora.items()
        if key in members
    }
    if not any(splits.values()):
        raise InputError(f"{path}: holds no clip of {', '.join(info.corpora)}")
    seen: dict[str, str] = {}
    for split, labels in splits.items():
        both = [name for name in labels if name in seen]
        if both:
            raise InputError(
                f"{path}: {len(both)} duplicate names stand in {seen[both[0]]} and in {split}: "
                f"{first_few(both)}"
            )
        seen.update(dict.fromkeys(labels, split))
    return splits


def read_given(path: pathlib.Path, info: CorpusInfo) -> dict[str, dict[str, Label]]:
    """Labels supplied later, by split and name; a CSV's stand under the split "".

    Raises:
      InputError: the file is neither a CSV with the columns of a submission nor a label npz.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such label file")
    if path.suffix == ".npz":
        return read_corpus(path, info)
    return {
        "": {
            name: _parse_label(discrete, valence, f"{path}, {name}", info)
            for name, (discrete, valence) in read_csv(path).items()
        }
    }


def read_csv(path: pathlib.Path) -> dict[str, tuple[str, str]]:
    """A submission's cells, `(discrete, valence)` by name; an absent column reads as empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from None
    header = rows[0] if rows else []
    if header.count("name") != 1 or not set(header) & {"discrete", "valence"}:
        raise InputError(f"{path}: the first line must be {','.join(CSV_COLUMNS)}, not {header}")
    labels: dict[str, tuple[str, str]] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise InputError(f"{path}: line {line} has {len(row)} cells, the header {len(header)}")
        cells = dict(zip(header, row, strict=True))
        if cells["name"] in labels:
            raise InputError(f"{path}: line {line}: duplicate name {cells['name']!r}")
        labels[cells["name"]] = (cells.get("discrete", ""), cells.get("valence", ""))
    return labels


def _parse_members(
    members: Mapping, where: str, info: CorpusInfo, is_test: bool
) -> dict[str, Label]:
    for name, entry in members.items():
        check_name(name, where)
        if not isinstance(entry, dict) or "emo" not in entry:
            raise InputError(
                f"{where}, {name}: expected {{'emo': ..., 'val': ...}}, found {entry!r}"
            )
    if is_test and all(_is_placeholder(entry, info.task) for entry in members.values()):
        return dict.fromkeys(members, Label())
    labels = {}
    for name, entry in members.items():
        # Where the valence tells the class, an npz holds a filler, whatever it looks like.
        emotion = None if info.emotion_from_valence else entry["emo"]
        labels[name] = _parse_label(emotion, entry.get("val"), f"{where}, {name}", info)
    return labels


def _is_placeholder(entry: Mapping, task: Task) -> bool:
    """Whether an entry, as the file writes it, is what the release writes without a label.

    The index of neutral counts only beside valences: in a corpus that has none, -10 stands beside
    true classes as well, and a small test corpus may be truly all neutral.
    """
    emotions: list = [_PLACEHOLDER_EMOTION]
    if task.valence_range and _PLACEHOLDER_EMOTION in task.classes:
        emotions.append(task.classes.index(_PLACEHOLDER_EMOTION))
    return entry["emo"] in emotions and entry.get("val") in (_ABSENT_VALENCE, "-10", "-10.0")


def check_name(name, where: str, what: str = "clip") -> None:
    """Refuses a name that is no plain file name."""
    if not isinstance(name, str) or not name or name in (".", ".."):
        raise InputError(f"{where}: {name!r} is no name of a {what}")
    if not name.isprintable() or "/" in name or "\\" in name:
        raise InputError(f"{where}: the name {name!r} holds a separator or a control character")
    if _FORMULA.match(name):
        raise InputError(
            f"{where}: the name {name!r} is a formula to a spreadsheet that opens the predictions; "
            f"rename the {what}"
        )


def _parse_label(emotion, valence, where: str, info: CorpusInfo) -> Label:
    valence = _parse_valence(valence, where, info.task)
    if info.emotion_from_valence and not math.isnan(valence):
        return Label(int(valence >= 0), valence)
    return Label(_parse_emotion(emotion, where, info.task), valence)


def _parse_emotion(emotion, where: str, task: Task) -> int:
    if emotion is None or emotion == "" or (isinstance(emotion, float) and math.isnan(emotion)):
        return MISSING_EMOTION
    if isinstance(emotion, str) and emotion in task.classes:
        return task.classes.index(emotion)
    if isinstance(emotion, str) and emotion.isascii() and emotion.isdigit():
        emotion = int(emotion)
    is_index = isinstance(emotion, int) and not isinstance(emotion, bool)
    if is_index and 0 <= emotion < len(task.classes):
        return emotion
    raise InputError(
        f"{where}: emotion {emotion!r} is outside the classes {', '.join(task.classes)} "
        f"(or 0 to {len(task.classes) - 1})"
    )


def _parse_valence(valence, where: str, task: Task) -> float:
    if valence is None or valence == "":
        return MISSING_VALENCE
    try:
        if isinstance(valence, bool):
            raise TypeError
        number = float(valence)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: valence {valence!r} is not a number") from None
    if math.isnan(number) or number == _ABSENT_VALENCE or task.valence_range is None:
        return MISSING_VALENCE
    low, high = task.valence_range
    if not low <= number <= high:
        raise InputError(f"{where}: valence {number} is outside [{low:g}, {high:g}]")
    return number
