"""Standard output and error as they may be: closed, not UTF-8, or with nobody who reads them."""

import codecs
import os
import sys

_PLAIN = {"±": "+-", "→": "->", "−": "-", "–": "-", "—": "-", "…": "...", "×": "x", "•": "*"}


def prepare() -> None:
    """Makes every character printable, and opens what the caller has closed."""
    for number in range(3):  # else the next file that is opened would be standard output
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error(__name__, _in_plain_words)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  for the process's life
        elif hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors=__name__)


def _in_plain_words(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that the stream's encoding lacks."""
    text = error.object[error.start : error.end]
    told = "".join(_PLAIN.get(each) or each.encode("ascii", "backslashreplace").decode()
                   for each in text)  # fmt: skip
    return told, error.end


def finish() -> None:
    """Writes out what standard output holds; what a full disk has refused is not tried again.

    Python would try at its end, and replace the exit status by 120.
    """
    try:
        sys.stdout.flush()
    except OSError:
        give_up_stdout()


def give_up_stdout() -> None:
    """Nobody reads it any more: what is left of it is written nowhere, without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
