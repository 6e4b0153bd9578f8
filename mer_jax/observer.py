"""What long work tells of itself, to whoever wants to know: how many of its steps are done."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

Steps = Callable[[int], None]  # takes how many more are done
Count = Callable[[str, int], AbstractContextManager[Steps]]  # (what is done, its steps in all)


def nobody(_: int) -> None:
    """Steps that nobody is told of."""


@contextlib.contextmanager
def uncounted(_what: str, _total: int) -> Iterator[Steps]:
    """A Count that tells nobody."""
    yield nobody
