"""What --help shows, from the records of the modes."""

from mer_jax import modes
from mer_jax.modes import flags
from mer_jax.modes.record import Flag, Mode

PROGRAM = "python -m mer_jax.main"
_WIDTH = 26  # columns of a flag or a mode before its line


def of_all() -> str:
    """The modes, a command for each, and the flags that all or most take."""
    listed = modes.MODES.values()
    lines = [f"Usage: {PROGRAM} [--mode=MODE] [FLAGS]", "", "Modes:", ""]
    lines += [_line(f"--mode={mode.name}", mode.help) for mode in listed]
    lines += ["", "Flags that most modes take:", ""]
    lines += [_flag_line(flag) for flag in (flags.CONFIG, flags.WORKDIR, flags.QUIET)]
    lines += [_line("--mode=MODE --help", "The flags of one mode.")]
    lines += ["", "Flags of single modes:", ""]
    lines += [_flag_line(flag, modes_with(flag.name)) for flag in _own_flags()]
    lines += ["", "A command for each mode:", ""]
    lines += [f"  {PROGRAM} {mode.example}" for mode in listed]
    lines += ["", "Every --config.KEY and its default: configs/base.py."]
    return "\n".join(lines)


def of_mode(mode: Mode) -> str:
    """The flags of one mode and a command."""
    words = [f"--mode={mode.name}"]
    words += ["--config=FILE"] if mode.needs_config else []
    words += ["--workdir=DIR"] if mode.needs_workdir else []
    words += [mode.flag(group[0]).usage for group in mode.needs if len(group) == 1]
    lines = [f"Usage: {PROGRAM} {' '.join(words)} [FLAGS]", "", mode.help, ""]
    lines += [_flag_line(flag) for flag in taken_by(mode)]
    lines += [
        f"  At least one of {joined([f'--{name}' for name in group], 'and')} is needed."
        for group in mode.needs
        if len(group) > 1
    ]
    lines += ["", "Example:", "", f"  {PROGRAM} {mode.example}"]
    if mode.needs_config:
        lines += ["", "Every --config.KEY and its default: configs/base.py."]
    return "\n".join(lines)


def taken_by(mode: Mode) -> tuple[Flag, ...]:
    """Every flag that a mode takes, but --mode and --help."""
    common = (flags.CONFIG,) if mode.needs_config else ()
    if mode.needs_config or mode.needs_workdir:
        common += (flags.WORKDIR,)
    return (*common, *mode.flags, flags.QUIET)


def modes_with(flag: str) -> list[str]:
    """The names of the modes that take a flag."""
    return [
        mode.name
        for mode in modes.MODES.values()
        if any(flag == other.name for other in taken_by(mode))
    ]


def joined(words: list[str], conjunction: str = "or") -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def _own_flags() -> list[Flag]:
    """The flags of single modes, each once, in the modes' order."""
    return list({flag.name: flag for mode in modes.MODES.values() for flag in mode.flags}.values())


def _flag_line(flag: Flag, of: list[str] | None = None) -> str:
    text = f"{', '.join(of)}: {flag.help}" if of else flag.help
    if flag.choices:
        text += f" One of: {', '.join(flag.choices)}."
    if flag.repeated:
        text += " May be given several times."
    if flag.default not in (None, False):
        text += f" Default: {flag.default}."
    return _line(flag.usage, text)


def _line(left: str, right: str) -> str:
    return f"  {left:{_WIDTH}} {right}"
