"""Texts of clips that have none: transcribed once, and kept in `transcripts.csv`."""

from __future__ import annotations

import pathlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from mer_jax import environment, files
from mer_jax.data import label_csv
from mer_jax.errors import InputError
from mer_jax.extraction import audio, calls
from mer_jax.extraction.asr import Recogniser
from mer_jax.extraction.record import Change, Clip, MediaError
from mer_jax.extraction.writer import differences, manifest_file
from mer_jax.observer import Count, uncounted

FILE = "transcripts.csv"
_HEADER = ("name", "text")
_MANIFEST = "transcripts"  # its name in manifests/: no feature folder, as these end in a level
_EVERY = 16  # new texts, after which the file is written again


def settings(recogniser: Recogniser, change: Change | None) -> dict[str, Any]:
    """What decides the texts: for the manifests of what is made of them."""
    changed = {} if change is None else {"change": dict(change.manifest)}
    return {**recogniser.manifest, **changed}


def filled(
    recogniser: Recogniser,
    clips: Sequence[Clip],
    out: pathlib.Path,
    change: Change | None = None,
    *,
    workers: int | None = None,
    count: Count = uncounted,
) -> list[Clip]:
    """The clips, those without a text with the one that is heard in them.

    The texts lie in `out`/transcripts.csv; what lies there is not transcribed again. A clip that
    fails says why in `no_text`, and the next start tries it again.

    Args:
      recogniser: gives a clip's text.
      clips: the clips.
      out: the folder of transcripts.csv and manifests/.
      change: of the samples, before they are heard.
      workers: threads that decode, and call a recogniser that may run in several.
      count: told of the clips.

    Raises InputError where `out` has texts that were transcribed otherwise.
    """
    known = _read(out, settings(recogniser, change))
    wanting = [clip for clip in clips if not clip.text.strip()]
    todo = [clip for clip in wanting if clip.name not in known]
    failed: dict[str, str] = {}
    if todo:
        files.write_json(manifest_file(out, _MANIFEST), settings(recogniser, change))
        new = 0
        try:
            with count("transcribing", len(todo)) as tell:
                for name, said in _heard(recogniser, todo, change, workers):
                    if isinstance(said, MediaError):
                        failed[name] = str(said)
                    else:
                        known[name] = said
                        new += 1
                        if new % _EVERY == 0:
                            _write(out, known)
                    tell(1)
        finally:
            if new % _EVERY:
                _write(out, known)
    return [clip if clip.text.strip() else _with_text(clip, known, failed) for clip in clips]


def _with_text(clip: Clip, known: dict[str, str], failed: dict[str, str]) -> Clip:
    if clip.name in failed:
        return clip._replace(no_text=failed[clip.name])
    text = known[clip.name]
    return clip._replace(text=text, is_silent=not text)


def _heard(
    recogniser: Recogniser, clips: Sequence[Clip], change: Change | None, workers: int | None
) -> Iterator[tuple[str, str | MediaError]]:
    """Each clip's text or why there is none, in order; the pool decodes ahead."""
    workers = workers or environment.cores()

    def prepared(clip: Clip) -> Any:
        try:
            if clip.path is None:
                raise MediaError("no media file has this name")
            samples_S = audio.read(clip.path)
            samples_S = samples_S if change is None else change.audio(clip, samples_S)
            return recogniser(samples_S) if recogniser.parallel else samples_S
        except Exception as error:
            return calls.media_error(error)

    with ThreadPoolExecutor(workers, "transcription") as pool:
        waiting: deque[tuple[str, Future]] = deque()
        left = iter(clips)
        try:
            while True:
                while len(waiting) <= workers and (clip := next(left, None)) is not None:
                    waiting.append((clip.name, pool.submit(prepared, clip)))
                if not waiting:
                    return
                name, future = waiting.popleft()
                found = future.result()
                if not isinstance(found, str | MediaError):
                    found = _asked(recogniser, found)
                yield name, found
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _asked(recogniser: Recogniser, samples_S: Any) -> str | MediaError:
    try:
        return recogniser(samples_S)
    except MediaError as error:
        return error
    except InputError:  # no model, or an unknown language: no clip's fault
        raise
    except Exception as error:
        return calls.media_error(error)


def _read(out: pathlib.Path, ours: dict[str, Any]) -> dict[str, str]:
    """The texts that lie there, by clip; InputError where they are not of this recogniser."""
    path, manifest = out / FILE, manifest_file(out, _MANIFEST)
    if manifest.is_file():
        theirs = files.read_json(manifest, {})
        for key, said, value in differences(theirs, ours):
            raise InputError(
                f"{path}: was transcribed with {key} {said!r}, not {value!r} ({manifest}); use "
                "another --out"
            )
    elif path.is_file():
        raise InputError(
            f"{path}: another program wrote it, as no manifest tells; put its texts into the "
            "column text of --clips, and remove it"
        )
    return texts(out)


def texts(out: pathlib.Path) -> dict[str, str]:
    """The texts of `out`/transcripts.csv by clip; none where there is no such file."""
    path = out / FILE
    if not path.is_file():
        return {}
    header, rows = label_csv.read_cells(path)
    if tuple(header) != _HEADER:
        raise InputError(f"{path}: not a list of transcripts; remove it")
    return {cells[0]: cells[1] for _, cells in rows}


def _write(out: pathlib.Path, texts: dict[str, str]) -> None:
    files.write_csv(out / FILE, _HEADER, sorted(texts.items()))
