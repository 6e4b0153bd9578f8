"""How long work reports its progress: callbacks that take the number of steps done."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

Tick = Callable[[int], None]  # takes how many more steps are done
Count = Callable[[str, int], AbstractContextManager[Tick]]  # (what is done, its steps in all)


def nobody(_: int) -> None:
    """Ignores the steps: a Tick that shows nothing."""


@contextlib.contextmanager
def uncounted(_what: str, _total: int) -> Iterator[Tick]:
    """Gives a Tick that shows nothing: a Count for callers without a display."""
    yield nobody
