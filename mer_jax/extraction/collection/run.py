"""Collects clips out of videos: one video after another, each with its list whole or not at all."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from mer_jax import files
from mer_jax.data import label_csv
from mer_jax.errors import InputError, counted
from mer_jax.extraction import audio, calls, encoding, video
from mer_jax.extraction.collection import persons, pieces, speakers, subtitles, voice
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.collection.rules import ANY, AUTO, SUBTITLES, VOICE, Rules, VoiceRules
from mer_jax.extraction.faces import Detector
from mer_jax.extraction.record import SAMPLE_RATE, Clip, Frame, MediaError
from mer_jax.extraction.writer import Failures, keep_recipe
from mer_jax.observer import Count, uncounted

PIECES, CLIPS, MEDIA = "pieces.csv", "clips.csv", "clips"
RECIPE, VOICE_RECIPE = "collection.json", "voice.json"
HEADER = ("name", "start", "end", "speaker", "text", "kept", "reason", "merged")
_LISTS = "pieces"  # the folder with each video's own list: a video that has one is done
_CLIPS_HEADER = ("name", "speaker", "text")
_SET = "video"  # in failures.csv
_YES, _NO = "yes", "no"
_VOICE = VoiceRules()


@dataclasses.dataclass(frozen=True)
class Tools:
    """The models: of the detectors those that are needed."""

    embedder: speakers.Embedder
    voice: voice.Detector | None = None
    faces: Detector | None = None
    recogniser: persons.Recogniser | None = None

    def manifest(self) -> dict[str, Any]:
        """What tells these models from others: JSON, null of those that are not needed."""
        tools = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: tool and tool.manifest() for name, tool in tools.items()}


class Row(NamedTuple):
    """A piece as the list has it."""

    name: str
    start: str  # seconds
    end: str
    speaker: str
    text: str
    kept: str  # yes or no
    reason: str  # why it was dropped
    merged: str  # of how many pieces it was made


def sources(
    videos: Sequence[Clip], folder: pathlib.Path, rules: Rules
) -> dict[str, pathlib.Path | None]:
    """The subtitles that each video is cut by: a file, or else the video with a track; None: voice.

    Raises InputError where the rules want subtitles and a video has none, and where nothing that
    reads them is installed.
    """
    if rules.cut == VOICE:
        return {clip.name: None for clip in videos}
    found = {clip.name: subtitles.find(folder, clip.name) for clip in videos}
    for clip in videos:
        if found[clip.name] is None and subtitles.has_track(clip.path):
            found[clip.name] = clip.path
    for name, path in found.items():
        if path is not None and path.suffix.lower() in subtitles.SUFFIXES:
            subtitles.load_reader(path)
        if path is None and rules.cut != AUTO:
            raise InputError(
                f"--cut={SUBTITLES}: {folder} holds no {name}{subtitles.SUFFIXES[0]} "
                f"({', '.join(subtitles.SUFFIXES)}), and the video has no track of them; "
                f"--cut={AUTO} cuts such videos by voice"
            )
    return found


def run(
    videos: Sequence[Clip],
    cut_by: dict[str, pathlib.Path | None],
    tools: Tools,
    rules: Rules,
    out: pathlib.Path,
    *,
    workers: int | None = None,
    count: Count = uncounted,
) -> dict[str, str]:
    """Cuts each video and writes its pieces' list and the clips that are kept.

    A video that has its list in `out` is passed over. Gives the videos that failed, each with its
    reason; failures.csv lists them.

    Raises InputError where `out` was begun with other rules or models.
    """
    models = tools.manifest()
    by_voice = models.pop("voice")
    keep_recipe(out / RECIPE, {"rules": rules.manifest(), "models": models})
    if by_voice:  # apart: the first videos may all have subtitles, and later ones none
        keep_recipe(out / VOICE_RECIPE, {"voice": by_voice, "rules": dataclasses.asdict(_VOICE)})
    failures = Failures(out)
    todo = [clip for clip in videos if not _list(out, clip.name).is_file()]
    with count("collecting", len(todo)) as tell:
        for clip in todo:
            try:
                rows = _collect(clip, cut_by[clip.name], tools, rules, out / MEDIA, workers)
            except Exception as error:
                if _ends_all(error):
                    raise
                failures.add(_SET, clip.name, str(calls.media_error(error)))
            else:
                files.write_csv(_list(out, clip.name), HEADER, rows)
                failures.drop(_SET, [clip.name])
            failures.write()
            tell(1)
    rows = [row for clip in videos for row in read_rows(_list(out, clip.name))]
    kept = [(row.name, row.speaker, row.text) for row in rows if row.kept == _YES]
    files.write_csv(out / PIECES, HEADER, rows)
    files.write_csv(out / CLIPS, _CLIPS_HEADER, kept)
    failed = failures.of(_SET)
    return {clip.name: failed[clip.name] for clip in videos if clip.name in failed}


def _ends_all(error: Exception) -> bool:
    """Whether an error is not a video's own: a wrong model, or a full disk."""
    if isinstance(error, OSError):
        return error.errno in files.REFUSALS
    return isinstance(error, InputError) and not isinstance(error, MediaError)


