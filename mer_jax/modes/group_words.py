"""--mode=group_words: puts the words of each clip into groups of one meaning."""

import pathlib

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode

_NEEDS = {
    "server": ("server", "model"),
    "wordnet": ("wordnet",),
    "embedding": ("encoder",),
    "wheel": ("wheel",),
}


def _run(arguments: Arguments) -> None:
    from mer_jax.asking import grouping

    print("\n".join(grouping.group(arguments.flags, arguments.display().count)))


def _check(arguments: Arguments) -> None:
    by = arguments["by"]
    lacking = [f"--{name}" for name in _NEEDS[by] if arguments[name] is None]
    if lacking:
        raise InputError(f"--by={by} needs {' and '.join(lacking)}")
    if arguments["out"].suffix != ".json":
        raise InputError(f"--out={arguments['out']}: groups are JSON; name a file NAME.json")


MODE = Mode(
    name="group_words",
    help="Groups the words of each clip by meaning: a server, WordNet, an encoder, the wheels.",
    run=_run,
    example="--mode=group_words --labels=openset.csv --predictions=predicted.csv --by=wheel "
    "--wheel=wheel.json --out=synonyms.json",
    flags=(
        flags.LABELS,
        flags.PREDICTIONS,
        Flag("by", "The method.", choices=tuple(_NEEDS)),
        Flag("wordnet", "The dictionary files (Debian: /usr/share/wordnet).", pathlib.Path,
             value_name="DIR"),
        Flag("encoder", "A sentence encoder: a name or a folder.", value_name="NAME"),
        Flag("threshold", "embedding: least mean cosine within a group.", float, default=0.45,
             least=-1.0, most=1.0),
        flags.WHEEL,
        flags.LISTS,
        *flags.ASKING,
        flags.OUT_FILE,
    ),
    needs=(("labels",), ("predictions",), ("by",), ("out",)),
    check=_check,
)  # fmt: skip
