"""Disks that are full and permissions that bind, for processes that a test starts.

Each gives a `prefix` for a command, after which the command lives under it.
"""

import contextlib
import math
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

PAGE = 4096
_CALLS = """
import ctypes, os, resource, sys
{calls}
os.execvp(sys.argv[1], sys.argv[1:])
"""
_PR_CAPBSET_DROP = 24
_OVERRIDES = (1, 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: what modes do not bind root by


def _after(calls: str) -> list[str]:
    return [sys.executable, "-c", _CALLS.format(calls=calls)]


def bound_by_modes() -> list[str]:
    """A prefix after which modes bind the command as they bind any user, root or not.

    The user stays who it is: another one might not be let into the folder that Python lies in.
    """
    if os.geteuid() != 0:
        return []
    call = "assert ctypes.CDLL(None).prctl({}, {}, 0, 0, 0) == 0, 'a capability stays'"
    return _after("\n".join(call.format(_PR_CAPBSET_DROP, number) for number in _OVERRIDES))


class Limited:
    """Files of at most so many bytes: what stands in for a full disk where none can be mounted."""

    kind = "RLIMIT_FSIZE"

    def __init__(self, folder: pathlib.Path):
        self.folder = self.seen = folder
        self._most = None

    def leave(self, room: int, largest: int) -> None:
        """From now on no file becomes larger than `largest` bytes."""
        self._most = largest

    @property
    def prefix(self) -> list[str]:
        """What a command that is to live under the limit begins with."""
        return _after(f"resource.setrlimit(resource.RLIMIT_FSIZE, ({self._most},) * 2)")


class Mounted:
    """A tmpfs in a mount namespace of its own, as large as it is told to be."""

    kind = "tmpfs"

    def __init__(self, folder: pathlib.Path, holder: subprocess.Popen):
        self.folder = folder
        self.seen = pathlib.Path(f"/proc/{holder.pid}/root{folder}")  # from outside
        into = ["nsenter", f"--target={holder.pid}", "--user", "--mount", "--preserve-credentials"]
        self.prefix = [*into, f"--wd={os.getcwd()}"]

    def leave(self, room: int, largest: int) -> None:
        """Resizes the disk so that `room` bytes are left."""
        found = os.statvfs(self.seen)
        size = (found.f_blocks - found.f_bfree) * found.f_frsize + room
        remount = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        subprocess.run([*self.prefix, *remount], check=True)


@contextlib.contextmanager
def disk(folder: pathlib.Path, kind: str) -> Iterator[Mounted | Limited]:
    """The folder as a disk that can be full; `kind` tmpfs becomes a limit where none is allowed."""
    script = 'mount -t tmpfs -o size=64m tmpfs "$0" && echo mounted && exec cat'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(folder)]
    with contextlib.ExitStack() as until_done:
        if kind == Mounted.kind:
            with contextlib.suppress(FileNotFoundError):  # no unshare on this machine
                holder = until_done.enter_context(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                    )
                )
                if holder.stdout.readline() == b"mounted\n":
                    yield Mounted(folder, holder)
                    return
        yield Limited(folder)


def in_pages(*files: pathlib.Path) -> int:
    """The bytes that files take on a tmpfs, those of folders with all that lies in them."""
    every = [path for file in files for path in ([file] if file.is_file() else file.rglob("*"))]
    return sum(PAGE * math.ceil(path.stat().st_size / PAGE) for path in every if path.is_file())
