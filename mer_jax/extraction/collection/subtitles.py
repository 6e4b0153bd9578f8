"""Subtitles of a video: SubRip, WebVTT, ASS and others, as pysubs2 reads them."""

from __future__ import annotations

import codecs
import os
import pathlib
import re

from mer_jax import extras
from mer_jax.errors import InputError, first_few
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.record import MediaError

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".ttml", ".sami")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")  # WebVTT: <v.loud Anna>
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find(folder: pathlib.Path, video: str) -> pathlib.Path | None:
    """The subtitles of a video, `<video>.srt` or another suffix, in a folder or the folders in it.

    Raises InputError where there are two.
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


def read(path: pathlib.Path) -> list[Piece]:
    """A piece for each line of subtitles that says something, in the order of their times.

    A line's speaker is what ASS calls its name, or WebVTT its voice. Comments, drawings and a line
    that stands there twice, as styled ones do, are left out.

    Raises MediaError for what is no file of subtitles.
    """
    pysubs2 = extras.load("pysubs2", "collect", f"{path.name}: reading subtitles")
    try:
        events = pysubs2.SSAFile.from_string(_text(path), keep_unknown_html_tags=True)
    except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError) as error:
        reason = str(error).partition("\n")[0]
        raise MediaError(f"{path}: not subtitles that can be read: {reason}") from None
    found = {}
    for event in events:
        if event.is_comment or event.is_drawing or event.end <= event.start:
            continue
        voice = _VOICE.search(event.plaintext)
        text = " ".join(_TAG.sub("", event.plaintext).split())
        speaker = event.name.strip() or (voice[1].strip() if voice else "")
        if text:
            found[event.start, event.end, text] = Piece(
                event.start / 1000, event.end / 1000, text, speaker
            )
    if not found:
        raise MediaError(f"{path}: holds no subtitles")
    return [found[key] for key in sorted(found)]


def _text(path: pathlib.Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MediaError(f"{path}: not text in UTF-8; save it as UTF-8") from None
