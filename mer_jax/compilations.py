"""Where compiled programs are kept from one start to the next."""

import functools
import glob
import hashlib
import logging
import os
import pathlib
import platform
import re
import sys
import warnings

LOG = logging.getLogger("mer_jax")
_CACHE = "~/.cache/mer_jax"
_WORTH_KEEPING_SECONDS = 0.1  # reading a small program takes a hundredth of a second
_CACHE_FAULT = re.compile(
    r"Error (reading|writing) persistent compilation cache entry for '(.*?)': "
    r"(?:\w+: )?(?:\[Errno \d+\] )?([^:\n]*)"
)


def keep() -> None:
    """Keeps compiled programs for later starts, unless JAX is told where by its own variable.

    A folder for each kind of processor: a home folder is shared by machines that differ, and a
    program compiled for one may hold instructions that another lacks. JAX is not imported for it.
    """
    cache = pathlib.Path(os.path.expanduser(_CACHE))  # as it is where no home folder is known
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and cache.is_absolute():
        processor = hashlib.sha256(_processor().encode()).hexdigest()[:12]
        settings = {
            "jax_compilation_cache_dir": str(cache / f"compiled-{processor}"),
            "jax_persistent_cache_min_compile_time_secs": _WORTH_KEEPING_SECONDS,
        }
        for name, value in settings.items():
            if "jax" in sys.modules:
                sys.modules["jax"].config.update(name, value)
            else:  # it reads them once it is imported, if it is
                os.environ.setdefault(name.upper(), str(value))
    warnings.showwarning = functools.partial(_mend_or_tell, warnings.showwarning)


def _mend_or_tell(otherwise, message, *where, **more) -> None:
    """In place of JAX's page for each program: a folder that cannot be used is told of once.

    JAX writes a program in place and never again: what a kill or a full disk has cut off would be
    compiled at every start, so it is removed.
    """
    fault = _CACHE_FAULT.match(str(message))
    if fault is None:
        otherwise(message, *where, **more)
        return
    import jax

    doing, program, reason = fault.groups()
    folder = pathlib.Path(jax.config.jax_compilation_cache_dir)
    try:
        damaged = list(folder.glob(f"{glob.escape(program)}-*")) if doing == "reading" else []
        for path in damaged:
            path.unlink(missing_ok=True)
    except OSError as error:
        damaged, reason = [], error.strerror
    if not damaged:
        _tell_once(f"{folder}: compiled programs cannot be kept there: {reason}")


@functools.cache
def _tell_once(sentence: str) -> None:
    LOG.warning("%s", sentence)


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))
