"""A clip's images: upright, in colour, each with its time."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from mer_jax.extraction import media
from mer_jax.extraction.media import Packets
from mer_jax.extraction.record import Frame, MediaError

_QUARTER = 90  # degrees
# Seconds before a wanted time to which a file is wound, so that a whole image lies between: the
# first that does. Some kinds land where they like.
_BEFORE = (2.0, 10.0)
_PLAIN_RATE = 25.0  # frames a second, where neither a frame nor its stream says when it is shown


def read(
    path: pathlib.Path,
    every: int = 1,
    packets: Packets | None = None,
    *,
    begin: float = 0.0,
    end: float = math.inf,
) -> Iterator[Frame]:
    """The images of the first video track, every `every`-th of them, one in memory at a time.

    With `begin` and `end` those of the stretch [begin, end) of seconds, of which there may be none.
    Times are the file's own, from its beginning: frames need not be evenly spaced. The rotation
    that a phone writes is applied; an alpha channel is left out. Raises MediaError where there is
    no video or too much of it is damaged, in the end or at once.
    """
    packets = Packets() if packets is None else packets
    place = next((begin - each for each in _BEFORE if _winds(path, begin, begin - each)), None)
    with media.opened(path) as container:
        stream = _stream(container)
        start = (container.start_time or 0) / media.MICROSECONDS
        if place is not None:
            _wind(container, place)
        decoded, shown, time = 0, 0, 0.0
        for frame in media.frames(container, stream, packets):
            if frame.time is not None:
                time = frame.time - start
            elif decoded:  # a raw stream has no times
                time += 1 / float(stream.average_rate or stream.base_rate or _PLAIN_RATE)
            decoded += 1
            if time >= end:
                break
            if time < begin:
                continue
            if shown % every == 0:
                yield Frame(time, _upright(frame))
            shown += 1
    if not decoded:
        raise MediaError("its video holds no image that can be decoded")
    packets.check("video")


def _stream(container: Any) -> Any:
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    if not streams:
        raise MediaError("holds no video")
    streams[0].thread_type = "AUTO"
    return streams[0]


def _wind(container: Any, place: float) -> None:
    """Goes on from near a place in seconds; FFmpeg's errors where that cannot be."""
    start = (container.start_time or 0) / media.MICROSECONDS
    container.seek(round((start + place) * media.MICROSECONDS))


def _winds(path: pathlib.Path, begin: float, place: float) -> bool:
    """Whether a file that is wound to `place` goes on with a whole image before `begin`."""
    if place <= 0:
        return False
    av = media.load_decoder(path)
    with media.opened(path) as container:
        stream = _stream(container)
        try:
            _wind(container, place)
        except (av.error.FFmpegError, OSError):
            return False
        first = next(media.frames(container, stream, Packets()), None)
        if first is None or first.time is None or not first.key_frame:
            return False
        return first.time - (container.start_time or 0) / media.MICROSECONDS <= begin


def tracks(path: pathlib.Path) -> tuple[bool, Fraction | None]:
    """Whether a file has audio, and how many images a second; None without images."""
    with media.opened(path) as container:
        streams = [each for each in container.streams.video if not is_cover(each)]
        if not streams and not container.streams.audio:
            raise MediaError("holds neither audio nor video")
        rate = None
        if streams:
            rate = Fraction(streams[0].average_rate or _PLAIN_RATE).limit_denominator(1001)
        return bool(container.streams.audio), rate


def is_cover(stream: Any) -> bool:
    """Whether it is the picture of a song."""
    return bool(stream.disposition & stream.disposition.attached_pic)


def _upright(frame: Any) -> np.ndarray:
    """A frame as RGB uint8 [H, W, 3], rotated as its container says."""
    image_HxWx3 = frame.to_ndarray(format="rgb24")
    turns = round(getattr(frame, "rotation", 0) / _QUARTER) % 4  # counter-clockwise
    return np.ascontiguousarray(np.rot90(image_HxWx3, turns)) if turns else image_HxWx3
