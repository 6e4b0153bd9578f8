"""Records of extraction: a clip, what is decoded of it, an extractor and what it is made with."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from mer_jax import published
from mer_jax.errors import InputError

SAMPLE_RATE = 16_000  # Hz, of every clip's audio: what the release's and MERBench's scripts take
AUDIO, IMAGES, FACES, TEXT = "audio", "images", "faces", "text"  # what an extractor may need
UTTERANCE, FRAME = "UTT", "FRA"  # one vector a clip, the mean of its rows; or all rows
LEVELS = (UTTERANCE, FRAME)
RELEASE, MERBENCH = "release", "merbench"
LAYERS = (RELEASE, MERBENCH)  # whose rule of layers; the sets' files say what it is for each


class MediaError(InputError):
    """A clip that gives no features: one sentence, which the list of failures shows."""


class Clip(NamedTuple):
    """A clip as the user's CSV names it."""

    name: str
    path: pathlib.Path | None = None  # of its media file; None: none is needed
    text: str = ""  # what is said in it
    is_silent: bool = False  # a recogniser heard nothing said in it, hence no text
    no_text: str = ""  # why it could not be transcribed


class Frame(NamedTuple):
    """An image of a clip: RGB uint8 [H, W, 3], and when it is shown in seconds."""

    time: float
    image: np.ndarray


@dataclasses.dataclass(frozen=True)
class Decoded:
    """What an extractor gets of a clip: of the four what it needs, and None for the others.

    Of a long clip an extractor of images or faces gets a stretch of frames at a time, in order;
    the rows that it gives are joined. A clip without a face reaches no extractor of faces.
    """

    clip: Clip
    audio: np.ndarray | None = None  # float32 [S], mono, SAMPLE_RATE, in [-1, 1]
    images: Sequence[np.ndarray] | None = None  # RGB uint8 [H, W, 3] of each frame
    faces: Sequence[np.ndarray] | None = None  # RGB uint8 [E, E, 3] of each frame with a face
    times: Sequence[float] = ()  # seconds, of each image or face

    @property
    def text(self) -> str:
        """What is said in the clip."""
        return self.clip.text


@dataclasses.dataclass(frozen=True)
class Options:
    """What an extractor is made with."""

    models: pathlib.Path | None = None  # the folder of folders with weights (--models)
    folder: str = ""  # another folder of weights than the record's (--sets="NAME=FOLDER")
    layers: str = RELEASE  # one of LAYERS
    level: str = UTTERANCE  # of what is written; the writer takes the mean over rows, if several


class Made(Protocol):
    """An extractor with its weights in memory."""

    size: int  # D
    manifest: Mapping[str, Any]  # model, weights' SHA-256, settings, packages' versions: JSON

    def extract(self, clips: Sequence[Decoded]) -> Sequence[np.ndarray]:
        """Each clip's rows, [T, D] of numbers.

        Raises MediaError for a clip that it cannot serve; of several clips the engine then asks
        for each alone.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A feature set that can be extracted. Its file makes it; the registry lists it."""

    name: str  # the paper's, as --sets takes it
    modality: str  # audio, text or video
    needs: str  # AUDIO, IMAGES, FACES or TEXT
    make: Callable[[Options], Made]  # raises InputError: weights or a package are missing
    source: str  # whose model or program it is, and where it is published
    licence: str  # of the weights or the program
    release_folder: str = ""  # of a set that the paper lacks: its folder, ending in UTT
    # The hub's name of the weights, or their file's; its last part is their folder in --models.
    hub: str = ""
    batch: int = 1  # clips in a call of `extract`, unless --batch says otherwise
    notice: str = ""  # a sentence that the log shows whenever the set is extracted
    threads: bool = False  # `extract` may run in several threads at once, and gains by it

    def folder(self, level: str) -> str:
        """The folder under features/: the release's name, with the level at its end."""
        name = self.release_folder or published.FEATURE_SETS[self.name].folders[0]
        return name.removesuffix(UTTERANCE) + level

    def weights(self, options: Options) -> pathlib.Path:
        """The folder of the set's weights; InputError where there is none."""
        name = options.folder or self.hub.rpartition("/")[2]
        if options.models is None:
            raise InputError(
                f"{self.name}: its weights are read from --models=DIR, in DIR/{name} ({self.hub})"
            )
        folder = options.models / name
        if not folder.is_dir():
            raise InputError(
                f"{self.name}: no folder {folder}; it is to hold the weights of {self.hub or name}"
            )
        return folder


def of_hub(name: str, hub: str, make: Callable[[str, Options], Made], **fields: Any) -> Extractor:
    """The record of a set whose weights are a model of the hub; `make` gets the set's name too."""
    source = f"https://huggingface.co/{hub}"
    return Extractor(name, make=functools.partial(make, name), source=source, hub=hub, **fields)


class Change(NamedTuple):
    """What is done to a clip's samples and images once decoded, such as adding noise."""

    audio: Callable[[Clip, np.ndarray], np.ndarray]  # samples [S] -> samples [S]
    images: Callable[[Clip, Iterable[Frame]], Iterator[Frame]]
    manifest: Mapping[str, Any]  # how, for the sets' manifests: JSON
    needs_all: bool = False  # of a clip's images, also where each n-th alone is extracted


# Follows the face of a clip through its frames: gives a Frame with the crop for each frame that
# shows one, in order. It takes no more frames ahead than it needs.
Follow = Callable[[Iterable[Frame]], Iterator[Frame]]
