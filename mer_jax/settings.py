"""Declarations of settings: what a value may be, and the settings that a model or method brings."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mer_jax import spans
from mer_jax.errors import InputError


def _is_single(value: Any) -> bool:
    return not isinstance(value, tuple | list)


def _as_it_is(value: Any) -> Any:
    return value


class Kind(NamedTuple):
    """What a value is: how it is read from a config, and what the code gets for it.

    `read(value, where)` returns the normal form, which a config keeps, or raises InputError, whose
    sentence begins with `where`. `build` makes of the normal form what a module takes as its field.
    """

    words: str
    read: Callable[[Any, str], Any]
    is_single: Callable[[Any], bool] = _is_single  # whether a tuple is one value, not several
    build: Callable[[Any], Any] = _as_it_is


def _typed(kind: type, words: str) -> Kind:
    def read(value: Any, where: str) -> Any:
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise InputError(f"{where}: {value!r} is not {words}")
        if kind is float and not math.isfinite(value):
            raise InputError(f"{where}: {value} is not finite")
        return value

    return Kind(words, read)


def _read_widths(value: Any, where: str) -> str:
    text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    widths = [width.strip() for width in text.split(",")]
    if not all(width.isascii() and width.isdigit() and int(width) > 0 for width in widths):
        raise InputError(f'{where}: {value!r} is not a list of widths such as "256,128"')
    return ",".join(widths)


WHOLE = _typed(int, "a whole number")
NUMBER = _typed(float, "a number")
SWITCH = _typed(bool, "True or False")
NAME = _typed(str, "a name")
# A command line's 256,128 arrives as a tuple of numbers: one stack of layers, not two values.
WIDTHS = Kind(
    'widths such as "256,128"',
    _read_widths,
    is_single=lambda value: _is_single(value) or not any(isinstance(one, str) for one in value),
    build=lambda text: tuple(int(width) for width in text.split(",")),
)
_KINDS = {int: WHOLE, float: NUMBER, bool: SWITCH, str: NAME}


class Range(NamedTuple):
    """The numbers that a setting may hold, and how a message names them."""

    holds: Callable[[Any], bool]
    words: str

    def check(self, value: Any, where: str) -> None:
        """Raises InputError, beginning with `where`, for a value outside the range."""
        if not self.holds(value):
            raise InputError(f"{where}: {value} must be {self.words}")


class Choices(NamedTuple):
    """The names that a setting may hold."""

    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """The names as the documentation lists them."""
        return ", ".join(name or '""' for name in self.names)

    def check(self, value: Any, where: str) -> None:
        """Raises InputError, beginning with `where`, for any other name."""
        if value not in self.names:
            what = where.rpartition(".")[2]
            raise InputError(f"{where}: unknown {what} {value!r}; one of: {', '.join(self.names)}")


POSITIVE = Range(lambda value: value > 0, "greater than 0")
AT_LEAST_0 = Range(lambda value: value >= 0, "0 or more")
AT_LEAST_1 = Range(lambda value: value >= 1, "1 or more")
SHARE = Range(lambda value: 0 <= value <= 1, "in [0, 1]")
BELOW_1 = Range(lambda value: 0 <= value < 1, "in [0, 1)")


def kind_of(default: Any, where: str) -> Kind:
    """The kind of value that a default is one of; of a tuple, its first element's."""
    example = default[0] if isinstance(default, tuple) and default else default
    if type(example) not in _KINDS:
        words = ", ".join(kind.words for kind in _KINDS.values())
        raise InputError(f"{where}: the default {default!r} is of an unknown kind; known: {words}")
    return _KINDS[type(example)]


def read_single(value: Any, kind: Kind, allowed: Range | Choices | None, where: str) -> Any:
    """The normal form of one value; InputError, beginning with `where`, where it is refused."""
    value = kind.read(value, where)
    if allowed is not None:
        allowed.check(value, where)
    return value


def read_axis(value: Any, kind: Kind, allowed: Range | Choices | None, where: str) -> Any:
    """The normal form of one value or of several, an axis of a grid; a tuple of one is one value.

    A number's may also be the text of a range, from which a search draws (mer_jax/spans.py).
    Raises InputError, beginning with `where`, for an empty tuple and for a value given twice.
    """
    if (span := span_of(value, kind, where)) is not None:
        for bound in (span.low, span.high):
            read_single(bound, kind, allowed, f"{where}: {span}")
        return str(span)
    if kind.is_single(value):
        return read_single(value, kind, allowed, where)
    values = tuple(read_single(each, kind, allowed, where) for each in value)
    if not values or len(set(values)) < len(values):
        raise InputError(f"{where}: {value!r} is empty or lists a value twice")
    return values[0] if len(values) == 1 else values


