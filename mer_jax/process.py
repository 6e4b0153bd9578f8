"""The process of a command: its log, and how it ends."""

import gc
import logging
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from mer_jax import streams, termination

_WRONG_INPUT = 2
# New containers between two searches for cycles. Python's 700 (of which it makes millions while it
# imports and traces) cost a fifth of the time to the first epoch; arrays are freed without them.
_GARBAGE = 100_000


def run(command: Callable[[], None]) -> NoReturn:
    """Calls `command` and ends the process: wrong input becomes one sentence and status 2.

    Ctrl-C becomes one sentence and status 130 from here on, which is before anything heavy loads.
    """
    streams.prepare()
    gc.set_threshold(_GARBAGE)
    try:
        termination.listen()
        status = _status_of(command)
        termination.be_deaf()
        streams.finish()
    except KeyboardInterrupt:
        termination.end_interrupted()
    gc.freeze()  # or Python looks for cycles at its end too: a second of a training's time
    sys.exit(status)


def _status_of(command: Callable[[], None]) -> int:
    """Calls `command`; the exit status, with what went wrong told."""
    from mer_jax import files
    from mer_jax.errors import InputError

    try:
        try:
            command()
        finally:
            sys.stdout.flush()
    except InputError as error:
        return _refuse(str(error))
    except termination.Terminated as ended:
        termination.announce(f"{termination.word()}; {ended}; {termination.CONTINUE}")
        return termination.status()
    except BrokenPipeError:  # `| head` has seen enough
        streams.give_up_stdout()
        return 128 + signal.SIGPIPE
    except OSError as error:  # a path that is a file, a folder without permission, a full disk
        advice = files.REFUSALS.get(error.errno)
        sentence = f"{error.filename or 'input or output'}: {error.strerror or error}"
        return _refuse(f"{sentence}: {advice}" if advice else sentence)
    except Exception:
        if termination.was_interrupted():  # libraries raise what they like in place of it
            raise KeyboardInterrupt from None
        raise
    return 0


def _refuse(sentence: str) -> int:
    termination.announce(sentence)
    return _WRONG_INPUT


class _ToStderr(logging.Handler):
    """Prints to whatever sys.stderr is at the moment: a live display puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except OSError:  # nobody reads it any more, which ends no training
            self.handleError(record)


def be_quiet() -> None:
    """Shows of the package's log its warnings and errors alone."""
    logging.getLogger("mer_jax").setLevel(logging.WARNING)


def log_to_stderr() -> None:
    """Shows the package's log, and no library's."""
    from absl import logging as absl_logging

    # orbax and TFDS narrate all they do, and an error several times before they raise it. Of a
    # checkpoint's arrays that cannot be read or written each fails by itself, a page each.
    absl_logging.set_verbosity(absl_logging.FATAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    sys.unraisablehook = _print_unless_late
    log = logging.getLogger("mer_jax")
    log.addHandler(_ToStderr())
    log.setLevel(logging.INFO)
    log.propagate = False


def _print_unless_late(unraisable) -> None:
    """Leaves out what tensorstore ends after orbax, in failure, has closed its event loop.

    Ctrl-C, where Python cannot raise it, ends the process all the same.
    """
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        termination.end_interrupted()
    if str(unraisable.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(unraisable)
