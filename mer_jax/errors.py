"""The exception for invalid input, which a user can correct; its message is one sentence."""

from collections.abc import Iterable


class InputError(Exception):
    """Invalid input: what is wrong, where, and what to do. Ends a command with status 2."""


def counted(count: int, noun: str) -> str:
    """A number of things in a message: `1 trial`, `2 trials`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_few(items: Iterable, limit: int = 3) -> str:
    """The first `limit` of `items` for a message: `a, b, c, ...`."""
    items = list(items)
    return ", ".join(str(item) for item in items[:limit]) + (", ..." if len(items) > limit else "")
