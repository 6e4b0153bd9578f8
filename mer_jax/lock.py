"""The lock of a folder: one training or extraction at a time."""

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.workdir import Workdir


@contextlib.contextmanager
def held(
    workdir: os.PathLike[str], doing: str = "training in it", flag: str = "--workdir"
) -> Iterator[None]:
    """Holds the lock of `workdir` for the body; creates the folder where it is absent.

    `doing` is what the holder does, and `flag` what names another folder, for the message.

    The system releases the lock when the process ends, however it ends: the file that remains
    locks nothing. Raises InputError naming the process that holds it.
    """
    place = Workdir(workdir)
    place.folder.mkdir(parents=True, exist_ok=True)
    with place.lock_file.open("a+") as file:  # not "w": the holder's name must remain readable
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            host, _, pid = file.read().strip().rpartition(" ")
            raise InputError(
                f"{place}: process {pid or 'unknown'} on {host or 'this host'} is {doing}; "
                f"wait until it ends, or use another {flag}"
            ) from None
        with files.naming(place.lock_file):
            file.truncate(0)
            os.write(file.fileno(), f"{platform.node()} {os.getpid()}\n".encode())
        yield
