"""The command line: a mode's flags and config overrides, every mistake told in one sentence."""

from __future__ import annotations

import difflib
import functools
import pathlib
import re
import sys
from typing import TYPE_CHECKING, Any

from absl import flags as absl_flags

from mer_jax import help as help_lib
from mer_jax import modes, paths
from mer_jax.errors import InputError
from mer_jax.modes.record import Arguments, Flag, Mode

if TYPE_CHECKING:
    from ml_collections import ConfigDict

_HELP = {"--help", "-help", "--h", "-h", "-?", "--helpshort", "--helpfull"}
_KIND_WORDS = {"int": "a whole number", "float": "a number", "bool": "True or False"}  # by absl's
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")  # absl's words


def parse(argv: list[str]) -> tuple[Mode, Arguments]:
    """The mode that a command line names, and what it is run with; argv[0] is the program.

    Ends the process after --help. Raises InputError for everything that is wrong with it.
    """
    name = _value_of(argv, "mode")
    mode = modes.DEFAULT if name is None else modes.MODES.get(name)
    if mode is None:
        raise InputError(f"--mode: unknown mode {name!r}; one of: {', '.join(modes.MODES)}")
    if _HELP & set(argv[1:]):
        print(help_lib.of_all() if name is None else help_lib.of_mode(mode))
        sys.exit(0)
    values = absl_flags.FlagValues()
    values.append_flag_values(absl_flags.FLAGS)  # those of absl's log, which scripts may set
    absl_flags.DEFINE_string("mode", None, "", flag_values=values)
    for flag in help_lib.taken_by(mode):
        if flag.name != "config":
            _define(flag, values)
    if mode.needs_config:
        argv = _with_config(argv, mode, values)
    try:
        rest = values(argv)
    except absl_flags.Error as error:
        raise InputError(_sentence(error, mode, values)) from None
    if rest[1:]:
        raise InputError(f"{rest[1]!r} is not a flag; flags begin with --, and --help lists them")
    return mode, _checked(mode, values)


def _checked(mode: Mode, values: absl_flags.FlagValues) -> Arguments:
    """What the mode is run with; InputError where its flags do not fit together."""
    given = {flag.name: _value(flag, values[flag.name].value) for flag in mode.flags}
    workdir = None
    if "workdir" in values:
        if mode.needs_workdir and not values["workdir"].value:
            raise InputError(f"--mode={mode.name} needs --workdir=DIR")
        workdir = paths.workdir(values["workdir"].value or ".")
    _check_files(mode, given)
    for group in mode.needs:
        if all(given[name] in (None, ()) for name in group):
            wanted = help_lib.joined([mode.flag(name).usage for name in group])
            raise InputError(f"--mode={mode.name} needs {wanted}")
    config = None
    if mode.needs_config:
        from mer_jax import config as config_lib

        config = config_lib.check(values["config"].value)
    if workdir is not None:
        _check_kept(mode, given, workdir, config)
    arguments = Arguments(mode.name, given, workdir, config, values["quiet"].value)
    if mode.check is not None:
        mode.check(arguments)
    return arguments


def _check_files(mode: Mode, given: dict[str, Any]) -> None:
    """Refuses files and folders that the mode is to write and that cannot be written."""
    read = {
        f"--{flag.name}": given[flag.name]
        for flag in mode.flags
        if flag.kind is pathlib.Path and not flag.repeated and given[flag.name]
        if not flag.writes and not flag.writes_in
    }
    for flag in mode.flags:
        path = given[flag.name]
        if path is not None and flag.writes:
            paths.file_to_write(path, f"--{flag.name}", read)
        elif path is not None and flag.writes_in:
            paths.folder_to_write(path, f"--{flag.name}", flag.writes_in, read)


def _check_kept(
    mode: Mode, given: dict[str, Any], workdir: pathlib.Path, config: ConfigDict | None
) -> None:
    """Refuses to write over a training in `workdir`, its labels and its features."""
    written = [flag for flag in mode.flags if flag.writes and given[flag.name] is not None]
    if not written:
        return
    from mer_jax.corpora import corpus_info
    from mer_jax.data import label_files
    from mer_jax.workdir import Workdir

    kept = Workdir(workdir).kept
    if config is not None and config.data.root:
        root = pathlib.Path(config.data.root)
        names = ("features", *label_files.every_name(corpus_info(config.data.corpus)))
        kept += [root / name for name in names]
    for flag in written:
        paths.outside(given[flag.name], f"--{flag.name}", kept)


def _define(flag: Flag, values: absl_flags.FlagValues) -> None:
    """Declares a flag to absl, which parses it."""
    bounds = {"lower_bound": flag.least, "upper_bound": flag.most}
    if flag.kind is bool:
        absl_flags.DEFINE_boolean(flag.name, flag.default, flag.help, flag_values=values)
        return
    parser = absl_flags.ArgumentParser()
    if flag.kind is int:
        parser = absl_flags.IntegerParser(**bounds)
    elif flag.kind is float:
        parser = absl_flags.FloatParser(**bounds)
    elif flag.choices:
        parser = absl_flags.EnumParser(flag.choices)
    serializer = absl_flags.ArgumentSerializer()
    make = absl_flags.MultiFlag if flag.repeated else absl_flags.Flag
    made = make(parser, serializer, flag.name, flag.default, flag.help)
    absl_flags.DEFINE_flag(made, values)


