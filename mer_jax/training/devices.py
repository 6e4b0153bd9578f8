"""Processes and the device mesh."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mer_jax import environment
from mer_jax.errors import InputError

LOG = logging.getLogger("mer_jax")
_WAIT_SECONDS = 30 * 24 * 3600  # a grid's share may take long; a dead process is noticed elsewhere
_SHUTDOWN_SECONDS = 60  # that a process which ends, in failure say, waits for the others to end


def join_processes(coordinator: str | None, count: int | None, index: int | None) -> None:
    """Makes this process number `index` of `count`, which meet at `coordinator`, HOST:PORT.

    Where all three are None the cluster tells them. Comes before any other use of JAX; raises
    InputError where the processes do not meet.
    """
    jax.config.update("jax_enable_preemption_service", False)  # it would swallow SIGTERM
    if index == 0 and coordinator is not None:
        _check_port(coordinator)
    try:
        jax.distributed.initialize(
            coordinator, count, index, shutdown_timeout_seconds=_SHUTDOWN_SECONDS
        )
        jax.local_devices()  # asks the other processes for theirs, now that all are here
    except (RuntimeError, ValueError, KeyError, AssertionError, OSError) as error:
        sentence = " ".join(f"{error or type(error).__name__}".split())
        raise InputError(f"--coordinator: the processes did not connect: {sentence}") from None


def _check_port(coordinator: str) -> None:
    """Refuses a port that another program listens on: JAX would end the process by a signal."""
    port = int(coordinator.rpartition(":")[2])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers that start again
        try:
            probe.bind(("", port))
        except OSError as error:
            raise InputError(
                f"--coordinator: port {port} of this machine cannot be used: {error.strerror}; "
                "name another port to all processes"
            ) from None


def is_first() -> bool:
    """Whether this is the process that writes what the workdir has once."""
    return jax.process_index() == 0


def is_alone() -> bool:
    """Whether no other process trains the same grid."""
    return jax.process_count() == 1


def wait_for_all(moment: str) -> None:
    """Returns once every process has come to `moment`. JAX ends all of them if one dies."""
    if is_alone():
        return
    from orbax.checkpoint import multihost  # takes a while to load, and one process needs it not

    multihost.get_barrier_sync_fn()(key=moment, timeout_ms=1000 * _WAIT_SECONDS)


@contextlib.contextmanager
def first_before_others(moment: str) -> Iterator[None]:
    """A body that the first process runs before the others, which find what it has written.

    Where it fails, the others go on to meet the same mistake.
    """
    if not is_first():
        wait_for_all(moment)
    try:
        yield
    finally:
        if is_first():
            wait_for_all(moment)


def by_run(count: int = 0) -> NamedSharding:
    """Arrays with a leading run axis, over the first `count` devices of this process; 0: all."""
    return NamedSharding(_mesh(count), PartitionSpec("run"))


def replicated(count: int = 0) -> NamedSharding:
    """Arrays that each of the first `count` devices of this process holds; 0: all."""
    return NamedSharding(_mesh(count), PartitionSpec())


def _mesh(count: int) -> Mesh:
    """Devices of this process along one axis, the runs'.

    Axes are Auto: jit places each run's arithmetic on the device that holds the run.
    """
    devices = jax.local_devices()[: count or None]
    return jax.make_mesh((len(devices),), ("run",), (AxisType.Auto,), devices=devices)


def description() -> dict[str, str | int]:
    """What a run's bits depend on beside its config: this process's kind of device."""
    local = jax.local_devices()
    return {
        "kind": local[0].device_kind,
        "backend": jax.default_backend(),
        # Cores that count as devices are those of one processor.
        "count": 1 if environment.cores_are_devices() else jax.device_count(),
    }


def memory_bytes() -> int:
    """The memory of a device: its own where it tells, else the machine's."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in statistics:
        return statistics["bytes_limit"]
    return host_bytes()


def host_bytes() -> int:
    """The memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
