"""Lists of emotion words that are printed as text: the three ways to read them."""

import ast
import re
from collections.abc import Callable, Sequence

from mer_jax.errors import InputError

_QUOTES = re.compile(r"['\"]")
_QUOTES_AND_COMMAS = re.compile(r"['\",]")
_BRACKETS = re.compile(r"[\[\]]")
_SHOWN = 40  # characters of a cell in a message
_LONGEST = 100_000  # characters of a cell; Python's parser takes memory by the length


class NoListError(ValueError):
    """A text that the chosen way cannot read as a list."""


def mer2024(text: str) -> list[str]:
    """What stands between the first `[` and the next `]`, split at every quote; not stripped.

    A word with an apostrophe falls in two, as in MER2024's main-ov.py.
    """
    if not text.strip():
        return []
    _, bracket, rest = text.partition("[")
    inside, end, _ = rest.partition("]")
    if not (bracket and end):
        raise NoListError(text)
    return _pieces(_QUOTES, inside)


def mer2025(text: str) -> list[str]:
    """Split at quotes and commas, stripped, as in the wheel.py of MER2025 and MER2026.

    It reads `happy, sad` as well.
    """
    text = text.strip()
    text = text.removeprefix("[").removesuffix("]")
    return [piece.strip() for piece in _QUOTES_AND_COMMAS.split(text) if piece.strip()]


def literal(text: str) -> list[str]:
    """A Python list of strings, so that "can't wait" stays one word."""
    if not text.strip():
        return []
    try:
        if len(text) > _LONGEST:
            raise NoListError(text)
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise NoListError(text) from None
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise NoListError(text)
    return list(value)


LISTS: dict[str, Callable[[str], list[str]]] = {
    "mer2024": mer2024,
    "mer2025": mer2025,
    "literal": literal,
}


def read_list(cell: str | Sequence[str], lists: str, where: str = "") -> list[str]:
    """The words of a cell; a native list stays as it is.

    Args:
      cell: the text, or a list of words.
      lists: one of LISTS.
      where: the file and the clip for a message.

    Raises:
      InputError: the text is no list; the message shows its start.
    """
    if lists not in LISTS:
        raise InputError(f"--lists={lists}: no such way to read a list; one of: {', '.join(LISTS)}")
    if not isinstance(cell, str):
        return list(cell)
    try:
        return LISTS[lists](cell)
    except NoListError:
        others = " or ".join(f"--lists={name}" for name in LISTS if name != lists)
        start = cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "..."
        raise InputError(
            f"{where}{': ' if where else ''}{start!r} cannot be read as a list by --lists={lists} "
            f"(['happy', 'sad']); correct the cell, or try {others}"
        ) from None


def read_groups(text: str) -> list[list[str]]:
    """The groups of words in a synonym file's text, each a list in the order of the text."""
    groups = (_pieces(_QUOTES, piece) for piece in _pieces(_BRACKETS, text))
    return [group for group in groups if group]


def read_otherwise(cell: str | Sequence[str], lists: str) -> tuple[list[str], list[str]] | None:
    """The words as Python reads the cell and as the chosen way does, where these differ."""
    if not isinstance(cell, str) or lists == "literal":
        return None
    try:
        exact, chosen = literal(cell), LISTS[lists](cell)
    except NoListError:
        return None
    strip = lambda words: [word.strip() for word in words if word.strip()]  # noqa: E731
    return (exact, chosen) if strip(exact) != strip(chosen) else None


def _pieces(separator: re.Pattern[str], text: str) -> list[str]:
    """The parts between separators that are neither blank nor a lone comma."""
    return [piece for piece in separator.split(text) if piece.strip() not in ("", ",")]