def _list(out: pathlib.Path, name: str) -> pathlib.Path:
    return out / _LISTS / f"{name}.csv"


def read_rows(path: pathlib.Path) -> list[Row]:
    """The rows of a list of pieces; none where there is no such file."""
    if not path.is_file():
        return []
    header, rows = label_csv.read_cells(path)
    if tuple(header) != HEADER:
        raise InputError(f"{path}: not a list of pieces; remove it")
    return [Row(*cells) for _, cells in rows]


def _collect(
    clip: Clip,
    lines: pathlib.Path | None,
    tools: Tools,
    rules: Rules,
    out: pathlib.Path,
    workers: int | None,
) -> list[Row]:
    """Cuts a video: its rows, once the clips that are kept are written."""
    samples_S = np.pad(audio.read(clip.path), (round(audio.delay(clip.path) * SAMPLE_RATE), 0))
    found = _pieces(clip.name, samples_S, lines, tools, rules)
    names = [f"{clip.name}_{number + 1:04d}" for number in range(len(found))]
    _remove(clip.name, out)
    look = threading.Lock()  # a network of OpenCV's serves one thread at a time

    def treated(name: str, piece: Piece) -> str:
        """Why a piece is dropped; the one that is not is written."""
        reason = pieces.length_fault(piece, rules)
        if not reason and rules.persons != ANY:
            reason = persons.fault(
                clip.path, piece, tools.faces, tools.recogniser, rules, look=look
            )
        if not reason:
            _write(clip.path, samples_S, out, name, piece)
        return reason

    with ThreadPoolExecutor(workers, "collection") as pool:
        try:
            reasons = list(pool.map(treated, names, found))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [
        Row(
            name,
            f"{piece.start:.3f}",
            f"{piece.end:.3f}",
            piece.speaker,
            piece.text,
            _NO if reason else _YES,
            reason,
            str(piece.merged),
        )
        for name, piece, reason in zip(names, found, reasons, strict=True)
    ]


def _remove(name: str, out: pathlib.Path) -> None:
    """Removes clips of a video that were written before, perhaps of other pieces."""
    numbered = re.compile(rf"{re.escape(name)}_\d{{4,}}\.(mp4|wav)")
    for path in out.iterdir() if out.is_dir() else ():
        if numbered.fullmatch(path.name):
            path.unlink()


def _pieces(
    name: str, samples_S: np.ndarray, lines: pathlib.Path | None, tools: Tools, rules: Rules
) -> list[Piece]:
    """The pieces of a video, merged and each with its speaker."""
    seconds = len(samples_S) / SAMPLE_RATE
    if lines is None:
        found = voice.pieces(samples_S, tools.voice, _VOICE)
    else:
        found = [
            dataclasses.replace(piece, start=min(piece.start, seconds), end=min(piece.end, seconds))
            for piece in subtitles.read(lines)
        ]
    if not found:
        return []
    embedder = tools.embedder
    similarity = embedder.similarity if rules.similarity is None else rules.similarity
    vectors_PxD = embedder.vectors(speakers.voices_of(found, samples_S))

    def alike(one: int, other: int) -> bool:
        return embedder.alike(vectors_PxD[one], vectors_PxD[other]) >= similarity

    merged, members = pieces.merge(found, alike, rules)
    means_PxD = np.stack([vectors_PxD[each].mean(axis=0) for each in members])
    return speakers.named(merged, means_PxD, embedder, similarity, f"{name}_")


def _write(
    path: pathlib.Path, samples_S: np.ndarray, out: pathlib.Path, name: str, piece: Piece
) -> None:
    """Cuts a piece out of a video, as a file of its own whose times begin at 0."""
    _, rate = video.tracks(path)
    images = (
        Frame(frame.time - piece.start, frame.image)
        for frame in video.read(path, begin=piece.start, end=piece.end)
    )
    (voice_S,) = speakers.voices_of([piece], samples_S)
    encoding.save(out, name, images, voice_S, rate)


def summary(videos: Sequence[Clip], out: pathlib.Path) -> list[str]:
    """What was done, a line each: videos, pieces, and why pieces were dropped."""
    rows = read_rows(out / PIECES)
    kept = sum(row.kept == _YES for row in rows)
    reasons: dict[str, int] = {}
    for row in rows:
        if row.kept != _YES:
            kind = row.reason.partition(":")[0]
            reasons[kind] = reasons.get(kind, 0) + 1
    dropped = ", ".join(f"{number} {kind}" for kind, number in sorted(reasons.items()))
    return [
        f"{counted(len(videos), 'video')}: {counted(len(rows), 'piece')}, {kept} kept"
        + (f"; dropped: {dropped}" if dropped else ""),
        f"Clips: {out / MEDIA}; their list: {out / CLIPS}; every piece: {out / PIECES}",
    ]
