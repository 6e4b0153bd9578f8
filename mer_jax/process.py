"""The process of a command: its log, and how it ends."""

import logging
import sys
from collections.abc import Callable
from typing import NoReturn

from mer_jax import files, termination
from mer_jax.errors import InputError

_WRONG_INPUT = 2


def run(command: Callable[[], None]) -> NoReturn:
    """Calls `command` and ends the process: wrong input becomes one sentence and status 2."""
    try:
        command()
    except InputError as error:
        _refuse(str(error))
    except termination.Terminated as ended:
        print(f"mer_jax: {ended}", file=sys.stderr)
        sys.exit(termination.STATUS)
    except OSError as error:  # a path that is a file, a folder without permission, a full disk
        advice = files.REFUSALS.get(error.errno)
        sentence = f"{error.filename or 'input or output'}: {error.strerror or error}"
        _refuse(f"{sentence}: {advice}" if advice else sentence)
    sys.exit(0)


def _refuse(sentence: str) -> NoReturn:
    print(f"mer_jax: {sentence}", file=sys.stderr)
    sys.exit(_WRONG_INPUT)


class _ToStderr(logging.Handler):
    """Prints to whatever sys.stderr is at the moment: a live display puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except OSError:  # nobody reads it any more, which ends no training
            self.handleError(record)


def log_to_stderr(quiet: bool) -> None:
    """Shows the package's log, with `quiet` its warnings and errors alone, and no library's."""
    from absl import logging as absl_logging

    # orbax and TFDS narrate all they do, and an error several times before they raise it. Of a
    # checkpoint's arrays that cannot be read or written each fails by itself, a page each.
    absl_logging.set_verbosity(absl_logging.FATAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    sys.unraisablehook = _tell_unless_late
    log = logging.getLogger("mer_jax")
    log.addHandler(_ToStderr())
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False


def _tell_unless_late(unraisable) -> None:
    """Leaves out what tensorstore ends after orbax, in failure, has closed its event loop."""
    if str(unraisable.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(unraisable)
