"""What an extraction writes: feature folders, a manifest for each, and the list of failures."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mer_jax import extraction, files
from mer_jax.data import label_csv
from mer_jax.errors import InputError, counted
from mer_jax.extraction.record import (
    LAYERS,
    MERBENCH,
    RELEASE,
    TEXT,
    UTTERANCE,
    Made,
    MediaError,
)
from mer_jax.extraction.sets import Wanted

LOG = logging.getLogger("mer_jax")
FEATURES, MANIFESTS, FAILURES = "features", "manifests", "failures.csv"
_HEADER = ("set", "clip", "reason")
_FORM = {"set": str, "level": str, "settings": dict, "model": str, "versions": dict, "size": int}
_RULE, _STATES = "layers", "states"  # of the settings: whose rule of layers, and what it takes
FREE = ("versions",)  # of a manifest: other packages may compute the same


def manifest_file(out: pathlib.Path, folder: str) -> pathlib.Path:
    """Where the manifest of a feature folder lies: not in it, where a file would be a clip's."""
    return out / MANIFESTS / f"{folder}.json"


def read_manifest(path: pathlib.Path) -> dict[str, Any]:
    """A manifest; InputError where it is damaged."""
    manifest = files.read_json(path, _FORM)
    settings = manifest["settings"]
    if settings.get(_RULE, RELEASE) not in LAYERS:
        # An earlier version kept what was taken in place of the rule, which follows from it.
        record = extraction.EXTRACTORS.get(manifest["set"])
        is_text = record is not None and record.needs == TEXT
        is_summed = str(settings[_RULE]).startswith("sum") and not is_text
        rule = MERBENCH if is_summed else RELEASE
        settings |= {_RULE: rule, _STATES: settings[_RULE]}
    return manifest


def differences(
    theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """What two manifests say otherwise: the key, and the value that each has or None."""
    for key in dict.fromkeys((*theirs, *ours)):
        if theirs.get(key) != ours.get(key):
            yield key, theirs.get(key), ours.get(key)


def keep_recipe(path: pathlib.Path, ours: Mapping[str, Any]) -> None:
    """Writes how a folder is made, or checks the file that lies there against it.

    Raises InputError where the folder was begun otherwise.
    """
    if not path.is_file():
        files.write_json(path, ours)
        return
    theirs = files.read_json(path, dict)
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise InputError(
                f"{path.parent}: was written with {key} {theirs.get(key)!r}, not {value!r} "
                f"({path.name}); use another --out"
            )


def copy_manifests(source: pathlib.Path, target: pathlib.Path, folders: Iterable[str]) -> None:
    """Copies how feature folders were extracted, as far as `source` tells, into another folder."""
    for folder in dict.fromkeys(folders):
        path = manifest_file(source, folder)
        if path.is_file():
            files.write_bytes(manifest_file(target, folder), path.read_bytes())


class SetFolder:
    """The folder of a set: what lies there, and what is added, each clip's file whole or not.

    Attributes:
      done: the names of the clips that lie there.
    """

    def __init__(self, out: pathlib.Path, wanted: Wanted):
        """Looks into the folder; InputError where its features are others than those wanted."""
        self.wanted = wanted
        self.folder = out / FEATURES / wanted.folder
        self.done: set[str] = set()
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            names = (entry.name for entry in entries if not entry.name.startswith("."))
            self.done = {name.removesuffix(".npy") for name in names if name.endswith(".npy")}
        self._manifest_file = manifest_file(out, wanted.folder)
        if self._manifest_file.is_file():
            self._check(self.wanted.manifest())
        elif self.done:
            raise InputError(
                f"{self.folder}: holds features of {counted(len(self.done), 'clip')} that another "
                "program wrote, as no manifest tells; use another --out"
            )
        self._size = 0
        self._around = contextlib.ExitStack()

    def begin(self, made: Made) -> None:
        """Writes the manifest, or checks the one that lies there against what is loaded now."""
        manifest = {**self.wanted.manifest(), **made.manifest, "size": made.size}
        manifest["settings"] = {**self.wanted.manifest()["settings"], **made.manifest["settings"]}
        if self._manifest_file.is_file():
            self._check(manifest)
        else:
            files.write_json(self._manifest_file, manifest)
        self._size = made.size
        self._write = self._around.enter_context(files.many(self.folder))

    def _check(self, ours: Mapping[str, Any]) -> None:
        """Refuses a manifest that says otherwise than `ours`, which may be the beginning of one."""
        theirs = read_manifest(self._manifest_file)
        for key, value in ours.items():
            said = theirs.get(key)
            if isinstance(value, dict) and isinstance(said, dict):
                said = {each: said.get(each) for each in value} if key == "settings" else said
            if said == value:
                continue
            if key not in FREE:
                raise InputError(
                    f"{self.folder}: was extracted with {key} {said!r}, not {value!r} "
                    f"({self._manifest_file}); use another --out"
                )
            LOG.warning("%s: begun with %s %s, continued with %s",
                        self.folder, key, said, value)  # fmt: skip

    def write(self, name: str, rows_TxD: np.ndarray) -> None:
        """Writes a clip: at the utterance level the mean of its rows, else all of them.

        Raises MediaError for rows that are no features.
        """
        if rows_TxD.ndim != 2 or rows_TxD.shape[1] != self._size:
            raise MediaError(f"gives the shape {rows_TxD.shape}, not rows of {self._size} values")
        if not len(rows_TxD):
            raise MediaError("is too short for a single row of features")
        array = rows_TxD
        if self.wanted.settings.level == UTTERANCE:
            array = rows_TxD.mean(axis=0, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.ascontiguousarray(array, np.float32)
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            raise MediaError(f"gives {bad} of {array.size} values that are NaN or infinite")
        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        self._write(f"{name}.npy", content.getbuffer())
        self.done.add(name)


class Failures:
    """The clips that gave no features, by feature folder and name, as `failures.csv` lists them."""

    def __init__(self, out: pathlib.Path):
        self._file = out / FAILURES
        self._reasons: dict[tuple[str, str], str] = {}
        self._changed = False
        if self._file.is_file():
            header, rows = label_csv.read_cells(self._file)
            if tuple(header) != _HEADER:
                raise InputError(f"{self._file}: not a list of failures; remove it")
            self._reasons = {(cells[0], cells[1]): cells[2] for _, cells in rows}

    def of(self, folder: str) -> dict[str, str]:
        """The reason of each clip that failed for a feature folder."""
        return {name: why for (of, name), why in self._reasons.items() if of == folder}

    def add(self, folder: str, name: str, reason: str) -> None:
        """Notes a clip that failed."""
        self._changed |= self._reasons.get((folder, name)) != reason
        self._reasons[folder, name] = reason

    def drop(self, folder: str, names: Iterable[str]) -> None:
        """Forgets clips that are there now."""
        for name in names:
            self._changed |= self._reasons.pop((folder, name), None) is not None

    def write(self) -> None:
        """Writes the list where it has changed, in the order of its names; an empty one goes."""
        if not self._changed:
            return
        rows = [(*key, reason) for key, reason in sorted(self._reasons.items())]
        if rows:
            files.write_csv(self._file, _HEADER, rows)
        else:
            self._file.unlink(missing_ok=True)
        self._changed = False
