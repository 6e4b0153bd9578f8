"""Writes a tiny corpus of clips that the package draws itself: faces, tones and words.

`python -m mer_jax.extraction.synthetic_clips FOLDER [CLIPS] [SEED]`. What is learned of them says
nothing about people.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from mer_jax import files
from mer_jax.extraction import encoding
from mer_jax.extraction.record import SAMPLE_RATE, Frame

# Of each emotion: how high its tone is, how the mouth bends (up: 1), its valence, and its words.
_KINDS = {
    "angry": (330.0, -0.8, -3.0, "stop that now"),
    "happy": (440.0, 1.0, 4.0, "what a lovely day"),
    "neutral": (220.0, 0.0, 0.0, "it is on the table"),
    "sad": (150.0, -1.0, -4.0, "i miss them so much"),
}
_HEADER = ("name", "emotion", "valence", "speaker", "text", "split")
_SECONDS, _RATE, _SIDE = 1.0, 8, 96  # of a clip, its images a second, their pixels
_SPEAKERS = 6  # of train; the test clips have others
_TEST = 0.25  # the share of clips that are of the split test


def write(folder: pathlib.Path, count: int = 48, seed: int = 0) -> None:
    """Writes `count` clips into `folder`, and clips.csv beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(_KINDS)
    rows = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        emotion = names[number % len(names)]
        _, _, valence, text = _KINDS[emotion]
        is_test = number >= count * (1 - _TEST)
        speaker = f"{'guest' if is_test else 'speaker'}_{number // len(names) % _SPEAKERS}"
        name = f"clip_{number:03d}"
        encoding.write(
            folder / f"{name}.mp4", _images(emotion, rng), _sound(emotion, rng), Fraction(_RATE)
        )
        said = str(round(valence + rng.normal(scale=0.5), 2))
        rows.append((name, emotion, said, speaker, text, "test" if is_test else "train"))
    files.write_csv(folder / "clips.csv", _HEADER, rows)


def _sound(emotion: str, rng: np.random.Generator) -> np.ndarray:
    """A tone with overtones, higher or lower by the voice, in some noise."""
    time = np.arange(round(_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = _KINDS[emotion][0] * rng.uniform(0.9, 1.1)
    tone = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3))
    return (0.1 * tone + rng.normal(scale=0.02, size=len(time))).astype(np.float32)


def _images(emotion: str, rng: np.random.Generator) -> Iterator[Frame]:
    """A round face with two eyes and a mouth, which trembles a little."""
    bend = _KINDS[emotion][1] + rng.normal(scale=0.2)
    skin, middle = rng.integers(150, 240, 3), _SIDE / 2 + rng.normal(scale=2, size=2)
    for number in range(round(_SECONDS * _RATE)):
        x, y = middle + rng.normal(scale=0.5, size=2)
        yield Frame(number / _RATE, _face(x, y, bend, skin))


def _face(x: float, y: float, bend: float, skin: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    u, v = (columns - x) / (_SIDE * 0.4), (rows - y) / (_SIDE * 0.4)  # the face is the unit disk
    image = np.full((_SIDE, _SIDE, 3), 30, np.uint8)
    image[u**2 + v**2 < 1] = skin
    for side in (-1, 1):
        image[(u - 0.4 * side) ** 2 + (v + 0.3) ** 2 < 0.015] = 20
    mouth = 0.45 + bend * (0.15 - u**2)
    image[(np.abs(v - mouth) < 0.07) & (np.abs(u) < 0.5)] = (120, 20, 30)
    return image


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:]))