def _value(flag: Flag, value: Any) -> Any:
    """What a mode is given for the value of a flag that absl has parsed."""
    convert = flag.kind
    if flag.kind is pathlib.Path:
        convert = functools.partial(paths.of_user, what=f"--{flag.name}")
    if flag.repeated:
        return tuple(convert(each) for each in value or ())
    if value is None or (value == "" and flag.kind is pathlib.Path):
        return None
    return convert(value)


def _with_config(argv: list[str], mode: Mode, values: absl_flags.FlagValues) -> list[str]:
    """Declares the config that the command line begins from to absl; the rest of the arguments."""
    from ml_collections import config_flags

    from mer_jax import environment

    environment.load_jax()
    from mer_jax import config as config_lib

    _check_overrides(argv, config_lib)
    config = _config_of(argv, mode, config_lib)
    config_lib.check_keys(config)  # an override of a key that it lacks would end in a traceback
    argv = _without(argv, "config")
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    return argv


def _config_of(argv: list[str], mode: Mode, config_lib) -> ConfigDict:
    """The config before its overrides: --config, --config_json, DIR/config.json, the mode's own."""
    from mer_jax.workdir import Workdir

    file = _value_of(argv, "config")
    repeated = None
    if any(flag.name == "config_json" for flag in mode.flags):
        repeated = _value_of(argv, "config_json")
    workdir = _value_of(argv, "workdir")
    if repeated is not None:
        if file is not None:
            raise InputError("--config_json takes no --config: it repeats a run's own")
        return config_lib.read_saved(paths.of_user(repeated, "--config_json"))
    if file is not None:
        return config_lib.load_file(file)
    if workdir is not None:
        saved = Workdir(paths.workdir(workdir)).config_file
        if saved.is_file():
            return config_lib.read_saved(saved)
    if mode.default_config is not None:
        return config_lib.load_file(mode.default_config)
    raise InputError(
        "--config is missing, and no --workdir=DIR with a config.json is given; --help shows a "
        "command for each mode"
    )


def _check_overrides(argv: list[str], config_lib) -> None:
    """Refuses keys that are not there, and words for True and False that absl does not know."""
    known, keys = config_lib.flatten(config_lib.load_base()), config_lib.declared()
    for argument in argv[1:]:
        key, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and key.startswith("config."):
            key = key.removeprefix("config.")
            if key not in known:
                raise InputError(config_lib.unknown_key(key))
            is_bool = value.lower() in (*_TRUE, *_FALSE)
            is_switch = isinstance(known[key], bool) and keys[key].kind is None
            if is_switch and equals and not is_bool:
                raise InputError(f"config.{key}: {value!r} is not True or False")


def _sentence(error: absl_flags.Error, mode: Mode, values: absl_flags.FlagValues) -> str:
    """absl's complaint about a flag, in the form that all others here have."""
    text = str(error)
    if isinstance(error, absl_flags.UnrecognizedFlagError):
        return _unknown_flag(error.flagname, mode)
    if found := re.match(r"flag --([\w.]+)=(.*?): ", text, re.DOTALL):
        name, value = found.groups()
        flag, where = values[name], name if name.startswith("config.") else f"--{name}"
        kind = flag.flag_type().removeprefix("multi ")
        if bounds := _bounds(mode, name, kind, value):
            return f"{where}: {value!r} is not {bounds}"
        if kind in _KIND_WORDS:
            return f"{where}: {value!r} is not {_KIND_WORDS[kind]}"
        if choices := getattr(flag.parser, "enum_values", None):
            return f"{where}: unknown {name} {value!r}; one of: {', '.join(choices)}"
    if found := re.match(r"Missing value for flag (--[\w.]+)", text):
        return f"{found[1]} needs a value"
    return text


def _bounds(mode: Mode, name: str, kind: str, value: str) -> str | None:
    """The words for what a number must be that is of its kind and out of bounds."""
    try:
        {"int": int, "float": float}[kind](value)
    except (KeyError, ValueError):
        return None
    (flag,) = [flag for flag in mode.flags if flag.name == name] or [None]
    if flag is None or flag.least is None:
        return None if flag is None or flag.most is None else f"{flag.most} or less"
    return f"{flag.least} or more" if flag.most is None else f"from {flag.least} to {flag.most}"


def _unknown_flag(name: str, mode: Mode) -> str:
    """The sentence for a flag that the mode does not take."""
    name = name.partition(".")[0]
    if name in ("config", "workdir"):
        return f"--mode={mode.name} takes no --{name}"
    if others := help_lib.modes_with(name):
        return f"--{name} goes with --mode={help_lib.joined(others)}"
    near = difflib.get_close_matches(name, [flag.name for flag in help_lib.taken_by(mode)], n=1)
    hint = f"did you mean --{near[0]}?" if near else "--help lists the flags"
    return f"--{name}: unknown flag; {hint}"


def _value_of(argv: list[str], name: str) -> str | None:
    """The last value of `--name=VALUE` or `--name VALUE`, before absl has parsed anything."""
    found = None
    for argument, following in zip(argv[1:], [*argv[2:], None], strict=False):
        flag, equals, value = argument.partition("=")
        if flag.lstrip("-") == name and flag.startswith("-"):
            found = value if equals else following
    return found


def _without(argv: list[str], name: str) -> list[str]:
    """The arguments without `--name=VALUE` and `--name VALUE`."""
    rest, is_value = [], False
    for argument in argv:
        flag, equals, _ = argument.partition("=")
        if is_value or (flag.lstrip("-") == name and flag.startswith("-")):
            is_value = not is_value and not equals
        else:
            rest.append(argument)
    return rest
