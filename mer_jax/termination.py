"""Ctrl-C and SIGTERM: training saves and ends at the next segment, all else ends at once."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

_asked: list[threading.Event] = []  # one for each body of `asked_for` that runs
_heard: list[int] = []  # the signals that came, in order
_announced = threading.Event()  # the thread `signals` has seen an interrupt and announced it
_announced.set()
_ANNOUNCING_SECONDS = 5.0  # how long one thread waits for what another has to announce
_ending = threading.Lock()
_SHOW_CURSOR = "\x1b[?25h"  # progress bars hide it
CONTINUE = "run the same command again to continue"


class Terminated(Exception):  # noqa: N818  nothing went wrong
    """A process that was asked to end has saved what it had."""


def status() -> int:
    """The exit status of a process that was asked to end: 128 and the signal's number."""
    return 128 + (_heard[-1] if _heard else signal.SIGTERM)


def word() -> str:
    """What happened to a process that was asked to end."""
    return "interrupted" if status() == 128 + signal.SIGINT else "terminated"


def was_interrupted() -> bool:
    """Whether Ctrl-C has come."""
    return signal.SIGINT in _heard


def listen() -> None:
    """Prepares this process for Ctrl-C: a first one is announced, a second one ends at once.

    Without this a second one would wait, with the first, for the end of a compilation.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return  # started in the background by a script, which wants it to go on
    signal.signal(signal.SIGINT, _hear)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _announced.clear()
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True).start()


def be_deaf() -> None:
    """From here on a single Ctrl-C does nothing: all is done, and Python is about to end."""
    if signal.getsignal(signal.SIGINT) is _hear:
        signal.signal(signal.SIGINT, lambda *_: None)


def _watch(reading: int) -> None:
    """Counts the interrupts, in a thread: the main one may compile for minutes."""
    count = 0
    while True:
        for number in os.read(reading, 64):
            if number != signal.SIGINT:
                continue
            count += 1
            if count == 1 and _asked:
                announce(
                    "interrupted; saving at the end of this segment; Ctrl-C again ends at once"
                )
            _announced.set()
            if count > 1:
                end("interrupted again")


def announce(sentence: str) -> None:
    """Prints a sentence on standard error, if anybody reads it."""
    with contextlib.suppress(OSError, ValueError):
        print(f"mer_jax: {sentence}", file=sys.stderr, flush=True)


def end_interrupted() -> None:
    """Ends the process on the spot, as one that Ctrl-C has ended."""
    end("interrupted again" if _heard.count(signal.SIGINT) > 1 else "interrupted")


def end(what: str) -> None:
    """Ends the process on the spot with the status of Ctrl-C; one thread alone announces `what`."""
    _ending.acquire(timeout=_ANNOUNCING_SECONDS)
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
    announce(f"{what}; {CONTINUE}")
    os._exit(128 + signal.SIGINT)


def _hear(number: int, _frame=None) -> None:
    """Asks whoever trains to end, or else raises as Python itself does."""
    again = number in _heard
    _heard.append(number)
    for each in _asked:
        each.set()
    if number == signal.SIGINT and (again or not _asked):
        raise KeyboardInterrupt


@contextlib.contextmanager
def asked_for() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C or SIGTERM has come since the body began.

    In a thread, where Python takes no signals, neither ever has.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    _heard.clear()
    before = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _hear)
    _asked.append(asked)
    try:
        yield asked.is_set
    finally:
        if was_interrupted():
            # A segment may end sooner than the thread starts: what is being saved is said first.
            _announced.wait(_ANNOUNCING_SECONDS)
        _asked.remove(asked)
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
