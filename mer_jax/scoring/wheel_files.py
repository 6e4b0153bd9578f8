"""Reading the wheels' maps: the organisers' folder, their `.npz`, or a `wheel.json`."""

import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mer_jax.errors import InputError, first_few
from mer_jax.scoring import archives, lists, sheets, tables
from mer_jax.scoring.wheel import LEVELS, Wheels

NAMES = tuple(f"wheel{number}" for number in range(1, 6))
_FORMS, _SYNONYMS = "format.csv", "synonym.xlsx"
_NPZ, _JSON = "wheel_mapping.npz", "wheel.json"
_IN_NPZ = ("format_mapping", "raw_mapping", "wheel_map_whole")
_FOLDER = (_FORMS, _SYNONYMS, *(f"{name}.xlsx" for name in NAMES))
_SOURCE = (
    "the folder emotion_wheel of MER2025_Track23 or MER2026_Track2 in "
    "https://github.com/zeroQiaoba/MERTools"
)

# By the digest of their maps: the word lists, the npz and a wheel.json of one year are the same.
_VERSIONS = {
    "f95bf20e441b927f268f357c5dc6131446f63c4fe8088393bc28e9329ac12727": "MER2025",
    "77dfa3c8cee11f280ff8c07b2026b2aa084ae5202e8fc4df6d3987f1a1c354dd": "MER2026",
}


def version_of(wheels: Wheels) -> dict[str, str | None]:
    """Which maps these are: the organisers' version, None for others, and their SHA-256.

    The digest is of what the maps say, whatever file they come from.
    """
    plain = lambda maps: {word: sorted(set(found)) for word, found in maps.items()}  # noqa: E731
    levels = {
        name: {level: of_wheel[level] for level in LEVELS}
        for name, of_wheel in wheels.wheels.items()
    }
    content = [plain(wheels.forms), plain(wheels.synonyms), levels]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return {"version": _VERSIONS.get(digest), "sha256": digest}


def read_wheels(path: pathlib.Path) -> Wheels:
    """The wheels of a folder with the word lists, a `wheel_mapping.npz`, or a `wheel.json`.

    In a folder the finished maps count before the word lists: they are what the organisers score
    with. Raises InputError naming what is missing and where it comes from.
    """
    if path.is_dir():
        if (path / _NPZ).is_file():
            return _read_npz(path / _NPZ)
        lacking = [name for name in _FOLDER if not (path / name).is_file()]
        if lacking and (path / _JSON).is_file():
            return _read_json(path / _JSON)
        if lacking:
            raise InputError(
                f"{path}: lacks {', '.join(lacking)} (or {_NPZ}, or {_JSON}); they come from "
                f"{_SOURCE}"
            )
        return _read_lists(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder; --wheel takes {_SOURCE}")
    return _read_npz(path) if path.suffix == ".npz" else _read_json(path)


def _read_lists(folder: pathlib.Path) -> Wheels:
    forms: dict[str, set[str]] = {}
    for row in tables.read_table(folder / _FORMS, ("name", "format")):
        base = _word(row.cells["name"])
        for form in (base, *map(_word, row.cells["format"].split(","))):
            if form:
                forms.setdefault(form, set()).add(base)
    synonyms: dict[str, set[str]] = {}
    header, *rows = sheets.read_sheet(folder / _SYNONYMS) or [[]]
    pairs = _pairs(header, folder / _SYNONYMS)
    for cells in rows:
        for of_word, of_synonyms in pairs:
            if word := _word(cells[of_word]):
                for near in (word, *map(_word, lists.mer2025(cells[of_synonyms]))):
                    synonyms.setdefault(near, set()).add(word)
    wheels = {name: _read_wheel(folder / f"{name}.xlsx") for name in NAMES}
    sort = lambda maps: {word: sorted(found) for word, found in maps.items()}  # noqa: E731
    return Wheels(sort(forms), sort(synonyms), wheels)


def _word(cell: str) -> str:
    return cell.lower().strip()


def _pairs(header: Sequence[str], path: pathlib.Path) -> list[tuple[int, int]]:
    """The columns of each run: a word of the wheels, and its synonyms."""
    names = [_word(cell) for cell in header]
    pairs = [
        (i, names.index(f"synonym_{name.removeprefix('word_')}"))
        for i, name in enumerate(names)
        if name.startswith("word_") and f"synonym_{name.removeprefix('word_')}" in names
    ]
    if not pairs:
        raise InputError(
            f"{path}: no columns word_run1, synonym_run1, ...; found: {first_few(names)}"
        )
    return pairs


def _read_wheel(path: pathlib.Path) -> dict[str, dict[str, str]]:
    """The sector of each word of a wheel by level; a blank cell repeats the one above."""
    header, *rows = sheets.read_sheet(path) or [[]]
    names = [_word(cell) for cell in header]
    columns = ("level1", "level2", "level3")
    if any(name not in names for name in columns):
        raise InputError(f"{path}: needs the columns {', '.join(columns)}; found: {names}")
    tree: dict[str, dict[str, list[str]]] = {}
    first = second = ""
    for cells in rows:
        one, two, three = (_word(cells[names.index(name)]) for name in columns)
        if one:
            first, second = one, ""
        second = two or second
        below = tree.setdefault(first, {}) if first else {}
        if second:
            below.setdefault(second, []).extend([three] if three else [])
    found: dict[str, dict[str, str]] = {level: {} for level in LEVELS}
    for first, seconds in tree.items():
        if not seconds:
            raise InputError(f"{path}: {first!r} has no second-level word below it")
        found["level1"][first], found["level2"][first] = first, min(seconds)
        for second, thirds in seconds.items():
            for word in (second, *thirds):  # a later entry of the same word replaces an earlier one
                found["level1"][word], found["level2"][word] = first, second
    return found


def _read_npz(path: pathlib.Path) -> Wheels:
    members = archives.read_npz(path, _IN_NPZ)
    return _checked(*(members[name] for name in _IN_NPZ), path)


def _read_json(path: pathlib.Path) -> Wheels:
    try:
        content = json.loads(tables.read_text(path, "a wheel.json"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file: {error}") from None
    keys = ("forms", "synonyms", "wheels")
    if not isinstance(content, dict) or any(key not in content for key in keys):
        raise InputError(
            f"{path}: expected a JSON object with {', '.join(keys)}; is it a wheel.json?"
        )
    return _checked(*(content[key] for key in keys), path)


def _checked(forms, synonyms, wheels, path: pathlib.Path) -> Wheels:
    """The maps, if they have the form that is relied on."""
    if not (
        _is_map(forms, _is_words)
        and _is_map(synonyms, _is_words)
        and _is_map(wheels, _is_wheel)
        and wheels
    ):
        raise InputError(
            f"{path}: its maps are not as MER2025 and MER2026 have them; take {_SOURCE}"
        )
    return Wheels(forms, synonyms, wheels)


def _is_map(of: Any, is_entry: Callable[[Any], bool]) -> bool:
    return isinstance(of, Mapping) and all(
        isinstance(key, str) and is_entry(entry) for key, entry in of.items()
    )


def _is_words(of: Any) -> bool:
    return isinstance(of, list) and all(isinstance(word, str) for word in of)


def _is_wheel(of: Any) -> bool:
    is_sectors = lambda level: _is_map(level, lambda sector: isinstance(sector, str))  # noqa: E731
    return _is_map(of, is_sectors) and set(LEVELS) <= set(of)
