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
    """A body during which no other process trains in `workdir`, which is made where absent.

    The system lets go of the lock with the process, however that ends: the file that stays behind
    locks nothing. Raises InputError naming who holds it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / NAME).open("a+") as file:  # not "w": the holder's name must survive a look
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            host, _, pid = file.read().strip().rpartition(" ")
            raise InputError(
                f"{workdir}: process {pid or 'unknown'} on {host or 'this host'} trains in it; "
                "wait for its end, or use another --workdir"
            ) from None
        with files.naming(workdir / NAME):
            file.truncate(0)
            os.write(file.fileno(), f"{platform.node()} {os.getpid()}\n".encode())
        yield
