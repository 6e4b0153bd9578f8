"""Subtitles of a video: files of SubRip, WebVTT, ASS and others, or a track in the video itself."""

from __future__ import annotations

import codecs
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from mer_jax import extras
from mer_jax.errors import InputError, first_few
from mer_jax.extraction import media
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.record import MediaError

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".ttml", ".sami")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")  # WebVTT: <v.loud Anna>
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_OVERRIDE = re.compile(r"\{[^}]*\}")  # ASS: {\i1}
_BREAK = re.compile(r"\\[Nnh]")
_DRAWING = re.compile(r"\{[^}]*\\p[1-9]")
_STYLE_FIELDS = 8  # of a line of ASS as FFmpeg gives it, before its text; the fourth is the name
_BITMAPS = ("dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "xsub")  # pictures of text
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find(folder: pathlib.Path, video: str) -> pathlib.Path | None:
    """The subtitles of a video, `<video>.srt` or another suffix, in a folder or the folders in it.

    Raises InputError where there are two files.
    """
    found = sorted(
        pathlib.Path(at, name)
        for at, _, names in os.walk(folder)
        for name in names
        if os.path.splitext(name)[0] == video and name.lower().endswith(SUFFIXES)
    )
    if len(found) > 1:
        raise InputError(
            f"the video {video!r} has {len(found)} files of subtitles: {first_few(found)}; leave "
            "one of them there"
        )
    return found[0] if found else None


def load_reader(path: pathlib.Path) -> Any:
    """pysubs2's module; InputError where it is not installed."""
    return extras.load("pysubs2", "collect", f"{path.name}: reading subtitles")


def has_track(path: pathlib.Path) -> bool:
    """Whether a video has a track of subtitles that are text; False for what is no video."""
    try:
        with media.opened(path) as container:
            return _track(container) is not None
    except MediaError:
        return False


def read(path: pathlib.Path) -> list[Piece]:
    """A piece for each line of subtitles that says something, in the order of their times.

    `path` is a file of subtitles, or a video with a track of them, of which the first is read. A
    line's speaker is what ASS calls its name, or WebVTT its voice. Comments, drawings and a line
    that stands there twice, as styled ones do, are left out.

    Raises MediaError for what holds no subtitles.
    """
    is_file = path.name.lower().endswith(SUFFIXES)
    lines = _of_file(path) if is_file else _of_track(path)
    found = {(line.start, line.end, line.text): line for line in lines if line.text}
    if not found:
        raise MediaError(f"{path}: holds no subtitles")
    return [found[key] for key in sorted(found)]


def _of_file(path: pathlib.Path) -> Iterator[Piece]:
    pysubs2 = load_reader(path)
    try:
        events = pysubs2.SSAFile.from_string(_text(path), keep_unknown_html_tags=True)
    except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError) as error:
        reason = str(error).partition("\n")[0]
        raise MediaError(f"{path}: not subtitles that can be read: {reason}") from None
    for event in events:
        if event.is_comment or event.is_drawing or event.end <= event.start:
            continue
        voice = _VOICE.search(event.plaintext)
        text = " ".join(_TAG.sub("", event.plaintext).split())
        speaker = event.name.strip() or (voice[1].strip() if voice else "")
        yield Piece(event.start / 1000, event.end / 1000, text, speaker)


def _track(container: Any) -> Any:
    """The first track of subtitles that are text; None without one."""
    tracks = container.streams.subtitles
    return next((each for each in tracks if each.codec_context.name not in _BITMAPS), None)


def _of_track(path: pathlib.Path) -> Iterator[Piece]:
    with media.opened(path) as container:
        track = _track(container)
        if track is None:
            return
        begins = (container.start_time or 0) / media.MICROSECONDS
        for packet in container.demux(track):
            if not packet.size or packet.pts is None or not packet.duration:
                continue
            start = float(packet.pts * packet.time_base) - begins
            end = start + float(packet.duration * packet.time_base)
            for line in packet.decode():
                *fields, styled = line.ass.decode(errors="replace").split(",", _STYLE_FIELDS)
                if len(fields) < _STYLE_FIELDS or _DRAWING.search(styled):
                    continue
                text = _BREAK.sub(" ", _OVERRIDE.sub("", styled))
                yield Piece(max(0.0, start), end, " ".join(text.split()), fields[3].strip())


def _text(path: pathlib.Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MediaError(f"{path}: not text in UTF-8; save it as UTF-8") from None
