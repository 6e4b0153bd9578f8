"""Writes a clip's images and samples as a media file."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from mer_jax import extras, files
from mer_jax.extraction import audio, media, video
from mer_jax.extraction.record import SAMPLE_RATE, Frame, MediaError

_CLOCK = Fraction(1, 90_000)  # seconds; of the times that are kept
# Near enough to what was decoded that nothing but the corruption counts; the paper names no codec.
_CODEC, _QUALITY = "libx264", {"crf": "12", "preset": "veryfast"}
_AUDIO_CODEC = "alac"  # lossless
RELEASE_CODECS = "mpeg4", "aac"  # of MER-NOISE as the challenge gave it
_PACKET = 1024  # samples


def save(
    folder: pathlib.Path,
    name: str,
    frames: Iterable[Frame],
    samples_S: np.ndarray | None,
    rate: Fraction | None,
    release: bool = False,
) -> pathlib.Path:
    """Writes a clip, whole or not at all: NAME.mp4, or NAME.wav of one without images (`rate`).

    Gives its path.
    """
    target = folder / f"{name}.{'mp4' if rate else 'wav'}"
    with files.folder_beside(target, "writing") as beside:
        path = beside / target.name
        if rate:
            write(path, frames, samples_S, rate, release)
        else:
            soundfile = extras.load("soundfile", "extract", "writing audio")
            soundfile.write(path, samples_S, SAMPLE_RATE, subtype="PCM_16")
        path.replace(target)
    return target


def write(
    path: pathlib.Path,
    frames: Iterable[Frame] | None,
    samples_S: np.ndarray | None,
    rate: Fraction,
    release: bool = False,
) -> None:
    """Writes images, or None, and samples [S] of SAMPLE_RATE, or None, as an mp4.

    Images keep their times, which decide, not `rate` (images a second), and their size, odd or
    even; what is encoded is near what is given, and the samples are kept but for 16 bits. With
    `release` as MER 2023's code does: MPEG-4 part 2 at a constant rate, AAC.
    """
    av = media.load_decoder(path)
    with av.open(str(path), "w", format="mp4") as container:
        pictures = None if frames is None else _pictures(av, container, frames, rate, release)
        if pictures is not None:
            next(pictures)  # the stream is there before anything is written
        if samples_S is not None:
            codec = RELEASE_CODECS[1] if release else _AUDIO_CODEC
            sound = container.add_stream(codec, rate=SAMPLE_RATE, layout="mono")
            for packet in _sound_packets(av, sound, samples_S):
                container.mux(packet)
        for packet in pictures or ():
            container.mux(packet)


def heard_again(samples_S: np.ndarray) -> np.ndarray:
    """The samples as they come out of a file of the release's."""
    with tempfile.TemporaryDirectory(prefix="mer_jax-") as folder:
        path = pathlib.Path(folder) / "sound.mp4"
        write(path, None, samples_S, Fraction(1), release=True)
        return audio.read(path)


def seen_again(frames: Iterable[Frame], rate: Fraction) -> Iterator[Frame]:
    """The images as they come out of a file of the release's, at its times."""
    with tempfile.TemporaryDirectory(prefix="mer_jax-") as folder:
        path = pathlib.Path(folder) / "images.mp4"
        write(path, frames, None, rate, release=True)
        yield from video.read(path)


def _pictures(
    av: Any, container: Any, frames: Iterable[Frame], rate: Fraction, release: bool
) -> Iterator[Any]:
    """Adds the stream of the images, gives nothing once, and then its packets."""
    left = iter(frames)
    first = next(left, None)
    if first is None:
        raise MediaError("holds no image")
    images = container.add_stream(
        RELEASE_CODECS[0] if release else _CODEC, rate=rate, options={} if release else _QUALITY
    )
    height, width = first.image.shape[:2]
    images.width, images.height = width, height
    # Halved colour planes need even sides.
    is_even = width % 2 == 0 and height % 2 == 0
    images.pix_fmt = "yuv420p" if release or is_even else "yuv444p"
    images.codec_context.thread_count = 1  # the bits depend on no number of cores
    clock = 1 / rate if release else _CLOCK
    images.codec_context.time_base = clock
    yield None
    last = -1
    for number, frame in enumerate(_chain(first, left)):
        picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24").reformat(
            format=images.pix_fmt
        )
        last = max(last + 1, number if release else round(frame.time / clock))
        picture.pts, picture.time_base = last, clock
        yield images.encode(picture)
    yield images.encode(None)


def _chain(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _sound_packets(av: Any, stream: Any, samples_S: np.ndarray) -> Iterator[Any]:
    whole = np.clip(np.rint(samples_S * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
    resampler = av.AudioResampler(stream.codec_context.format, "mono", SAMPLE_RATE)
    for start in range(0, len(whole), _PACKET):
        block = np.ascontiguousarray(whole[None, start : start + _PACKET])
        frame = av.AudioFrame.from_ndarray(block, format="s16p", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        frame.time_base = Fraction(1, SAMPLE_RATE)
        for each in resampler.resample(frame):
            yield from stream.encode(each)
    yield from stream.encode(None)