def span_of(value: Any, kind: Kind, where: str = "") -> spans.Span | None:
    """The range that a value of this kind spells, None where it is another value."""
    if kind not in (NUMBER, WHOLE):
        return None
    try:
        return spans.read(value, is_whole=kind is WHOLE)
    except ValueError as error:
        raise InputError(f"{where}: {value!r}: {error}") from None


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting that a model or a method brings: a key of the config, and an axis of the grid.

    A static setting changes what is compiled and is a field of the module that declares it. A
    traced one is a number that reaches the module while it runs, so that a grid over it is compiled
    once. Raises InputError where the declaration contradicts itself.
    """

    name: str
    default: Any  # one value, or a tuple: the axis of the grid that is tried when none is given
    allowed: Range | Choices | None = None
    doc: str = ""  # one line: what the number does
    _: dataclasses.KW_ONLY
    traced: bool = False
    part: str = "model"  # the part of the config that its key lies in
    kind: Kind | None = None  # None: that of the default

    def __post_init__(self):
        where = f"the setting {self.key}"
        if not self.name.isidentifier():
            raise InputError(f"the setting {self.name!r}: its name is not a Python identifier")
        if not self.doc.strip() or "\n" in self.doc:
            raise InputError(f"{where}: doc must say in one line what it does")
        if self.kind is None:
            object.__setattr__(self, "kind", kind_of(self.default, where))
        if self.traced and self.kind not in (NUMBER, WHOLE):
            raise InputError(f"{where}: it is {self.kind.words}, and only numbers can be traced")
        read_axis(self.default, self.kind, self.allowed, f"{where}: the default")

    @property
    def key(self) -> str:
        """Its dotted key in the config."""
        return f"{self.part}.{self.name}"


def static(declared: tuple[Setting, ...]) -> tuple[str, ...]:
    """The names of the settings that change what is compiled."""
    return tuple(setting.name for setting in declared if not setting.traced)


def traced(declared: tuple[Setting, ...]) -> tuple[str, ...]:
    """The names of the settings that arrive as numbers while the program runs."""
    return tuple(setting.name for setting in declared if setting.traced)


class Registry(dict):
    """Classes by name, each with its SETTINGS; what is misdeclared is refused when it is entered.

    `what` names an entry in messages; `parts` are those of the config where settings may lie.
    `own_fields` tells the fields of a class that its static settings fill, None for classes whose
    settings fill no fields.
    """

    def __init__(
        self,
        what: str,
        parts: tuple[str, ...],
        entries: Mapping[str, Any],
        own_fields: Callable[[Any], set[str]] | None = None,
    ):
        super().__init__()
        self._what, self._parts, self._own_fields = what, parts, own_fields
        for name, entry in entries.items():
            self[name] = entry

    def __setitem__(self, name: str, entry: Any) -> None:
        where = f"{self._what} {name!r}"
        declared = getattr(entry, "SETTINGS", None)
        if not isinstance(declared, tuple) or not all(isinstance(s, Setting) for s in declared):
            raise InputError(f"{where}: SETTINGS must be a tuple of mer_jax.settings.Setting")
        names = [setting.name for setting in declared]
        for setting in declared:
            if names.count(setting.name) > 1:
                raise InputError(f"{where}: SETTINGS lists {setting.name} twice")
            if setting.part not in self._parts:
                parts = " or ".join(self._parts)
                raise InputError(f"{where}: {setting.key} must lie in {parts}, by `part`")
            for other, theirs in self.items():
                if other != name and any(
                    each.key == setting.key and each != setting for each in theirs.SETTINGS
                ):
                    raise InputError(
                        f"{where}: {setting.key} is declared differently by {other!r}; share its "
                        "Setting or choose another name"
                    )
        if self._own_fields is not None:
            fields, expected = self._own_fields(entry), set(static(declared))
            if odd := sorted(fields ^ expected):
                raise InputError(
                    f"{where}: {odd[0]} is "
                    + (
                        "a field without a static Setting of its name"
                        if odd[0] in fields
                        else "a static Setting without a field of its name"
                    )
                )
        super().__setitem__(name, entry)

    def settings(self) -> dict[str, Setting]:
        """Every setting of every entry by its key, in the order of declaration."""
        return {s.key: s for entry in self.values() for s in entry.SETTINGS}
