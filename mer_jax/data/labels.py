"""One clip's label: its name, its emotion and its valence, checked against the corpus."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mer_jax.corpora import CorpusInfo
from mer_jax.errors import InputError
from mer_jax.task import Task

MISSING_EMOTION = -1  # within mer_jax.data; a mask everywhere else
MISSING_VALENCE = float("nan")
# What a spreadsheet would compute on opening a submission. A scorer needs names as they are, and
# quotes do not stop a spreadsheet, so such names are refused before anything is trained on them.
# A sign at the start alone is harmless and common: many a video's identity begins with "-".
_FORMULA = re.compile(r"[=+@-].*[^\w\s.-]")


class Label(NamedTuple):
    """One clip's label: a class index or MISSING_EMOTION, a valence or NaN."""

    emotion: int = MISSING_EMOTION
    valence: float = MISSING_VALENCE
    numbers: tuple[float, ...] = ()  # of a table's own targets, each may be NaN

    @property
    def has_number(self) -> bool:
        """Whether a valence, or any target, is known."""
        return not all(map(math.isnan, (self.valence, *self.numbers)))


class LabelRules(NamedTuple):
    """What `config.data` says of how labels are read."""

    zero_valence: str = "positive"  # the class of valence 0: positive, negative, drop
    placeholders: str = "auto"  # labels that look like placeholders: auto, unlabelled, labels


def fingerprint(splits: Mapping[str, Mapping[str, Label]]) -> str:
    """The hash of labels by split and name; their order makes no difference."""
    digest = hashlib.sha256()
    for split, labels in sorted(splits.items()):
        for name, label in sorted(labels.items()):
            valence = np.float32(label.valence)
            further = "".join(f"\0{np.float32(number)}" for number in label.numbers)
            digest.update(f"{split}\0{name}\0{label.emotion}\0{valence}{further}\n".encode())
    return digest.hexdigest()


def check_name(name, where: str, what: str = "clip") -> None:
    """Refuses a name that is no plain file name."""
    if not isinstance(name, str) or not name or name in (".", ".."):
        raise InputError(f"{where}: {name!r} is not a valid name of a {what}")
    if "/" in name or "\\" in name:
        raise InputError(f"{where}: the name {name!r} holds a separator or a control character")
    check_word(name, where, what)


def check_word(word: str, where: str, what: str) -> None:
    """Refuses a word that a CSV of predictions cannot hold safely."""
    if not word.isprintable():
        raise InputError(f"{where}: the name {word!r} holds a separator or a control character")
    if _FORMULA.match(word):
        raise InputError(
            f"{where}: the name {word!r} is a formula to a spreadsheet that opens the predictions; "
            f"rename the {what}"
        )


def parse_label(
    emotion, valence, where: str, info: CorpusInfo, numbers: Sequence[str] = ()
) -> Label:
    """A label as a file writes it; InputError, beginning with `where`, where it is none.

    `numbers` are the cells of the task's targets, where it has any.
    """
    if info.task.targets:
        named = zip(info.task.targets, numbers, strict=True) if numbers else ()
        found = tuple(parse_number(cell, where, target) for target, cell in named)
        known = _parse_emotion(emotion, where, info.task) if info.task.classes else MISSING_EMOTION
        return Label(known, numbers=found)
    valence = _parse_valence(valence, where, info)
    if info.emotion_from_valence and not math.isnan(valence):
        return Label(int(valence >= 0), valence)
    if not info.task.classes:
        return Label(valence=valence)  # what stands for a class then is a filler
    return Label(_parse_emotion(emotion, where, info.task), valence)


def parse_number(cell: str, where: str, name: str) -> float:
    """The number in a cell of the column `name`, NaN in an empty one; InputError for no number."""
    try:
        number = float(cell or "nan")
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise InputError(f"{where}: {name} {cell!r} is not a finite number")
    return number


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


def _parse_valence(valence, where: str, info: CorpusInfo) -> float:
    if valence is None or valence == "":
        return MISSING_VALENCE
    try:
        if isinstance(valence, bool):
            raise TypeError
        number = float(valence)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: valence {valence!r} is not a number") from None
    valence_range = info.task.valence_range
    if math.isnan(number) or number == info.absent_valence or valence_range is None:
        return MISSING_VALENCE
    if info.from_file and math.isfinite(number):
        return number  # the range is what its file showed: labels that come later may go beyond
    low, high = valence_range
    if not low <= number <= high:
        raise InputError(f"{where}: valence {number} is outside [{low:g}, {high:g}]")
    return number
