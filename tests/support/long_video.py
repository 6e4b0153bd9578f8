"""A long video of made-up speech and drawn faces, and what collecting its clips must give."""

import dataclasses
from collections.abc import Callable

import numpy as np

from mer_jax.extraction.faces import Face
from tests.support import media
from tests.support.speech import RATE, loud, say

FPS, SIZE = 10, (48, 64)
SECONDS = 44.0
# Who speaks, from when to when, and what.
LINES = (
    ("A", 0.6, 2.0, "one"),
    ("A", 2.4, 3.8, "two"),
    ("B", 4.2, 6.6, "three"),
    ("B", 8.2, 9.0, "four"),
    ("A", 10.2, 12.6, "five"),
    ("A", 13.8, 16.2, "six"),
    ("B", 17.6, 20.0, "seven"),
    ("A", 22.0, 39.5, "eight"),
    ("B", 41.0, 43.4, "nine"),
)
# From when on how many faces are seen, and whose.
SEEN = ((0.0, 1, 0), (10.0, 0, 0), (13.0, 2, 0), (17.0, 1, 0), (18.9, 1, 1), (21.0, 1, 1))
# What becomes of the lines: who, first and last line, and why it is dropped.
EXPECTED = (
    ("A", 0, 1, ""),
    ("B", 2, 2, ""),
    ("B", 3, 3, "too short"),
    ("A", 4, 4, "no face"),
    ("A", 5, 5, "several faces"),
    ("B", 6, 6, "several persons"),
    ("A", 7, 7, "too long"),
    ("B", 8, 8, ""),
)


def samples():
    """The speech, float32 [S]."""
    found = np.zeros(round(SECONDS * RATE))
    for number, (speaker, start, end, _) in enumerate(LINES):
        voice = say(speaker, end - start, number)
        found[round(start * RATE) : round(start * RATE) + len(voice)] = voice
    return found


def images():
    """An image every tenth of a second: what is seen is its brightness and its redness."""
    for number in range(round(SECONDS * FPS)):
        _, count, person = [each for each in SEEN if each[0] <= number / FPS][-1]
        image = np.full((*SIZE, 3), 40 + 80 * count, np.uint8)
        image[..., 0] = 200 if person else image[..., 1]
        yield image


def write(path):
    """Writes the video."""
    return media.write(path, samples(), list(images()), fps=FPS)


@dataclasses.dataclass(frozen=True)
class Detector:
    """A function as the detectors are that are models."""

    name: str
    call: Callable

    def __call__(self, given):
        return self.call(given)

    def manifest(self):
        return {"detector": self.name}


def _faces(image):
    """Finds as many faces as the image is bright."""
    count = round((float(image[..., 1].mean()) - 40) / 80)
    points = np.array([[20, 20], [40, 20], [30, 30], [22, 38], [38, 38]], float)
    return [Face(np.array([10.0, 10, 40, 30]), points, 0.9) for _ in range(count)]


@dataclasses.dataclass
class Redness:
    """Tells persons apart by how red the image is."""

    similarity = 0.9

    def __call__(self, image, _):
        red = image[..., 0].astype(float).mean() - image[..., 1].mean() > 40
        return np.array([1.0, 0.0]) if red else np.array([0.0, 1.0])

    def manifest(self):
        return {"recogniser": "redness"}


faces = Detector("brightness", _faces)
voice = Detector("loudness", loud)


def _clock(seconds, comma):
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{comma}{milliseconds:03}"


def srt():
    """The lines as SubRip, which names no speaker."""
    return "\n".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n<i>{text}</i>\n"
        for number, (_, start, end, text) in enumerate(LINES, 1)
    )


def vtt():
    """The lines as WebVTT, with voices."""
    cues = (
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n<v Speaker {who}>{text}\n"
        for who, start, end, text in LINES
    )
    return "\n".join(["WEBVTT\n", "NOTE made up\n", *cues])
