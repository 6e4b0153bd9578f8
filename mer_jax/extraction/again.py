"""Extracts new clips as the features of a training were extracted: by their sets' manifests."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mer_jax.errors import InputError
from mer_jax.extraction import asr, engine, faces, sets, transcripts
from mer_jax.extraction import clips as clips_lib
from mer_jax.extraction.record import FACES, RELEASE, Clip, Follow, Made
from mer_jax.extraction.sets import Settings, Wanted
from mer_jax.extraction.writer import FREE, differences, manifest_file, read_manifest
from mer_jax.observer import Count, uncounted

LOG = logging.getLogger("mer_jax")
# Of its settings, and of those of its transcripts: noise that was trained on, which new clips are
# not given.
_CHANGE = "change"
_TRANSCRIPTS = "transcripts"  # of its settings: who transcribed clips without a text


class Given(NamedTuple):
    """What the user says of new clips."""

    media: pathlib.Path | None  # the folder of their media files
    listed: pathlib.Path | None  # their CSV; None: every file in `media` is a clip
    models: pathlib.Path | None = None  # the folder of folders with weights
    asr: str | None = None  # as in --asr; None: the model of the training's name
    asr_command: str | None = None


class _Plan(NamedTuple):
    """A set that is as the trained one, its model loaded, and what follows faces for it."""

    wanted: Wanted
    choice: str  # of faces; "" where none are needed
    follow: Callable[[], Follow] | None


def manifest_of(roots: Sequence[pathlib.Path], folder: str) -> dict[str, Any]:
    """How a feature folder was extracted, by the first of the folders that knows it.

    What was done to the clips before, such as noise, is left out: it is not done again. Raises
    InputError without a manifest.
    """
    paths = [manifest_file(root, folder) for root in roots]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise InputError(
            f"{paths[-1]}: no manifest, so nobody knows how {folder} was extracted; extract the "
            "new clips as you did those of the training, and name the folder in config.data.root"
        )
    manifest = read_manifest(path)
    said = _without_change(manifest["settings"])
    if isinstance(said.get(_TRANSCRIPTS), dict):
        said[_TRANSCRIPTS] = _without_change(said[_TRANSCRIPTS])
    if _CHANGE in manifest["settings"]:
        LOG.info("%s was trained on corrupted clips; the new ones are taken as they are", folder)
    return {**manifest, "settings": said}


def wanted_as(manifest: Mapping[str, Any], models: pathlib.Path | None) -> Wanted:
    """The set that a manifest is of, with its settings."""
    said = manifest["settings"]
    settings = Settings(
        models=models,
        level=manifest["level"],
        layers=said.get("layers", RELEASE),
        every=said.get("every", 1),
        transcripts=said.get(_TRANSCRIPTS),
    )
    return Wanted(sets.find(manifest["set"]), settings, said.get("weights", ""))


@contextlib.contextmanager
def extracted(
    roots: Sequence[pathlib.Path],
    folders: Sequence[str],
    given: Given,
    *,
    keep: pathlib.Path | None = None,
    workers: int | None = None,
    count: Count = uncounted,
) -> Iterator[tuple[pathlib.Path, dict[str, str]]]:
    """Gives a folder with the new clips' features, and which clips failed and why.

    A clip is decoded once for all sets whose images are taken alike.

    Args:
      roots: folders with the training's manifests/, of which the first that has one is asked.
      folders: the feature sets of the training, by their folders.
      given: the new clips.
      keep: the folder that the features stay in; None: one that is removed afterwards.
      workers: threads; None: the cores.
      count: told of the clips.

    Raises InputError where a set would be extracted otherwise than it was.
    """
    manifests = {folder: manifest_of(roots, folder) for folder in folders}
    heard = _transcribed(manifests)
    wanted = [wanted_as(manifest, given.models) for manifest in manifests.values()]
    clips = clips_lib.of_sets(wanted, given.listed, given.media, heard is not None)
    recogniser = None
    if heard is not None and not all(clip.text.strip() for clip in clips):
        recogniser = asr.as_trained(heard, given.asr, given.asr_command, given.models)
    plans = [
        _plan(folder, manifest, each)
        for (folder, manifest), each in zip(manifests.items(), wanted, strict=True)
    ]
    with contextlib.ExitStack() as around:
        if keep is None:
            temporary = tempfile.TemporaryDirectory(prefix="mer_jax-")
            keep = pathlib.Path(around.enter_context(temporary))
        if recogniser is not None:
            clips = transcripts.filled(recogniser, clips, keep, workers=workers, count=count)
        yield keep, _run(plans, clips, keep, workers, count)


def _run(
    plans: Sequence[_Plan],
    clips: Sequence[Clip],
    keep: pathlib.Path,
    workers: int | None,
    count: Count,
) -> dict[str, str]:
    """Extracts the sets together whose images and faces are taken alike; gives what failed."""
    alike: dict[tuple[int, str], list[_Plan]] = {}
    others = []
    for plan in plans:
        if plan.wanted.extractor.modality == "video":
            alike.setdefault((plan.wanted.settings.every, plan.choice), []).append(plan)
        else:
            others.append(plan)
    first, *more = alike.values() or [[]]
    failed: dict[str, str] = {}
    for group in ([*others, *first], *more):
        follow = next((plan.follow for plan in group if plan.follow is not None), None)
        wanted = [plan.wanted for plan in group]
        outcome = engine.run(wanted, clips, keep, follow=follow, workers=workers, count=count)
        for reasons in outcome.failed.values():
            failed = reasons | failed
    return failed


def _plan(folder: str, manifest: Mapping[str, Any], wanted: Wanted) -> _Plan:
    choice, follow = "", None
    if wanted.extractor.needs == FACES:
        choice = manifest["settings"].get("faces", {}).get("follow", faces.STEADY)
        (wanted,), follow = faces.with_faces([wanted], choice)
    made = wanted.make()
    _check(folder, manifest, wanted, made)
    extractor = dataclasses.replace(wanted.extractor, make=lambda options: made)
    return _Plan(dataclasses.replace(wanted, extractor=extractor), choice, follow)


def _transcribed(manifests: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Who transcribed the clips of the training; None: nobody."""
    found: dict[str, Any] = {}
    for folder, manifest in manifests.items():
        said = manifest["settings"].get(_TRANSCRIPTS)
        if said is not None and said not in found.values():
            found[folder] = said
    if len(found) > 1:
        raise InputError(
            f"the texts of {' and '.join(found)} were transcribed in two ways; extract the new "
            "clips as you did those of the training, and name the folder in config.data.root"
        )
    return next(iter(found.values()), None)


def _check(folder: str, theirs: Mapping[str, Any], wanted: Wanted, made: Made) -> None:
    """Refuses a model or settings that are not those of the training."""
    ours = {**wanted.manifest(), **made.manifest, "size": made.size}
    ours["settings"] = {**wanted.manifest()["settings"], **made.manifest["settings"]}
    for key, said, value in differences(theirs, ours):
        if key not in FREE:
            raise InputError(
                f"{folder}: was extracted with {key} {said!r}, not {value!r}; "
                "name the folder of the weights that were used in --models"
            )


def _without_change(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != _CHANGE}
