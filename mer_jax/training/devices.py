"""The machine under the grid: its devices as a mesh, and where compiled programs are kept."""

import hashlib
import os
import pathlib
import platform

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

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


def by_run() -> NamedSharding:
    """Arrays with a leading run axis, over this process's devices."""
    return NamedSharding(_mesh(), PartitionSpec("run"))


def replicated() -> NamedSharding:
    """Arrays that every device of this process holds."""
    return NamedSharding(_mesh(), PartitionSpec())


def _mesh() -> Mesh:
    """This process's devices along one axis, the runs'.

    Axes are Auto: jit places each run's arithmetic on the device that holds the run.
    """
    devices = jax.local_devices()
    return jax.make_mesh((len(devices),), ("run",), (AxisType.Auto,), devices=devices)
