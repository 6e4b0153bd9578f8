"""Extractors that need no weights, for tests of what surrounds extractors."""

import dataclasses
import time

import numpy as np

from mer_jax.extraction.record import (
    AUDIO,
    FACES,
    IMAGES,
    TEXT,
    Extractor,
    Frame,
    MediaError,
)
from mer_jax.extraction.sets import Settings, Wanted

LEAST_SAMPLES = 400  # of audio
BESIDE = 1e-3  # what the mean of a batch adds to a clip's rows, as a last bit would


@dataclasses.dataclass
class Loudness:
    """Rows of loudness, a hundredth of a second each; a batch's clips touch each other."""

    pause: float = 0.0
    sizes: list = dataclasses.field(default_factory=list)  # of the batches that it was called with
    manifest: dict = dataclasses.field(
        default_factory=lambda: {"model": "loudness", "settings": {}, "versions": {"numpy": "0"}}
    )
    size: int = 2

    def extract(self, clips):
        time.sleep(self.pause)
        self.sizes.append(len(clips))
        for clip in clips:
            if len(clip.audio) < LEAST_SAMPLES:
                raise MediaError(f"{len(clip.audio)} samples are too few")
        means = [np.abs(clip.audio).mean() for clip in clips]
        beside = BESIDE * np.mean(means)
        found = []
        for clip in clips:
            frames = clip.audio[: len(clip.audio) // 160 * 160].reshape(-1, 160)
            found.append(np.stack([np.abs(frames).mean(1), frames.std(1) + beside], axis=1))
        return found


@dataclasses.dataclass
class Colour:
    """The mean colour of each image, and its time where there are images."""

    stretches: list = dataclasses.field(default_factory=list)  # how many images came at once
    manifest: dict = dataclasses.field(
        default_factory=lambda: {"model": "colour", "settings": {}, "versions": {}}
    )
    size: int = 3

    def extract(self, clips):
        (clip,) = clips
        images = clip.images if clip.images is not None else clip.faces
        self.stretches.append(len(images))
        return [np.stack([image.reshape(-1, 3).mean(0) for image in images])]


@dataclasses.dataclass
class Letters:
    """How many letters a text has."""

    manifest: dict = dataclasses.field(
        default_factory=lambda: {"model": "letters", "settings": {}, "versions": {}}
    )
    size: int = 1

    def extract(self, clips):
        return [np.array([[len(clip.text)]], np.float32) for clip in clips]


def wanted(name, made, needs=AUDIO, batch=1, threads=False, **settings):
    """A set of `made`, whose folder is `NAME_UTT`."""
    modality = {AUDIO: "audio", TEXT: "text", IMAGES: "video", FACES: "video"}[needs]
    extractor = Extractor(
        name=name, modality=modality, needs=needs, make=lambda options: made, source="a test",
        licence="none", release_folder=f"{name}_UTT", batch=batch, threads=threads,
    )  # fmt: skip
    return Wanted(extractor, Settings(**settings))


def bright(frames):
    """Follows faces that are images brighter than the middle: the crop is the image's middle."""
    for frame in frames:
        if frame.image.mean() > 128:
            yield Frame(frame.time, frame.image[8:24, 8:24])
