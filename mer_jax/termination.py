"""SIGTERM as a wish: whoever trains ends at the next moment that suits."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

STATUS = 128 + signal.SIGTERM  # what a shell says of a process that the signal ended


class Terminated(Exception):  # noqa: N818  nothing went wrong
    """A process that was asked to end has saved what it had."""


@contextlib.contextmanager
def asked_for() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether SIGTERM has come since the body began.

    In a thread, where Python takes no signals, it never has.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
