"""The page of all keys, docs/configuration.md: `python -m mer_jax.config.reference` prints it.

What a key means is the comment beside its default in configs/base.py, or the `doc` of the Setting
that a fusion, a method or the optimiser declares.
"""

import ast
import itertools
from typing import Any

from mer_jax.config.keys import Key, declared, flatten
from mer_jax.config.loading import CONFIGS, load_base
from mer_jax.settings import Choices, kind_of

_HEAD = """# Configuration

Every key, its default, what it takes and what it means. This page is written by
`python -m mer_jax.config.reference > docs/configuration.md` from the declarations of the keys.

- `--config.KEY=VALUE` overrides a key on the command line:
  [training](training.md#changing-settings) shows how to write a configuration of your own.
- A key with `*` takes a tuple as well, `--config.model.hidden="(64,128)"`: an axis of the grid.
  Of a number, a search also takes a range, `"log_uniform(1e-4, 1e-2)"` or `"uniform(0, 0.5)"`.
- A workdir is continued with the same values. Keys with `~` decide no result and may differ: then
  `config.json` says what was used last.
- A fusion's own settings (`model.*`, `train.dropout`) are used where the fusion declares them, the
  keys of `semi` where `semi.method` names a method.
"""
_TITLES = {
    "": "The experiment",
    "data": "data: the corpus",
    "features": "features: the feature sets",
    "frames": "frames: models that take frames",
    "model": "model: fusions",
    "train": "train: training",
    "semi": "semi: semi-supervised learning",
    "search": "search: random search",
    "select": "select: pseudo-labels",
    "evaluate": "evaluate: predictions and scores",
    "table": "table: tables of trainings",
}


def page() -> str:
    """The whole page, as Markdown."""
    known, base, meanings = declared(), flatten(load_base()), comments(CONFIGS / "base.py")
    parts: dict[str, list[str]] = {}
    for key in known.values():
        part = key.name.partition(".")[0] if "." in key.name else ""
        row = _row(key, base[key.name], key.doc or meanings.get(key.name, ""))
        parts.setdefault(part, []).append(row)
    sections = [
        f"## {_TITLES.get(part, part)}\n\n| key | default | takes | meaning |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
        for part, rows in parts.items()
    ]
    return "\n".join([_HEAD, *sections])


def _row(key: Key, default: Any, meaning: str) -> str:
    kind = key.kind or kind_of(default, f"config.{key.name}")
    takes = kind.words
    if key.allowed is not None:
        is_list = isinstance(key.allowed, Choices)
        takes = key.allowed.words if is_list else f"{takes}, {key.allowed.words}"
    marks = ("*" if key.grid else "") + ("" if key.identifies is True else "~")
    shown = f'"{default}"' if isinstance(default, str) else repr(default)
    cells = (f"`{key.name}` {marks}".strip(), f"`{shown}`", takes, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def comments(path) -> dict[str, str]:
    """What the comments of a config file say of each key: those right above it and beside it.

    A function other than `get_config` makes the part that is called like it.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = {}
    for function in ast.parse(text).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        part = "" if function.name == "get_config" else f"{function.name}."
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Attribute):
                continue
            name = part + ast.unparse(node.targets[0]).partition(".")[2]
            above = itertools.takewhile(
                lambda line: line.startswith("#"),
                (lines[row].strip() for row in range(node.lineno - 2, -1, -1)),
            )
            # In bytes, as `end_col_offset` counts.
            beside = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
            said = [*reversed(list(above)), beside]
            found[name] = " ".join(filter(None, (line.strip().lstrip("# ") for line in said)))
    return found


if __name__ == "__main__":
    print(page(), end="")
