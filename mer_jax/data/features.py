"""Reading a user's features: which sets there are, which clips they hold, each clip's array."""

import hashlib
import io
import os
import pathlib
import re
from typing import NamedTuple

import numpy as np

from mer_jax.data.labels import check_name
from mer_jax.errors import InputError, first_few

UTTERANCE = "utterance"
FRAME = "frame"
_LEVEL_ENDINGS = {"UTT": UTTERANCE, "FRA": FRAME}
_LEVEL_PATTERN = re.compile(r"[-_](UTT|FRA)$")


class FeatureSet(NamedTuple):
    """A folder of features as it lies on disk, listed once and not yet read."""

    name: str
    folder: pathlib.Path
    clips: dict[str, tuple[str, ...]]  # name -> path of its file, or of its frames in their order


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
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def scan(root: pathlib.Path, name: str) -> FeatureSet:
    """Lists a feature set: each folder once, names matched exactly.

    Raises InputError where the set is missing (naming those present) or empty, where its name is
    no folder's name, or where a clip is there as a file and as a folder.
    """
    folder = _folder_of(root, name)
    clips: dict[str, tuple[str, ...]] = {}  # plain strings: a Path each doubles a scan's time
    for clip, entry in _npy_entries(folder, with_folders=True):
        check_name(clip, str(folder))
        if clip in clips:
            raise InputError(f"{folder}: duplicate name {clip!r}, as {clip}.npy and as a folder")
        if entry.is_dir():
            frames = [frame for _, frame in _npy_entries(entry.path)]
            if not frames:
                raise InputError(f"{entry.path}: a clip's folder without frames (.npy)")
            clips[clip] = tuple(frame.path for frame in frames)
        else:
            clips[clip] = (entry.path,)
    if not clips:
        raise InputError(f"{folder}: holds no features (.npy)")
    return FeatureSet(name, folder, dict(sorted(clips.items())))


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
            if name.startswith("."):
                continue
            if name.endswith(".npy"):
                try:
                    lines.append(_line(prefix + name, os.stat(name, dir_fd=opened)))
                except OSError as error:  # a link to a disk that is not there, say
                    raise InputError(
                        f"{os.path.join(folder, name)}: cannot be read: {error.strerror}"
                    ) from None
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
            if entry.name.startswith("."):
                continue
            if entry.name.endswith(".npy"):
                yield entry.name.removesuffix(".npy"), entry
            elif with_folders and entry.is_dir():
                yield entry.name, entry


def level(features: FeatureSet) -> str:
    """UTTERANCE or FRAME: by the name's ending, else FRAME if any clip has more than one row."""
    ending = _LEVEL_PATTERN.search(features.name)
    if ending:
        return _LEVEL_ENDINGS[ending[1]]
    for files in features.clips.values():
        if len(files) > 1 or read_array(files[0]).shape[0] > 1:
            return FRAME
    return UTTERANCE


def read_clip(files: tuple[str, ...]) -> np.ndarray:
    """One clip's rows: float32 [T, D], T being 1 for an utterance vector.

    Raises InputError for frames of two sizes, and whatever `read_array` refuses.
    """
    rows = [read_array(file) for file in files]
    sizes = {row.shape[1]: file for row, file in zip(rows, files, strict=True)}
    if len(sizes) > 1:
        raise InputError(_two_sizes(sizes))
    return np.concatenate(rows) if len(rows) > 1 else rows[0]


def mean_over_frames(rows_TxD: np.ndarray) -> np.ndarray:
    """The utterance vector of a clip's rows: their mean, float32 [D]."""
    if len(rows_TxD) == 1:
        return rows_TxD[0]
    return rows_TxD.mean(axis=0, dtype=np.float64).astype(np.float32)


def check_size(size: int, file: str, expected: int, expected_file: str) -> None:
    """Refuses a set whose files have features of two sizes."""
    if size != expected:
        raise InputError(_two_sizes({expected: expected_file, size: file}))


def _two_sizes(sizes: dict[int, str]) -> str:
    (size_a, file_a), (size_b, file_b) = list(sizes.items())[:2]
    return f"{file_b}: features of size {size_b}, but {os.path.basename(file_a)} has size {size_a}"


def read_array(path: str | pathlib.Path) -> np.ndarray:
    """One `.npy` file as float32 [T, D]; `(D,)` reads as one row.

    Raises InputError for an empty or truncated file, one that needs a pickle, a shape that is no
    feature, and values that are not finite.
    """
    try:
        with open(path, "rb") as opened:
            data = opened.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not data:
        raise InputError(f"{path}: an empty file")
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(file)
    except Exception as error:  # a header is parsed as Python: a damaged one raises anything
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a readable .npy file: {reason}") from None
    if dtype.kind not in "fiu":
        raise InputError(f"{path}: holds {dtype}, not numbers")
    if len(shape) not in (1, 2) or any(isinstance(n, bool) or n < 1 for n in shape):
        raise InputError(f"{path}: shape {shape}; a feature is (D,), (1, D) or (T, D)")
    promised = dtype.itemsize
    for length in shape:
        promised *= length
    held = len(data) - file.tell()
    if promised != held:
        raise InputError(f"{path}: its header promises {promised} bytes, the file holds {held}")
    array = np.frombuffer(data, dtype, offset=file.tell())
    array = array.reshape(shape, order="F" if fortran_order else "C")
    with np.errstate(over="ignore", invalid="ignore"):
        rows_TxD = np.atleast_2d(array).astype(np.float32)
    finite = np.isfinite(rows_TxD)
    if not finite.all():
        bad = int(rows_TxD.size - finite.sum())
        raise InputError(f"{path}: {bad} of {rows_TxD.size} values are NaN or infinite in float32")
    return rows_TxD


def check_present(names, features_names, where: str) -> None:
    """Refuses `names` of which some have no feature in `features_names`."""
    lacking = [name for name in names if name not in features_names]
    if lacking:
        raise InputError(f"{where}: {len(lacking)} names have no feature: {first_few(lacking)}")
