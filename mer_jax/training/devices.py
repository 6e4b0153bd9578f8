"""The machine under the grid: its devices as a mesh, and where compiled programs are kept."""

import hashlib
import os
import pathlib
import platform

import jax
from jax.sharding import AxisType, Mesh

_CACHE = pathlib.Path("~/.cache/mer_jax").expanduser()
_WORTH_KEEPING_SECONDS = 0.5


def keep_compilations() -> None:
    """Keeps compiled programs for later starts, unless JAX is told where by its own variable.

    A folder for each kind of processor: a home folder is shared by machines that differ, and a
    program compiled for one may hold instructions that another lacks.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        processor = hashlib.sha256(_processor().encode()).hexdigest()[:12]
        jax.config.update("jax_compilation_cache_dir", str(_CACHE / f"compiled-{processor}"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _WORTH_KEEPING_SECONDS)


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))


def mesh() -> Mesh:
    """All devices along one axis, the runs'.

    Axes are Auto: jit places each run's arithmetic on the device that holds the run.
    """
    return jax.make_mesh((jax.device_count(),), ("run",), axis_types=(AxisType.Auto,))


def memory_bytes() -> int:
    """The memory of a device: its own where it tells, else the machine's."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in statistics:
        return statistics["bytes_limit"]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
