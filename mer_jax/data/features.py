"""A user's feature sets on disk: which there are, which clips they hold, what changed in them."""

import hashlib
import logging
import os
import pathlib
from collections import Counter
from typing import NamedTuple

from mer_jax.data import strays
from mer_jax.data.labels import check_name
from mer_jax.errors import InputError, counted, first_few

LOG = logging.getLogger("mer_jax")


class FeatureSet(NamedTuple):
    """A folder of features as it lies on disk, listed once and not yet read."""

    name: str
    folder: pathlib.Path
    clips: dict[str, tuple[str, ...]]  # name -> path of its file, or of its frames in their order
    refused: dict[str, str]  # name -> the sentence why it is no clip


def features_folder(root: pathlib.Path) -> pathlib.Path:
    """`root`/features, or an InputError that says which of the two is missing."""
    if not root.is_dir():
        raise InputError(f"config.data.root: no folder {root}")
    if not (root / "features").is_dir():
        raise InputError(f"{root}: no folder features/ in it")
    return root / "features"


def list_sets(root: pathlib.Path) -> list[str]:
    """The names of the feature sets under `root`/features, sorted."""
    with os.scandir(features_folder(root)) as entries:
        return sorted(e.name for e in entries if e.is_dir() and _is_ours(e.name))


def _is_ours(name: str) -> bool:
    return not name.startswith(".") and not strays.is_system_folder(name)


def scan(root: pathlib.Path, name: str) -> FeatureSet:
    """Lists a feature set: each folder once, names matched exactly.

    Of a clip's frames those that are called copies of others are left out, which the log tells.
    Raises InputError where the set is missing (naming those present) or empty, where its name is
    no folder's name, or where its clips lie in folders of splits.
    """
    folder = _folder_of(root, name)
    clips: dict[str, tuple[str, ...]] = {}  # plain strings: a Path each doubles a scan's time
    refused: dict[str, str] = {}
    left_out: list[str] = []
    for clip, entry in _npy_entries(folder, with_folders=True):
        is_folder = entry.is_dir()
        if is_folder and (strays.is_split_folder(clip) or clip == name):
            raise InputError(
                f"{entry.path}: by its name a folder of clips, but a folder in a feature set is "
                f"one clip with its frames; move the clips that it holds to {folder}"
            )
        try:
            check_name(clip, str(folder))
            files = _frames(entry.path, left_out) if is_folder else (entry.path,)
            if clip in clips:
                raise InputError(
                    f"{folder}: duplicate name {clip!r}, as {clip}.npy and as a folder"
                )
            clips[clip] = files
        except InputError as refusal:
            clips.pop(clip, None)
            refused[clip] = str(refusal)
    if not clips and not refused:
        raise InputError(f"{folder}: holds no features (.npy){_what_else(folder)}")
    if left_out:
        LOG.warning(
            "%s: %d frames are called copies of others and left out: %s",
            folder, len(left_out), first_few(left_out),
        )  # fmt: skip
    return FeatureSet(name, folder, dict(sorted(clips.items())), refused)


def _frames(folder: str, left_out: list[str]) -> tuple[str, ...]:
    """The frames of a clip's folder; the names of copies join `left_out`."""
    frames = dict(_npy_entries(folder))
    if not frames:
        raise InputError(f"{folder}: a clip's folder without frames (.npy)")
    copies = set(strays.copies(frames))
    left_out += [f"{os.path.basename(folder)}/{name}.npy" for name in sorted(copies)]
    return tuple(frame.path for name, frame in frames.items() if name not in copies)


def _what_else(folder: pathlib.Path) -> str:
    """What files a folder without features holds: `; it holds 12 .pt files`."""
    with os.scandir(folder) as entries:
        endings = Counter(os.path.splitext(e.name)[1] for e in entries if e.is_file())
    ending, count = endings.most_common(1)[0] if endings else ("", 0)
    return f"; it holds {count} {ending} files" if ending else ""


def _folder_of(root: pathlib.Path, name: str) -> pathlib.Path:
    check_name(name, "config.features", what="feature set")
    folder = features_folder(root) / name
    if not folder.is_dir():
        present = ", ".join(list_sets(root)) or "none"
        raise InputError(f"{folder.parent}: no feature set {name!r}; present: {present}")
    return folder


def signature(root: pathlib.Path, name: str) -> str:
    """A hash of the name, size and time of every file of a set: another one, a changed set."""
    lines: list[str] = []
    _list_stats(_folder_of(root, name), "", lines)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def signature_of(path: pathlib.Path) -> str:
    """The signature of one file."""
    return hashlib.sha256(_line(path.name, path.stat()).encode()).hexdigest()


def _list_stats(folder: str | pathlib.Path, prefix: str, lines: list[str]) -> None:
    # Most of what a start reads, and so a plain loop over names within an open folder: it takes
    # half the time of asking each entry by its whole path.
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(opened) as entries:
            found = {entry.name: entry for entry in entries}
        for name in sorted(found):
            if not _is_ours(name):
                continue
            if name.endswith(".npy"):
                try:
                    lines.append(_line(prefix + name, os.stat(name, dir_fd=opened)))
                except OSError:  # a link to a disk that is not there, say: reading it will tell
                    lines.append(f"{prefix}{name}\0unreadable\n")
            elif not prefix and found[name].is_dir():
                _list_stats(os.path.join(folder, name), f"{name}/", lines)
    finally:
        os.close(opened)


def _line(name: str, stat: os.stat_result) -> str:
    return f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n"


def _npy_entries(folder: str | pathlib.Path, with_folders: bool = False):
    """`(name without .npy, entry)` sorted by file name; hidden files are none of ours."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if not _is_ours(entry.name):
                continue
            if entry.name.endswith(".npy"):
                yield entry.name.removesuffix(".npy"), entry
            elif with_folders and entry.is_dir():
                yield entry.name, entry


def check_present(names, features_names, where: str) -> None:
    """Refuses `names` of which some have no feature in `features_names`."""
    lacking = [name for name in names if name not in features_names]
    if lacking:
        raise InputError(
            f"{where}: {counted(len(lacking), 'name')} without a feature: {first_few(lacking)}"
        )
