"""Packages of the extras: imported where they are used, or one sentence how to install them."""

import importlib
import types

from mer_jax.errors import InputError


def load(module: str, extra: str, doing: str, otherwise: str = "") -> types.ModuleType:
    """The module; InputError with the command that installs it where it is missing.

    `doing` begins the sentence (`reading a video`), `otherwise` ends it: what else would do.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        is_missing = error.name == module.partition(".")[0]
        why = "" if is_missing else f", which cannot be imported ({error})"
        advice = f"pip install 'mer_jax[{extra}]'" + (f"; {otherwise}" if otherwise else "")
        raise InputError(f"{doing} needs {module}{why}: {advice}") from None
