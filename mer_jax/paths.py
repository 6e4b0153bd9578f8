"""Paths: the configs and dataset builders that came with the package, and what a user gives."""

import os
import pathlib
import re
import subprocess
import sys
import types
from collections.abc import Iterable

from mer_jax.errors import InputError

_PACKAGE = pathlib.Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_root"  # where setup.py maps the two folders below in a wheel

IS_INSTALLED = _INSTALLED.is_dir()  # False in a checkout, also one that is installed as editable
ROOT = _INSTALLED if IS_INSTALLED else _PACKAGE.parent
CONFIGS = ROOT / "configs"
BUILDERS = ROOT / "datasets"

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # gs://, s3://, hf://, file://
_LONGEST_NAME = 255 - 60  # bytes; beside a file another one is written with a longer name


def of_user(text: str | os.PathLike, what: str) -> pathlib.Path:
    """The path that a user gives for `what`, a flag or a key; ~ is the home folder.

    Raises InputError for what no command here could read or write, before anything begins.
    """
    text = os.fspath(text)
    if address := _ADDRESS.match(text):
        raise InputError(
            f"{what}: {text!r} is an address, and only folders and files of this machine are read "
            f"and written; mount the {address[1]} storage, or copy what is there"
        )
    control = [each for each in text if ord(each) < ord(" ") or each == "\x7f"]
    if control:
        raise InputError(f"{what}: {text!r} holds the control character {control[0]!r}; rename it")
    try:
        parts = [part.encode() for part in pathlib.Path(text).parts]
    except UnicodeEncodeError:
        raise InputError(f"{what}: {text!r} is not UTF-8; rename it") from None
    if any(len(part) > _LONGEST_NAME for part in parts):
        raise InputError(f"{what}: a name in it is longer than {_LONGEST_NAME} bytes: {text!r}")
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError:
        raise InputError(f"{what}: {text!r}: no such user's home folder is known") from None


def workdir(text: str) -> pathlib.Path:
    """The folder that a user gives as --workdir, there or not.

    Raises InputError where a file or a link without its target is in its place.
    """
    path = of_user(text, "--workdir")
    there = next((each for each in (path, *path.parents) if os.path.lexists(each)), None)
    if there is not None and not there.exists():
        raise InputError(
            f"--workdir: {there} is a link to {os.readlink(there)}, which is not there; restore "
            "that folder or remove the link"
        )
    if there is not None and not there.is_dir():
        raise InputError(f"--workdir: {there} is a file; name a folder, which need not be there")
    return path


def file_to_write(path: pathlib.Path, what: str, read: dict[str, pathlib.Path]) -> None:
    """Refuses a path at which no file can be written, or which would replace one that is `read`.

    `read` holds the files that the command reads, by their flags.
    """
    if path.is_dir():
        raise InputError(f"{what}: {path} is a folder; name a file in it")
    there = next(each for each in path.absolute().parents if each.exists())
    if not there.is_dir():
        raise InputError(f"{what}: {there} is a file, and {path} cannot be in it")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{what}: this user may not write in {there}")
    for other, source in read.items():
        if path.exists() and source.exists() and path.samefile(source):
            raise InputError(f"{what}: {path} is what {other} reads; name another file")


def outside(path: pathlib.Path, what: str, kept: Iterable[pathlib.Path]) -> None:
    """Refuses to write a path that is one of the files and folders `kept`, or lies in one."""
    resolved = path.resolve()
    for place in kept:
        if resolved.is_relative_to(place.resolve()):
            raise InputError(
                f"{what}: {path} would replace what the training and its data need; name another "
                "file"
            )


def folder_to_write(
    path: pathlib.Path, what: str, names: Iterable[str], read: dict[str, pathlib.Path]
) -> None:
    """Refuses a path at which no folder with the files `names` can be written.

    `read` holds the files that the command reads, by their flags.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{what}: {path} is a file; name a folder, which need not be there")
    for name in names:
        file_to_write(path / name, what, read)


def config_file(name: str) -> pathlib.Path | None:
    """The Python file that `name` names: a path, or one of CONFIGS without its suffix."""
    path = pathlib.Path(os.path.expanduser(name))
    if path.suffix == ".py" and path.is_file():
        return path
    came_along = CONFIGS / f"{name}.py"
    return came_along if came_along.is_file() else None


def make_configs_importable() -> None:
    """Lets config files say `from configs import base`, whatever else is called configs.

    A folder of that name where the program is started, or another project's, would
    otherwise be found in place of this package's.
    """
    if "configs" not in sys.modules:
        package = types.ModuleType("configs", "Configs of mer_jax, and of the folders on sys.path.")
        others = (pathlib.Path(folder) / "configs" for folder in sys.path)
        package.__path__ = list(dict.fromkeys(map(str, (CONFIGS, *others))))
        sys.modules["configs"] = package


def commit() -> str | None:
    """The commit of the code that runs, or None where it stands in no git checkout."""
    if IS_INSTALLED:  # a repository around it would be of something else
        return None
    command = ["git", "-C", str(ROOT), "describe"]
    command += ["--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
