"""The command line: absl flags and config overrides, every mistake told in one sentence."""

import difflib
import logging
import pathlib
import re
import sys
from typing import NamedTuple, NoReturn

from absl import app, flags
from absl import logging as absl_logging
from ml_collections import config_flags

from mer_jax import config as config_lib
from mer_jax import files, termination
from mer_jax.errors import InputError

MODES = ("build", "train", "evaluate", "compare", "predict", "select", "table", "report")
_WRONG_INPUT = 2
_HELP = {"--help", "-help", "--h", "-h", "-?", "--helpshort"}
_SAVED = config_lib.CONFIGS / "saved.py"
_BASE = config_lib.CONFIGS / "base.py"

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/; without it DIR/config.json. Override: --config.KEY=VALUE."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "DIR: where a run's files lie.")
_MODE = flags.DEFINE_enum("mode", "train", MODES, "What to do.")
_LABELS = flags.DEFINE_string(
    "labels", None, "evaluate, compare, report: labels of test clips, a CSV or an npz."
)
_AGAINST = flags.DEFINE_string("against", None, "compare: the DIR of the other run.")
_CONFIG_JSON = flags.DEFINE_string(
    "config_json", None, "train: a run's config.json, to be repeated in another --workdir."
)
_OUT = flags.DEFINE_string("out", None, "predict, select: the CSV to write; default in DIR.")
_QUIET = flags.DEFINE_boolean(
    "quiet", False, "No progress and no log lines; warnings, errors and results stay."
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "train in several processes: HOST:PORT of the first, or auto (clusters)."
)
_PROCESS_COUNT = flags.DEFINE_integer("process_count", None, "How many processes train.")
_PROCESS_INDEX = flags.DEFINE_integer("process_index", None, "Which of them this one is, from 0.")
_FLAGS = (
    _CONFIG, _WORKDIR, _MODE, _LABELS, _AGAINST, _CONFIG_JSON, _OUT, _QUIET, _COORDINATOR,
    _PROCESS_COUNT, _PROCESS_INDEX,
)  # fmt: skip
_PROGRAM = "python -m mer_jax.main"
_KIND_WORDS = {"int": "a whole number", "float": "a number", "bool": "True or False"}  # by absl's
EXAMPLES = {  # by mode: what --help shows after the program's name
    "build": "--mode=build --config=configs/mer_multi.py --config.data.root=my_mer2023",
    "train": (
        "--config=configs/mer_multi.py --workdir=runs/multi --config.data.root=my_mer2023 "
        "--config.train.epochs=50"
    ),
    "evaluate": "--mode=evaluate --workdir=runs/multi --labels=test1-label.csv",
    "compare": "--mode=compare --workdir=runs/multi --against=runs/other",
    "predict": "--mode=predict --workdir=runs/multi --config.data.root=other --out=other.csv",
    "select": "--mode=select --workdir=runs/multi --config.select.eta=0.8",
    "table": "--mode=table --workdir=runs",
    "report": "--mode=report --workdir=runs/multi",
}


class Processes(NamedTuple):
    """Which process of how many this is, and where they meet; all None: the cluster tells."""

    coordinator: str | None
    count: int | None
    index: int | None


