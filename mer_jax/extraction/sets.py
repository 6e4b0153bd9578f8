"""Which sets are extracted, and how: what --sets and the flags beside it say."""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
from collections.abc import Mapping
from typing import Any

from mer_jax import extraction, published
from mer_jax.errors import InputError
from mer_jax.extraction.record import (
    FACES,
    LEVELS,
    RELEASE,
    TEXT,
    UTTERANCE,
    Change,
    Extractor,
    Made,
    Options,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all sets of an extraction have in common."""

    models: pathlib.Path | None = None  # the folder of folders with weights
    level: str = UTTERANCE  # one of record.LEVELS
    layers: str = RELEASE  # one of record.LAYERS
    every: int = 1  # of a clip's images each `every`-th is taken
    batch: int | None = None  # clips in a call of an extractor; None: each extractor's own
    change: Change | None = None  # of samples and images, before they are extracted
    faces: Mapping[str, Any] | None = None  # how faces are found, for manifests: JSON
    transcripts: Mapping[str, Any] | None = None  # who transcribed clips without a text: JSON


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A set that is to be extracted."""

    extractor: Extractor
    settings: Settings
    weights: str = ""  # its folder of weights, where it is not the record's

    @property
    def folder(self) -> str:
        """Its folder under features/."""
        return self.extractor.folder(self.settings.level)

    @property
    def batch(self) -> int:
        """Clips in a call of its extractor."""
        return self.settings.batch or self.extractor.batch

    def make(self) -> Made:
        """Loads its extractor; InputError where weights or a package are missing."""
        of = self.settings
        return self.extractor.make(Options(of.models, self.weights, of.layers, of.level))

    def manifest(self) -> dict[str, Any]:
        """What decides the features beside the model itself: the beginning of a manifest."""
        settings: dict[str, Any] = {}
        if self.extractor.hub:
            settings["layers"] = self.settings.layers
        if self.weights:
            settings["weights"] = self.weights
        if self.extractor.modality == "video":
            settings["every"] = self.settings.every
        if self.settings.faces is not None and self.extractor.needs == FACES:
            settings["faces"] = dict(self.settings.faces)
        if self.settings.change is not None and self.extractor.needs != TEXT:
            settings["change"] = dict(self.settings.change.manifest)
        if self.settings.transcripts is not None and self.extractor.needs == TEXT:
            settings["transcripts"] = dict(self.settings.transcripts)
        return {"set": self.extractor.name, "level": self.settings.level, "settings": settings}


def wanted(text: str, settings: Settings) -> list[Wanted]:
    """The sets of `--sets="NAME, NAME=FOLDER"`, each once, in their order.

    A name is the paper's or the release's folder's; FOLDER holds its weights in --models.
    """
    found: dict[str, Wanted] = {}
    for part in text.split(","):
        name, equals, weights = (word.strip() for word in part.partition("="))
        if not name or (equals and not weights):
            raise InputError(f"--sets: {text!r} names no set in {part!r}; NAME or NAME=FOLDER")
        each = Wanted(find(name), settings, weights)
        if weights and not each.extractor.hub:
            raise InputError(f"--sets: {name} is made without weights; leave ={weights} out")
        if each.folder in found:
            raise InputError(f"--sets: {name} is listed twice, for the folder {each.folder}")
        found[each.folder] = each
    return list(found.values())


def find(name: str) -> Extractor:
    """The extractor of a set; InputError naming those that there are."""
    for extractor in extraction.EXTRACTORS.values():
        if name in (extractor.folder(level) for level in LEVELS):
            return extractor
    of_paper = published.name_of(name) or name
    if of_paper in extraction.EXTRACTORS:
        return extraction.EXTRACTORS[of_paper]
    near = difflib.get_close_matches(name, extraction.EXTRACTORS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(extraction.EXTRACTORS)}"
    raise InputError(f"--sets: unknown set {name!r}; {hint}")
