"""MER-NOISE's corruption: speech as noise in a clip's audio, and blurred images.

The paper (Lian et al., 2023, section 2.3) adds speech of MUSAN at an SNR between 5 and 10 dB and
samples images down by 1, 2 or 4 and up again, which keeps their size. Its code draws whole
decibels, rounds to 16 bits, and lets the pyramid change the size of images whose sides are no
multiple of the factor: `release` is that letter.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mer_jax import extras, files
from mer_jax.errors import InputError
from mer_jax.extraction.record import Change, Clip, Frame, MediaError

CHOICES = "corruption.csv"  # what was drawn for each clip
SNR = (5.0, 10.0)  # dB, the paper's range
BLURS = (1, 2, 4)  # the paper's factors; 1 leaves an image as it is
_DRAWS = 100  # of noise files for one clip, before a folder of silence is taken for one
_INT16 = np.iinfo(np.int16)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How clips are corrupted.

    Attributes:
      noise: the folder of speech, read with the folders in it; None: the audio stays.
      snr: dB; the range that is drawn from, or with `series` the values, one of which is drawn.
      blurs: factors, powers of 2, one of which is drawn; (1,): images stay.
      seed: of all draws, with the clip's name.
      release: as the release's code does it.
    """

    noise: pathlib.Path | None
    snr: tuple[float, ...] = SNR
    series: bool = False
    blurs: tuple[int, ...] = BLURS
    seed: int = 0
    release: bool = False

    def manifest(self) -> dict[str, Any]:
        """What decides the corruption: JSON. Files of noise are told by name and content."""
        if self.noise is None:
            return {"blurs": list(self.blurs), "seed": self.seed, "release": self.release}
        drawn = "one of" if self.series else "whole numbers" if self.release else "uniform"
        return {
            "noise": fingerprint(self.noise),
            "snr": [drawn, *self.snr],
            "blurs": list(self.blurs),
            "seed": self.seed,
            "release": self.release,
        }


def recipe_of(
    noise: pathlib.Path | None, snr: str | None, blur: str | None, seed: int, release: bool
) -> Recipe | None:
    """The recipe that a command line gives; None where neither noise nor blur is asked for.

    `snr` is `LOW:HIGH`, a range, or `A,B,C`, values; `blur` is `A,B,C`. None: the paper's.
    """
    if noise is None and blur is None:
        if snr is not None or release:
            raise InputError("--snr and --as_release need --noise=DIR, a folder of speech")
        return None
    series = snr is not None and ":" not in snr
    values = SNR if snr is None else _numbers(snr, "--snr", "," if series else ":")
    if not series and (len(values) != 2 or values[0] >= values[1]):
        raise InputError(f"--snr={snr}: not a lower and a higher value, as 5:10")
    if release and any(value != int(value) for value in values):
        raise InputError(f"--snr={snr}: the release draws whole numbers")
    blurs = BLURS if blur is None else tuple(map(int, _numbers(blur, "--blur", ",")))
    for factor in blurs:
        if factor < 1 or factor & (factor - 1):
            raise InputError(f"--blur={blur}: {factor} is not 1, 2, 4 or a higher power of 2")
    return Recipe(noise, values, series, blurs, seed, release)


def _numbers(text: str, flag: str, mark: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(mark))
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise InputError(f"{flag}={text}: not numbers such as 5{mark}10")
    return values


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is drawn for a clip."""

    snr: float | None  # dB; None: no noise
    blur: int


@dataclasses.dataclass(frozen=True)
class Mixed:
    """A clip's noisy samples, and what was added."""

    samples: np.ndarray  # float32 [S]
    noise: tuple[str, ...]  # the files, strung together in this order
    start: int  # the sample of them at which the noise begins
    gain: float  # of the noise; 0 beside a silent clip, whose SNR no noise can have
    scale: float  # of clean and noise together; below 1 where their sum left the range


def choose(recipe: Recipe, name: str) -> Choice:
    """The SNR and the blur of a clip: by its name and the recipe's seed alone."""
    rng = _generator(recipe, name, "choice")
    if recipe.series:
        snr = float(rng.choice(recipe.snr))
    elif recipe.release:
        snr = float(rng.integers(int(recipe.snr[0]), int(recipe.snr[1]) + 1))
    else:
        snr = float(rng.uniform(*recipe.snr))
    blur = int(rng.choice(recipe.blurs))
    return Choice(None if recipe.noise is None else snr, blur)


def mix(recipe: Recipe, name: str, clean_S: np.ndarray) -> Mixed:
    """A clip's samples with noise at the SNR that is drawn for it, over the whole clip.

    Noise files are drawn and strung together until they are longer than the clip, and as much as
    the clip is long is cut out of them; silence is drawn anew. Where the sum leaves [-1, 1] all of
    it is made quieter, which leaves the SNR as it is. Samples are float32 [S] in [-1, 1].

    Raises:
      InputError: the folder holds no noise.
      MediaError: it holds nothing but silence, as far as it was looked at.
    """
    if recipe.noise is None:
        return Mixed(clean_S, (), 0, 0.0, 1.0)
    clean = np.asarray(clean_S, np.float64)
    if recipe.release:
        clean = np.clip(np.rint(clean * -float(_INT16.min)), _INT16.min, _INT16.max)
    chosen, start, noise = _noise(recipe, name, len(clean))
    snr = choose(recipe, name).snr or 0.0
    gain = rms(clean) / 10 ** (snr / 20) / rms(noise)
    mixed = clean + gain * noise
    scale = 1.0
    if recipe.release:
        low, high = float(_INT16.min), float(_INT16.max)
        if mixed.max() > high or mixed.min() < low:
            above = mixed.max() >= abs(mixed.min())
            scale = high / mixed.max() if above else low / mixed.min()
        mixed = np.trunc(mixed * scale) / -low
    else:
        scale = 1.0 / max(1.0, np.abs(mixed).max(initial=0.0))
        mixed = mixed * scale
    return Mixed(mixed.astype(np.float32), chosen, start, gain, scale)


