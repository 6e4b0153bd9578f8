"""Reading what is scored: each clip's words, and the groups of words with one meaning."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mer_jax.errors import InputError, counted, first_few
from mer_jax.scoring import archives, lists, tables
from mer_jax.scoring.open_vocabulary import Groups

COLUMN = "openset"
_SUBMITTED = "discrete"  # a trained model's class, in its submission
_IN_NPZ = ("filenames", "fileitems")
META = ".meta.json"  # beside a synonyms.json: how the groups were made


class Cells(NamedTuple):
    """What a file says of each clip, before its lists are read: a text or a native list."""

    path: pathlib.Path
    cells: dict[str, str | list[str]]

    def words(self, lists_as: str, names: Sequence[str]) -> list[list[str]]:
        """The words of `names`, in their order."""
        return [
            lists.read_list(self.cells[name], lists_as, f"{self.path}, {name}") for name in names
        ]

    def read_otherwise(self, lists_as: str) -> tuple[int, str]:
        """In how many clips Python reads the list otherwise, and the first as an example."""
        found = {
            name: pair
            for name, cell in self.cells.items()
            if (pair := lists.read_otherwise(cell, lists_as))
        }
        if not found:
            return 0, ""
        name, (exact, chosen) = next(iter(found.items()))
        changed = [word for word in exact if word.strip() not in {c.strip() for c in chosen}]
        became = [word for word in chosen if word.strip() not in {e.strip() for e in exact}]
        return len(found), f"in {name} {changed} becomes {became}"


def read_words(path: pathlib.Path) -> Cells:
    """The lists of a CSV, an `-openset.npz`, a folder of `NAME.npy`, or answers in JSONL.

    The CSV has `name,openset`; or `name,discrete` as a trained model's submission, a list of one.
    """
    if path.is_dir():
        return Cells(path, archives.read_folder(path))
    if path.suffix == ".npz":
        return Cells(path, _read_npz(path))
    if path.suffix == ".jsonl":
        from mer_jax.asking import journal

        return Cells(path, dict(journal.read_answers(path)))
    table = tables.read_table(path, ("name",))
    if COLUMN not in table.columns and _SUBMITTED in table.columns:
        rows = tables.by_name(table, _SUBMITTED)
        return Cells(path, {name: [row.cells[_SUBMITTED].strip()] for name, row in rows.items()})
    if COLUMN not in table.columns:
        table = tables.read_table(path, ("name", COLUMN))  # which says what is missing
    rows = tables.by_name(table, COLUMN)
    return Cells(path, {name: row.cells[COLUMN] for name, row in rows.items()})


def _read_npz(path: pathlib.Path) -> dict[str, str | list[str]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    names, items = archives.read_npz(path, _IN_NPZ).values()
    if not isinstance(names, list) or not isinstance(items, list) or len(names) != len(items):
        raise InputError(f"{path}: {' and '.join(_IN_NPZ)} are not lists of the same length")
    found: dict[str, str | list[str]] = {}
    for name, item in zip(names, items, strict=True):
        if not isinstance(name, str) or not _is_cell(item):
            raise InputError(f"{path}, {name}: {item!r} is neither a text nor a list of words")
        if name in found:
            raise InputError(f"{path}: {name!r} stands in filenames twice; keep one list a clip")
        found[name] = item
    return found


def _is_cell(item: Any) -> bool:
    is_list = isinstance(item, list) and all(isinstance(word, str) for word in item)
    return isinstance(item, str) or is_list


class Clips(NamedTuple):
    """The clips that are scored: their names and words, in one order."""

    names: list[str]
    labels: list[list[str]]
    predictions: list[list[str]]
    against: list[list[str]] | None
    left_out: dict[str, str]  # name -> why


class Synonyms(NamedTuple):
    """The groups of each clip, or the same for all, and how they were made if that is known."""

    path: pathlib.Path
    by_name: Mapping[str, Groups] | None
    for_all: Groups
    method: str

    def of(self, name: str) -> Groups:
        """The groups of a clip."""
        return self.for_all if self.by_name is None else self.by_name[name]


def read_synonyms(path: pathlib.Path) -> Synonyms:
    """The groups of a zip or a folder of `NAME.npy`, or of JSON.

    JSON is `{name: [[word, ...], ...]}`, or `[[word, ...], ...]` for all clips alike.
    """
    if path.is_dir() or path.suffix in (".zip", ".npz"):
        texts = archives.read_folder(path) if path.is_dir() else _zip_of(path)
        return Synonyms(path, {n: _groups(v, path, n) for n, v in texts.items()}, (), "")
    try:
        content = json.loads(tables.read_text(path, "a zip, a folder or JSON of synonym groups"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file: {error}") from None
    if isinstance(content, dict):
        by_name = {name: _checked(groups, path, name) for name, groups in content.items()}
        return Synonyms(path, by_name, (), _method(path))
    return Synonyms(path, None, _checked(content, path, "all clips"), _method(path))


def _zip_of(path: pathlib.Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected synonym groups")
    return archives.read_zip(path)


def _groups(text: Any, path: pathlib.Path, name: str) -> Groups:
    if not isinstance(text, str):
        raise InputError(
            f"{path}, {name}: expected one text of groups, found {type(text).__name__}"
        )
    return lists.read_groups(text)


def _checked(groups: Any, path: pathlib.Path, name: str) -> Groups:
    if not isinstance(groups, list) or not all(isinstance(g, list) and _is_cell(g) for g in groups):
        raise InputError(f"{path}, {name}: expected [[word, ...], ...], a list of lists of words")
    return [group for group in groups if group]


def _method(path: pathlib.Path) -> str:
    """How group_words made the file, as its meta file tells; empty where there is none."""
    meta = path.with_suffix(META)
    if not meta.is_file():
        return ""
    try:
        content = json.loads(meta.read_text(encoding="utf-8"))
        return str(content["summary"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{meta}: not what --mode=group_words writes; remove it") from None


def check_synonyms(synonyms: Synonyms, names: Sequence[str]) -> None:
    """Refuses synonyms of other clips than those that are scored."""
    if synonyms.by_name is None:
        return
    advice = "the score would be over other clips than asked"
    tables.check_covered(names, synonyms.by_name, synonyms.path, "synonym groups", advice)
    unknown = sorted(set(synonyms.by_name) - set(names))
    if unknown:
        raise InputError(
            f"{synonyms.path}: holds groups of {counted(len(unknown), 'clip')} without a label: "
            f"{first_few(unknown)}; {advice}; remove them"
        )
