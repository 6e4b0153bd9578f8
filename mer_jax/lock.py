"""The lock of a workdir: one training at a time."""

import contextlib
import fcntl
import os
import pathlib
import platform
from collections.abc import Iterator

from mer_jax import files
from mer_jax.errors import InputError

NAME = ".lock"


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Iterator[None]:
    """Holds the lock of `workdir` for the body; creates the folder where it is absent.

    The system releases the lock when the process ends, however it ends: the file that remains
    locks nothing. Raises InputError naming the process that holds it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / NAME).open("a+") as file:  # not "w": the holder's name must remain readable
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            host, _, pid = file.read().strip().rpartition(" ")
            raise InputError(
                f"{workdir}: process {pid or 'unknown'} on {host or 'this host'} is training in "
                "it; wait until it ends, or use another --workdir"
            ) from None
        with files.naming(workdir / NAME):
            file.truncate(0)
            os.write(file.fileno(), f"{platform.node()} {os.getpid()}\n".encode())
        yield