def blurred(image_HxWx3: np.ndarray, factor: int, release: bool = False) -> np.ndarray:
    """An image sampled down by a factor of 2, 4, ... and up again, by Gaussian pyramids (5 x 5).

    Its size stays; with `release` it becomes a multiple of the factor, as the release's does.
    """
    cv2 = extras.load("cv2", "extract", "blurring images")
    sizes, small = [], image_HxWx3
    while factor > 1:
        sizes.append((small.shape[1], small.shape[0]))
        small = cv2.pyrDown(small)
        factor //= 2
    for size in reversed(sizes):
        small = cv2.pyrUp(small) if release else cv2.pyrUp(small, dstsize=size)
    return small


def change(recipe: Recipe) -> Change:
    """The corruption of samples and images once decoded.

    Nothing is encoded on the way, except with `release`: the clips that the challenge gave have
    gone through its codecs. What is extracted then equals what `--mode=corrupt` would write.
    """
    from mer_jax.extraction import encoding, video

    def audio(clip: Clip, samples_S: np.ndarray) -> np.ndarray:
        samples_S = mix(recipe, clip.name, samples_S).samples
        is_encoded = recipe.release and video.tracks(clip.path)[1] is not None
        return encoding.heard_again(samples_S) if is_encoded else samples_S

    def images(clip: Clip, frames: Iterable[Frame]) -> Iterator[Frame]:
        factor = choose(recipe, clip.name).blur
        changed = (
            Frame(frame.time, blurred(frame.image, factor, recipe.release)) for frame in frames
        )
        return (
            encoding.seen_again(changed, video.tracks(clip.path)[1]) if recipe.release else changed
        )

    if not recipe.release:
        return Change(audio, images, recipe.manifest())
    manifest = {**recipe.manifest(), "codecs": list(encoding.RELEASE_CODECS)}
    return Change(audio, images, manifest, needs_all=True)


def write_choices(out: pathlib.Path, recipe: Recipe, clips: Iterable[Clip]) -> None:
    """Writes what is drawn for each clip of an extraction, in the order of their names."""
    rows = []
    for name in sorted(clip.name for clip in clips):
        choice = choose(recipe, name)
        rows.append((name, "" if choice.snr is None else str(choice.snr), str(choice.blur)))
    files.write_csv(out / CHOICES, ("name", "snr", "blur"), rows)


def rms(samples_S: np.ndarray) -> float:
    """The root of the mean square, which the ratio of the SNR is of; 0 for none."""
    if not len(samples_S):
        return 0.0
    return float(np.sqrt(np.mean(np.square(samples_S, dtype=np.float64))))


def fingerprint(folder: pathlib.Path) -> str:
    """The hash of a folder of noise: its files' names and sizes."""
    digest = hashlib.sha256()
    for name in files_of(folder):
        digest.update(f"{name}\0{(folder / name).stat().st_size}\n".encode())
    return digest.hexdigest()


@functools.cache
def files_of(folder: pathlib.Path) -> tuple[str, ...]:
    """The audio files of a folder and the folders in it, sorted; InputError without any."""
    from mer_jax.extraction.media import SUFFIXES

    if not folder.is_dir():
        raise InputError(f"--noise: no folder {folder}")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    names = sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())
    if not names:
        raise InputError(f"--noise: {folder} holds no audio file; name a folder of speech")
    return tuple(names)


@functools.lru_cache(maxsize=64)  # files of noise are short, and drawn again and again
def _samples(path: pathlib.Path) -> np.ndarray:
    from mer_jax.extraction import audio

    try:
        samples_S = audio.read(path)
    except MediaError as error:
        raise InputError(f"--noise: {path}: {error}") from None
    samples_S.flags.writeable = False
    return samples_S


def _noise(recipe: Recipe, name: str, length: int) -> tuple[tuple[str, ...], int, np.ndarray]:
    """The files that are drawn for a clip, where in them the noise begins, and its samples."""
    names = files_of(recipe.noise)
    rng = _generator(recipe, name, "noise")
    for _ in range(_DRAWS):
        chosen, parts, total = [], [], 0
        while total <= length:
            chosen.append(names[rng.integers(len(names))])
            parts.append(_samples(recipe.noise / chosen[-1]))
            total += len(parts[-1])
        start = int(rng.integers(total - length))
        noise = np.concatenate(parts)[start : start + length].astype(np.float64)
        if rms(noise) > 0:
            return tuple(chosen), start, noise
    raise MediaError(f"--noise: {_DRAWS} stretches drawn from {recipe.noise} are all silent")


def _generator(recipe: Recipe, name: str, of: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the clip's name alone."""
    digest = hashlib.sha256(f"{recipe.seed}\0{name}\0{of}".encode()).digest()
    return np.random.default_rng(list(np.frombuffer(digest, np.uint32)))
