"""What surrounds the process: variables of a shell, a notebook or a cluster that would mislead it.

Looked at before JAX and all else that reads them is imported.
"""

import logging
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping, MutableMapping

from mer_jax.errors import InputError

LOG = logging.getLogger("mer_jax")
# What they set is for debugging, or makes other numbers: a run's results follow from its config.
# Ignored, with a warning where they say something else than JAX does without them.
_IGNORED = {
    "JAX_ENABLE_X64": "training is in 32 bits",
    "JAX_DISABLE_JIT": "training is compiled",
    "JAX_DEBUG_NANS": "a run whose loss is not finite counts as failed",
    "JAX_DEBUG_INFS": "a run whose loss is not finite counts as failed",
    "JAX_CHECK_TRACER_LEAKS": "training is compiled",
    "JAX_NUMPY_RANK_PROMOTION": "the package is checked for it already",
    "JAX_NUMPY_DTYPE_PROMOTION": "the package is checked for it already",
    "JAX_DEFAULT_PRNG_IMPL": "random bits are threefry's",
    "JAX_ENABLE_CUSTOM_PRNG": "random bits are threefry's",
    "JAX_THREEFRY_PARTITIONABLE": "random bits are as JAX makes them by default",
    "JAX_TRANSFER_GUARD": "arrays have to be copied to the devices",
}
_OFF = ("", "0", "false", "no", "off", "none")
# Of XLA's flags these are known to it; others are tried first, since it ends a process that names
# an unknown one, without a word that would help.
_KNOWN_FLAGS = re.compile(
    r"--xla_(?:force_host_platform_device_count|backend_optimization_level|"
    r"cpu_parallel_codegen_split_count)=\d+"
)
_COUNT_FLAG = "--xla_force_host_platform_device_count"
_TRY_FLAGS = "from jaxlib import _jax; _jax.get_tfrt_cpu_client()"


def prepare(variables: MutableMapping[str, str] = os.environ) -> None:
    """Takes out of the variables, and of Python's warnings, what would mislead; says so."""
    for name, why in _IGNORED.items():
        value = variables.pop(name, "")
        if value.lower() not in _OFF:
            LOG.warning("%s=%s is ignored: %s", name, value, why)
    variables["MPLBACKEND"] = "agg"  # figures are files; a notebook's backend is not there
    warnings.filters[:] = [each for each in warnings.filters if each[0] != "error"]


def load_jax() -> None:
    """Imports JAX; InputError where a variable that JAX or XLA reads keeps it from that."""
    _check_flags(os.environ.get("XLA_FLAGS", ""))
    try:
        import jax  # noqa: F401
    except ValueError as error:
        raise InputError(f"a variable that JAX reads: {error}; correct it, or unset it") from None


def find_devices(cores: int = 1) -> None:
    """Asks JAX for this process's devices; InputError where it has none of the kind asked for.

    Of a CPU `cores` become a device each, unless a variable says how many devices it has.
    """
    import jax

    try:
        if cores > 1 and not _says_how_many(os.environ):
            jax.config.update("jax_num_cpu_devices", cores)
        jax.local_devices()
    except (RuntimeError, AssertionError) as error:
        wanted = f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS', '')}"
        reason = (str(error).splitlines() or ["no plugin for it is installed"])[0]
        raise InputError(
            f"{wanted}: {reason}; unset it for the devices that are here, or install jax for that "
            "kind of device"
        ) from None


def cores_are_devices() -> bool:
    """Whether this process's devices are the cores of a CPU, made so by `find_devices`."""
    import jax

    made = jax.config.jax_num_cpu_devices > 1 and not _says_how_many(os.environ)
    return made and jax.default_backend() == "cpu"


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _says_how_many(variables: Mapping[str, str]) -> bool:
    return _COUNT_FLAG in variables.get("XLA_FLAGS", "") or "JAX_NUM_CPU_DEVICES" in variables


def _check_flags(flags: str) -> None:
    """InputError where XLA, which would end the process without a word, does not take its flags."""
    if all(_KNOWN_FLAGS.fullmatch(flag) for flag in flags.split()):
        return
    done = subprocess.run(
        [sys.executable, "-c", _TRY_FLAGS], capture_output=True, text=True, check=False
    )
    if done.returncode and "Traceback" not in done.stderr:
        told = re.search(r"^F\d.*?\] (.*)", done.stderr, re.MULTILINE)
        reason = told[1] if told else "one of its values is of the wrong kind"
        raise InputError(f"XLA_FLAGS={flags}: {reason}; correct it, or unset it")
