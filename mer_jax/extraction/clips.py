"""Which clips there are: the user's CSV, or a folder's files; and which file is of which clip."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mer_jax.data import label_csv, near_names, strays
from mer_jax.data.labels import check_name
from mer_jax.errors import InputError, counted, first_few
from mer_jax.extraction.media import SUFFIXES
from mer_jax.extraction.record import TEXT, Clip

if TYPE_CHECKING:
    from mer_jax.extraction.sets import Wanted

_NAME, _TEXT = "name", "text"
_MOST_BYTES = 255 - len(".npy")  # of a clip's name: a longer one is no file's


def read(path: pathlib.Path, media: pathlib.Path | None) -> list[Clip]:
    """The clips of a CSV with `name` and perhaps `text`, in its order, each with its media file.

    `media` is the folder with the files, searched with the folders in it; None: none are needed.
    A clip without a file there has the path None.

    Raises:
      InputError: no such files, a name that is none or stands twice, or one that two files have.
    """
    if not path.is_file():
        raise InputError(f"--clips: no file {path}")
    header, rows = label_csv.read_cells(path)
    plain = [heading.strip().lower() for heading in header]
    if _NAME not in plain:
        there = f"found: {','.join(header)}" if header else "the file is empty"
        raise InputError(f"{path}: no column name; {there}")
    for column in (_NAME, _TEXT):
        if plain.count(column) > 1:
            raise InputError(f"{path}: the column {column} stands in its header twice")
    texts: dict[str, str] = {}
    for line, cells in rows:
        name = cells[plain.index(_NAME)]
        where = f"{path}, line {line}"
        _check(name, where)
        if name in texts:
            raise InputError(f"{where}: duplicate name {name!r}")
        texts[name] = cells[plain.index(_TEXT)] if _TEXT in plain else ""
    if not texts:
        raise InputError(f"{path}: holds a header and no line below it")
    files = {} if media is None else find(media, texts)
    return [Clip(name, files.get(name), text) for name, text in texts.items()]


def of_folder(media: pathlib.Path) -> list[Clip]:
    """A clip for each media file in a folder and the folders in it, by name, without texts."""
    files = _files_by_name(media)
    if not files:
        raise InputError(f"--media: {media} holds no media file ({', '.join(SUFFIXES)})")
    found = []
    for name in sorted(files):
        _check(name, str(media))
        found.append(Clip(name, _only(name, files[name])))
    return found


def of_sets(
    wanted: Sequence[Wanted],
    listed: pathlib.Path | None,
    media: pathlib.Path | None,
    transcribed: bool = False,
) -> list[Clip]:
    """The clips of a list, or of a folder where there is no list, with what the sets need of them.

    Raises InputError where a set needs media or texts that nobody gave; with `transcribed` texts
    come from the media.
    """
    of_text = [each.extractor.name for each in wanted if each.extractor.needs == TEXT]
    of_media = [each.extractor.name for each in wanted if each.extractor.needs != TEXT]
    if transcribed:
        of_text, of_media = [], of_text + of_media
    if of_media and media is None:
        raise InputError(f"{of_media[0]} needs --media=DIR, the folder with the clips")
    if of_text and listed is None:
        raise InputError(f"{of_text[0]} needs --clips=FILE with the column text, or --asr")
    if listed is None:
        return of_folder(media)
    return read(listed, media if of_media else None)


def find(media: pathlib.Path, names: Iterable[str]) -> dict[str, pathlib.Path]:
    """The media file of each name, where there is one.

    Raises InputError where the folder is missing, a name has two files, or no name has one.
    """
    files = _files_by_name(media)
    names = list(names)
    found = {name: _only(name, files[name]) for name in names if name in files}
    if not found:
        hint = near_names.hint(names, files)
        raise InputError(
            f"--media: {media} holds a media file for none of the {counted(len(names), 'clip')}: "
            f"{first_few(names)}{hint}"
        )
    return found


def _only(name: str, paths: list[pathlib.Path]) -> pathlib.Path:
    if len(paths) > 1:
        raise InputError(
            f"--media: the clip {name!r} has {len(paths)} files: {first_few(sorted(paths))}; leave "
            "one of them there"
        )
    return paths[0]


def _files_by_name(media: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """The media files of a folder and the folders in it, by their names without suffix."""
    if not media.is_dir():
        raise InputError(f"--media: no folder {media}")
    found: dict[str, list[pathlib.Path]] = {}
    for folder, within, names in os.walk(media):
        within[:] = sorted(each for each in within if _is_ours(each))
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in SUFFIXES and not name.startswith("."):
                found.setdefault(stem, []).append(pathlib.Path(folder, name))
    return found


def _is_ours(folder: str) -> bool:
    return not folder.startswith(".") and not strays.is_system_folder(folder)


def _check(name: str, where: str) -> None:
    """Refuses a name that is no clip's, or under which no feature could be written and found."""
    check_name(name, where)
    if name.startswith("."):
        raise InputError(f"{where}: the name {name!r} begins with a dot, which hides files")
    if len(os.fsencode(name)) > _MOST_BYTES:
        raise InputError(f"{where}: a name is longer than {_MOST_BYTES} bytes: {name!r}")
