"""Records of the command line: a mode, its flags, and the arguments that it is run with."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from mer_jax.progress import Display

KINDS = (str, pathlib.Path, int, float, bool)


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag, `--NAME=VALUE`. One that several modes take is declared once, in modes/flags.py."""

    name: str
    help: str  # a line
    kind: type = str  # one of KINDS
    default: Any = None  # of the kind; None: absent
    choices: tuple[str, ...] = ()  # for kind str: nothing else is taken
    least: float | None = None  # for int and float: the smallest value
    most: float | None = None  # and the largest
    repeated: bool = False  # may be given several times; its value is a tuple, in their order
    writes: bool = False  # for kind Path: a file that the mode writes, which is checked at once
    writes_in: tuple[str, ...] = ()  # for kind Path: a folder, and the files written there
    value_name: str = ""  # what stands for the value in help and messages, such as FILE

    def __post_init__(self):
        """Refuses, where the flag is declared, what could not be parsed later."""
        numeric = self.kind in (int, float)
        faults = {
            "name": not self.name.isidentifier(),
            "kind": self.kind not in KINDS,
            "choices": self.choices and self.kind is not str,
            "least": self.least is not None and not numeric,
            "most": self.most is not None and not numeric,
            "repeated": self.repeated and self.kind is bool,
            "writes": self.writes and self.kind is not pathlib.Path,
            "writes_in": self.writes_in and (self.writes or self.kind is not pathlib.Path),
            "default": self.repeated and self.default is not None,
        }
        for field, is_wrong in faults.items():
            if is_wrong:
                raise ValueError(f"flag {self.name!r}: {field} is {getattr(self, field)!r}")

    @property
    def usage(self) -> str:
        """The flag as help and messages write it: `--labels=FILE`, `--quiet`."""
        if self.kind is bool:
            return f"--{self.name}"
        names = {pathlib.Path: "FILE", int: "N", float: "X"}
        return f"--{self.name}={self.value_name or names.get(self.kind, self.name.upper())}"


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What a mode is run with."""

    mode: str
    flags: Mapping[str, Any]  # by name, of the mode's flags; None or () where one is not given
    workdir: pathlib.Path | None = None
    config: ConfigDict | None = None  # checked; None for a mode that takes none
    quiet: bool = False

    def __getitem__(self, flag: str) -> Any:
        return self.flags[flag]

    def display(self, is_first: bool = True) -> Display:
        """Where progress is shown: nowhere with --quiet, nor in any process but the first."""
        from mer_jax import progress

        return progress.display(silent=self.quiet or not is_first)


@dataclasses.dataclass(frozen=True)
class Mode:
    """A command, `--mode=NAME`.

    The module that declares one imports JAX, TFDS and orbax inside functions alone, so that --help
    and the modes that need none of them start at once.
    """

    name: str
    help: str  # a line
    run: Callable[[Arguments], None]
    example: str  # its arguments after `python -m mer_jax.main`
    flags: tuple[Flag, ...] = ()  # beside --config, --workdir, --quiet and --help
    needs_config: bool = False  # takes --config and its overrides, else DIR/config.json
    needs_workdir: bool = False
    needs: tuple[tuple[str, ...], ...] = ()  # of each group of flags at least one is given
    default_config: str | None = None  # of configs/, where there is no other
    check: Callable[[Arguments], None] | None = None  # raises InputError: what else goes together
    cores: Callable[[Arguments], int] | None = None  # of a CPU: so many are made a device each

    def __post_init__(self):
        """Refuses, where the mode is declared, a rule about a flag that it does not have."""
        names = [flag.name for flag in self.flags]
        unknown = {name for group in self.needs for name in group} - {*names}
        if unknown or len({*names}) < len(names):
            raise ValueError(f"mode {self.name!r}: flags {names}, needs {self.needs}")

    def flag(self, name: str) -> Flag:
        """The flag of that name."""
        return next(flag for flag in self.flags if flag.name == name)
