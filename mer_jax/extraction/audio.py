"""A clip's audio: any file's samples as one channel of 16 kHz."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from mer_jax import extras
from mer_jax.extraction import media
from mer_jax.extraction.media import Packets
from mer_jax.extraction.record import SAMPLE_RATE, MediaError

# What libsndfile reads in less time than FFmpeg; it knows neither mp4 nor AAC.
_SNDFILE = (".flac", ".ogg", ".wav", ".aiff")
_BLOCK = 1 << 18  # samples of each channel that are in memory at a time
_QUALITY = "HQ"  # of soxr


def read(path: pathlib.Path, packets: Packets | None = None) -> np.ndarray:
    """The first audio track as float32 [S] at SAMPLE_RATE, in [-1, 1].

    Channels are averaged: FFmpeg's own mixing of float samples makes two equal ones louder by the
    root of two. Integers are divided by their type's largest magnitude. `packets` counts what is
    lost. Raises MediaError where there is no audio or too much of it is damaged.
    """
    packets = Packets() if packets is None else packets
    extras.load("soxr", "extract", f"{path.name}: decoding")
    if path.suffix.lower() in _SNDFILE and (samples_S := _with_sndfile(path)) is not None:
        return _checked(samples_S)
    with media.opened(path) as container:
        if not container.streams.audio:
            raise MediaError("holds no audio")
        samples_S = _resampled(_mono_frames(container, container.streams.audio[0], packets))
    packets.check("audio")
    return _checked(samples_S)


def delay(path: pathlib.Path) -> float:
    """Seconds from a file's beginning to its first audio track's, such as a broadcast has."""
    with media.opened(path) as container:
        stream = container.streams.audio[0] if container.streams.audio else None
        if stream is None or stream.start_time is None or container.start_time is None:
            return 0.0
        start = float(stream.start_time * stream.time_base)
        return max(0.0, start - container.start_time / media.MICROSECONDS)


def _with_sndfile(path: pathlib.Path) -> np.ndarray | None:
    """The samples as libsndfile reads them; None where it cannot: FFmpeg may."""
    soundfile = extras.load("soundfile", "extract", f"{path.name}: decoding")
    media.check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            blocks = file.blocks(_BLOCK, dtype="float32", always_2d=True)
            return _resampled((rate, block_SxC.mean(axis=1)) for block_SxC in blocks)
    except (soundfile.SoundFileError, OSError, ValueError):
        return None


def _mono_frames(container: Any, stream: Any, packets: Packets) -> Iterator[tuple[int, np.ndarray]]:
    """The rate and the samples [S] of each of FFmpeg's frames, channels averaged."""
    for frame in media.frames(container, stream, packets):
        if frame.samples and frame.rate:
            yield frame.rate, _mono(frame)


def _mono(frame: Any) -> np.ndarray:
    """The mean of a frame's channels as float32 [S]."""
    samples = frame.to_ndarray()  # [C, S] of planar formats, [1, S x C] of packed ones
    if not frame.format.is_planar:
        samples = samples.reshape(frame.samples, -1).T
    if samples.dtype.kind == "f":
        return samples.mean(axis=0, dtype=np.float32)
    # Unsigned bytes have their zero in the middle.
    middle = 128 if samples.dtype == np.uint8 else 0
    largest = 2.0 ** (8 * samples.itemsize - 1)
    return ((samples.mean(axis=0, dtype=np.float64) - middle) / largest).astype(np.float32)


def _resampled(frames: Iterator[tuple[int, np.ndarray]]) -> np.ndarray:
    """All samples at SAMPLE_RATE; the rate may change on the way, as in files strung together."""
    import soxr

    found, rate, stream = [], None, None
    for rate_now, samples_S in frames:
        if rate_now != rate:
            if stream is not None:
                found.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
            rate, stream = rate_now, None
            if rate != SAMPLE_RATE:
                stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", _QUALITY)
        found.append(samples_S if stream is None else stream.resample_chunk(samples_S))
    if stream is not None:
        found.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def _checked(samples_S: np.ndarray) -> np.ndarray:
    if not len(samples_S):
        raise MediaError("its audio holds no samples")
    if not np.isfinite(samples_S).all():
        raise MediaError("its audio holds samples that are NaN or infinite")
    return np.clip(samples_S, -1.0, 1.0, out=samples_S)