class Arguments:
    """The parsed command line."""

    def __init__(self):
        if _CONFIG.value is None:
            raise InputError(
                "--config is missing, and no --workdir=DIR with a config.json is given; --help "
                "shows a command for each mode"
            )
        self.config = config_lib.check(_CONFIG.value)
        self.mode = _MODE.value
        if not _WORKDIR.value and self.mode != "build":
            raise InputError(f"--mode={self.mode} needs --workdir=DIR")
        if _LABELS.value and self.mode not in ("evaluate", "compare", "report"):
            raise InputError("--labels goes with --mode=evaluate, compare or report")
        if bool(_AGAINST.value) != (self.mode == "compare"):
            raise InputError("--mode=compare and --against=DIR go together")
        if _CONFIG_JSON.value and self.mode != "train":
            raise InputError("--config_json goes with --mode=train")
        if _OUT.value and self.mode not in ("predict", "select"):
            raise InputError("--out goes with --mode=predict or --mode=select")
        self.quiet = _QUIET.value
        self.processes = _processes(self.mode)
        self.workdir = pathlib.Path(_WORKDIR.value or ".")
        self.repeated = pathlib.Path(_CONFIG_JSON.value) if _CONFIG_JSON.value else None
        self.labels = pathlib.Path(_LABELS.value) if _LABELS.value else None
        self.against = pathlib.Path(_AGAINST.value) if _AGAINST.value else None
        self.out = pathlib.Path(_OUT.value) if _OUT.value else self.workdir / f"{self.mode}.csv"


def _processes(mode: str) -> Processes | None:
    """The processes of the command line, None where there is one alone."""
    coordinator, count, index = _COORDINATOR.value, _PROCESS_COUNT.value, _PROCESS_INDEX.value
    if (coordinator, count, index) == (None, None, None):
        return None
    if mode != "train":
        raise InputError("--coordinator, --process_count and --process_index go with --mode=train")
    if coordinator == "auto":
        if (count, index) != (None, None):
            raise InputError("--coordinator=auto takes no --process_count and --process_index")
        return Processes(None, None, None)
    if None in (coordinator, count, index):
        raise InputError(
            "--coordinator=HOST:PORT, --process_count=N and --process_index=I go together"
        )
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise InputError(f"--coordinator={coordinator} is neither HOST:PORT nor auto")
    if not 0 <= index < count:
        raise InputError(
            f"--process_index={index} is not from 0 to --process_count - 1, which is {count - 1}"
        )
    return Processes(coordinator, count, index)


def run(main) -> NoReturn:
    """Parses sys.argv, calls `main(arguments)`, and turns wrong input into status 2."""
    sys.path.append(str(config_lib.CONFIGS.parent))  # config files say `from configs import base`
    app.run(lambda _: _guarded(lambda: _call(main)), flags_parser=_parse)


def _call(main):
    _log_to_stderr(logging.WARNING if _QUIET.value else logging.INFO)
    return main(Arguments())


