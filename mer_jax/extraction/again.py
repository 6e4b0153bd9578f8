"""Extracts new clips as the features of a training were extracted: by their sets' manifests."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mer_jax.errors import InputError
from mer_jax.extraction import clips as clips_lib
from mer_jax.extraction import engine, faces, sets
from mer_jax.extraction.record import FACES, RELEASE, Follow, Made
from mer_jax.extraction.sets import Settings, Wanted
from mer_jax.extraction.writer import manifest_file, read_manifest
from mer_jax.observer import Count, uncounted

LOG = logging.getLogger("mer_jax")
_FREE = ("versions",)  # of a manifest: other packages may compute the same
_CHANGE = "change"  # of its settings: noise that was trained on, which new clips are not given


def wanted_as(root: pathlib.Path, folder: str, models: pathlib.Path | None) -> Wanted:
    """The set that wrote `root`/features/`folder`, with its settings.

    What was done to the clips before, such as noise, is not done again. Raises InputError without
    a manifest.
    """
    path = manifest_file(root, folder)
    if not path.is_file():
        raise InputError(
            f"{path}: no manifest, so nobody knows how {folder} was extracted; extract the new "
            "clips as you did those of the training, and name the folder in config.data.root"
        )
    manifest = read_manifest(path)
    said = manifest["settings"]
    settings = Settings(
        models=models,
        level=manifest["level"],
        layers=said.get("layers", RELEASE),
        every=said.get("every", 1),
    )
    if _CHANGE in said:
        LOG.info("%s was trained on corrupted clips; the new ones are taken as they are", folder)
    return Wanted(sets.find(manifest["set"]), settings, said.get("weights", ""))


@contextlib.contextmanager
def extracted(
    root: pathlib.Path,
    folders: Sequence[str],
    media: pathlib.Path | None,
    listed: pathlib.Path | None,
    models: pathlib.Path | None,
    *,
    keep: pathlib.Path | None = None,
    workers: int | None = None,
    count: Count = uncounted,
) -> Iterator[tuple[pathlib.Path, dict[str, str]]]:
    """Gives a folder with the new clips' features, and which clips failed and why.

    Args:
      root: the folder that was trained on, with manifests/.
      folders: its feature sets, by their folders.
      media: the folder of the new clips' media files.
      listed: their CSV; None: every file in `media` is a clip.
      models: the folder of folders with weights.
      keep: the folder that the features stay in; None: one that is removed afterwards.
      workers: threads; None: the cores.
      count: told of the clips.

    Raises InputError where a set would be extracted otherwise than it was.
    """
    plans = [_followed(root, folder, models) for folder in folders]
    clips = clips_lib.of_sets([wanted for wanted, _ in plans], listed, media)
    with contextlib.ExitStack() as around:
        if keep is None:
            temporary = tempfile.TemporaryDirectory(prefix="mer_jax-")
            keep = pathlib.Path(around.enter_context(temporary))
        failed: dict[str, str] = {}
        for wanted, follow in plans:
            outcome = engine.run([wanted], clips, keep, follow=follow, workers=workers, count=count)
            for reasons in outcome.failed.values():
                failed = reasons | failed
        yield keep, failed


def _followed(
    root: pathlib.Path, folder: str, models: pathlib.Path | None
) -> tuple[Wanted, Callable[[], Follow] | None]:
    """A set that is as the trained one, its model loaded, and what follows faces for it."""
    wanted, follow = wanted_as(root, folder, models), None
    theirs = read_manifest(manifest_file(root, folder))
    if wanted.extractor.needs == FACES:
        choice = theirs["settings"].get("faces", {}).get("follow", faces.STEADY)
        (wanted,), follow = faces.with_faces([wanted], choice)
    made = wanted.make()
    _check(folder, theirs, wanted, made)
    extractor = dataclasses.replace(wanted.extractor, make=lambda options: made)
    return dataclasses.replace(wanted, extractor=extractor), follow


def _check(folder: str, theirs: Mapping[str, Any], wanted: Wanted, made: Made) -> None:
    """Refuses a model or settings that are not those of the training."""
    ours = {**wanted.manifest(), **made.manifest, "size": made.size}
    ours["settings"] = {**wanted.manifest()["settings"], **made.manifest["settings"]}
    trained = dict(theirs)
    trained["settings"] = {k: v for k, v in theirs["settings"].items() if k != _CHANGE}
    for key in dict.fromkeys((*trained, *ours)):
        if key not in _FREE and trained.get(key) != ours.get(key):
            raise InputError(
                f"{folder}: was extracted with {key} {trained.get(key)!r}, not {ours.get(key)!r}; "
                "name the folder of the weights that were used in --models"
            )
