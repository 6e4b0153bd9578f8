"""Media files: opened, and decoded packet by packet, so that a damaged one costs only itself."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

from mer_jax import extras
from mer_jax.extraction.record import MediaError

AUDIO_SUFFIXES = (".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav", ".wma", ".aiff", ".amr")
VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
)
SUFFIXES = AUDIO_SUFFIXES + VIDEO_SUFFIXES
MICROSECONDS = 1e6  # a second's, in which FFmpeg says when a file begins
_MOST_LOST = 0.5  # of a stream's packets; with more of them lost the clip is taken for damaged
# A file is read for what it holds, never as a list of other files or addresses to open.
_OPTIONS = {"protocol_whitelist": "file"}


@dataclasses.dataclass
class Packets:
    """How many packets of a stream were read, and how many of them could not be decoded."""

    read: int = 0
    lost: int = 0

    def check(self, what: str) -> None:
        """Raises MediaError where too much is lost; `what` was decoded."""
        if self.lost > _MOST_LOST * self.read:
            raise MediaError(f"{self.lost} of {self.read} packets of its {what} are damaged")


def load_decoder(path: pathlib.Path) -> Any:
    """PyAV's module; InputError where it is not installed."""
    return extras.load("av", "extract", f"{path.name}: decoding")


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Any]:
    """PyAV's container of a media file; MediaError where it cannot be opened."""
    av = load_decoder(path)
    check_file(path)
    try:
        # "file:" since a colon in a name would else be taken for the end of a protocol's.
        container = av.open(f"file:{path}", options=_OPTIONS, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"not a readable media file: {_reason(error)}") from None
    with container:
        yield container


def check_file(path: pathlib.Path) -> None:
    """Raises MediaError for what is no file, holds nothing or may not be read."""
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise MediaError("an empty file")
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror}") from None


def frames(container: Any, stream: Any, packets: Packets) -> Iterator[Any]:
    """The decoded frames of a stream, in order; `packets` counts what is read and lost.

    A packet that cannot be decoded is passed over, as ffmpeg's own program does. Where the
    container breaks off, so do the frames.
    """
    av = load_decoder(pathlib.Path(container.name))
    demuxed = container.demux(stream)
    while True:
        try:
            packet = next(demuxed, None)
        except (av.error.FFmpegError, OSError):
            packets.read += 1
            packets.lost += 1
            return
        if packet is None:
            return
        packets.read += packet.size > 0  # the last one is empty: it flushes the decoder
        try:
            yield from packet.decode()
        except (av.error.FFmpegError, ValueError):
            packets.lost += packet.size > 0


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).partition("\n")[0]