class _ToStderr(logging.Handler):
    """Prints to whatever sys.stderr is at the moment: a live display puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except OSError:  # nobody reads it any more, which ends no training
            self.handleError(record)


def _log_to_stderr(level: int) -> None:
    # orbax and TFDS narrate all they do, and an error several times before they raise it. Of a
    # checkpoint's arrays that cannot be read or written each fails by itself, a page each.
    absl_logging.set_verbosity(absl_logging.FATAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    sys.unraisablehook = _tell_unless_late
    log = logging.getLogger("mer_jax")
    log.addHandler(_ToStderr())
    log.setLevel(level)
    log.propagate = False


def _tell_unless_late(unraisable) -> None:
    """Leaves out what tensorstore ends after orbax, in failure, has closed its event loop."""
    if str(unraisable.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(unraisable)


def _guarded(call):
    try:
        return call()
    except InputError as error:
        _refuse(str(error))
    except termination.Terminated as ended:
        print(f"mer_jax: {ended}", file=sys.stderr)
        sys.exit(termination.STATUS)
    except OSError as error:  # a path that is a file, a folder without permission, a full disk
        advice = files.REFUSALS.get(error.errno)
        sentence = f"{error.filename or 'input or output'}: {error.strerror or error}"
        _refuse(f"{sentence}: {advice}" if advice else sentence)


def _refuse(sentence: str) -> NoReturn:
    print(f"mer_jax: {sentence}", file=sys.stderr)
    sys.exit(_WRONG_INPUT)


def _parse(argv: list[str]) -> list[str]:
    return _guarded(lambda: _parse_or_raise(argv))


def help_text() -> str:
    """What --help shows: the flags of this program, and a command for each mode."""
    lines = [f"Usage: {_PROGRAM} --config=FILE --workdir=DIR [--mode=MODE] [FLAGS]", ""]
    for flag in (flags.FLAGS[holder.name] for holder in _FLAGS):
        default = f" [{flag.default_as_str}]" if flag.default is not None else ""
        lines.append(f"  --{flag.name:14} {flag.help}{default}")
    lines += ["", f"Modes: {', '.join(MODES)}. A command for each:", ""]
    lines += [f"  {_PROGRAM} {EXAMPLES[mode]}" for mode in MODES]
    lines += ["", "Every --config.KEY and its default: configs/base.py. absl's own: --helpfull."]
    return "\n".join(lines)


def _parse_or_raise(argv: list[str]) -> list[str]:
    if _HELP & set(argv[1:]):
        print(help_text())
        sys.exit(0)
    argv = _with_saved_config(argv)
    known = config_lib.flatten(config_lib.load_base())
    for argument in argv[1:]:
        key, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and key.startswith("config."):
            key = key.removeprefix("config.")
            if key not in known:
                raise InputError(config_lib.unknown_key(key))
            is_bool = value.lower() in ("true", "t", "1", "false", "f", "0")  # absl's words
            if isinstance(known[key], bool) and equals and not is_bool:
                raise InputError(f"config.{key}: {value!r} is not True or False")
    if (file := _value_of(argv, "config")) is not None:
        config_lib.load_file(file)  # what is wrong with it, absl tells in a page or not at all
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        raise InputError(_sentence(error)) from None
    if rest[1:]:
        raise InputError(f"{rest[1]!r} is no flag; flags begin with --, and --help shows them")
    return rest


def _sentence(error: flags.Error) -> str:
    """absl's complaint about a flag, in the form that all others here have."""
    text = str(error)
    if isinstance(error, flags.UnrecognizedFlagError):
        near = difflib.get_close_matches(error.flagname, [flag.name for flag in _FLAGS], n=1)
        hint = f"did you mean --{near[0]}?" if near else "--help shows those there are"
        return f"--{error.flagname}: no such flag; {hint}"
    if found := re.match(r"flag --([\w.]+)=(.*?): ", text):
        name, value = found.groups()
        flag, where = flags.FLAGS[name], name if name.startswith("config.") else f"--{name}"
        if flag.flag_type() in _KIND_WORDS:
            return f"{where}: {value!r} is not {_KIND_WORDS[flag.flag_type()]}"
        if choices := getattr(flag.parser, "enum_values", None):
            return f"{where}: unknown {name} {value!r}; one of: {', '.join(choices)}"
    if found := re.match(r"Missing value for flag (--[\w.]+)", text):
        return f"{found[1]} needs a value"
    return text


def _with_saved_config(argv: list[str]) -> list[str]:
    """Lets --config_json, or else DIR/config.json, be the base where no --config is given."""
    repeated = _value_of(argv, "config_json")
    if repeated is not None:
        if _value_of(argv, "config") is not None:
            raise InputError("--config_json takes no --config: it repeats a run's own")
        return [argv[0], f"--config={_SAVED}:{repeated}", *argv[1:]]
    workdir = _value_of(argv, "workdir")
    if _value_of(argv, "config") is not None or workdir is None:
        return argv
    saved = pathlib.Path(workdir) / "config.json"
    if saved.is_file():
        return [argv[0], f"--config={_SAVED}:{saved}", *argv[1:]]
    if _value_of(argv, "mode") == "table":  # gathers runs that have their own
        return [argv[0], f"--config={_BASE}", *argv[1:]]
    return argv


def _value_of(argv: list[str], name: str) -> str | None:
    """The last value of `--name=VALUE` or `--name VALUE`, before absl has parsed anything."""
    found = None
    for argument, following in zip(argv[1:], [*argv[2:], None], strict=False):
        flag, equals, value = argument.partition("=")
        if flag.lstrip("-") == name and flag.startswith("-"):
            found = value if equals else following
    return found
