"""Writes corrupted clips as media files: noise in their audio, blurred images, choices in a CSV."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from mer_jax import files
from mer_jax.data import label_csv
from mer_jax.errors import InputError
from mer_jax.extraction import audio, calls, corruption, encoding, video
from mer_jax.extraction.corruption import CHOICES, Recipe
from mer_jax.extraction.record import Clip, Frame, MediaError
from mer_jax.extraction.writer import Failures, keep_recipe
from mer_jax.observer import Count, uncounted

RECIPE = "corruption.json"
_HEADER = ("name", "file", "snr", "blur", "noise", "start", "gain", "scale")
_SET = "media"  # in failures.csv
_BETWEEN = ";"  # of the noise files in a cell


def run(
    recipe: Recipe,
    clips: Sequence[Clip],
    out: pathlib.Path,
    *,
    workers: int | None = None,
    count: Count = uncounted,
) -> dict[str, str]:
    """Writes each clip's corrupted file into `out`, whole or not, but those that lie there.

    A clip with images becomes NAME.mp4, one without NAME.wav. What was drawn for each stands in
    corruption.csv. Gives the clips that failed, each with its reason; failures.csv lists them.

    Raises InputError where `out` holds files of another recipe, and for a folder without noise.
    """
    corruption.files_of(recipe.noise)
    keep_recipe(out / RECIPE, recipe.manifest())
    rows = _read_choices(out)
    failures = Failures(out)
    tasks = [clip for clip in clips if clip.name not in rows]
    with ThreadPoolExecutor(workers, "corruption") as pool:
        try:
            answers = pool.map(lambda clip: _answer(recipe, clip, out), tasks)
            with count("corrupting", len(tasks)) as tell:
                for clip, answer in zip(tasks, answers, strict=True):
                    if isinstance(answer, MediaError):
                        failures.add(_SET, clip.name, str(answer))
                    else:
                        rows[clip.name] = answer
                        failures.drop(_SET, [clip.name])
                    tell(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            if rows:
                files.write_csv(out / CHOICES, _HEADER, [rows[name] for name in sorted(rows)])
            failures.write()
    failed = failures.of(_SET)
    return {clip.name: failed[clip.name] for clip in clips if clip.name in failed}


def _read_choices(out: pathlib.Path) -> dict[str, tuple[str, ...]]:
    """The rows of the clips that lie there, by name."""
    path = out / CHOICES
    if not path.is_file():
        return {}
    header, rows = label_csv.read_cells(path)
    if tuple(header) != _HEADER:
        raise InputError(f"{path}: not a list of what was drawn; remove it")
    return {cells[0]: tuple(cells) for _, cells in rows if (out / cells[1]).is_file()}


def _answer(recipe: Recipe, clip: Clip, out: pathlib.Path) -> tuple[str, ...] | MediaError:
    try:
        return _write(recipe, clip, out)
    except InputError as error:
        if not isinstance(error, MediaError):
            raise
        return error
    except Exception as error:
        return calls.media_error(error)


def _write(recipe: Recipe, clip: Clip, out: pathlib.Path) -> tuple[str, ...]:
    """Writes a clip's file; its row of the choices."""
    if clip.path is None:
        raise MediaError("no media file has this name")
    has_audio, rate = video.tracks(clip.path)
    choice = corruption.choose(recipe, clip.name)
    mixed = corruption.mix(recipe, clip.name, audio.read(clip.path)) if has_audio else None
    images = (
        ()
        if rate is None
        else (
            Frame(frame.time, corruption.blurred(frame.image, choice.blur, recipe.release))
            for frame in video.read(clip.path)
        )
    )
    samples_S = None if mixed is None else mixed.samples
    target = encoding.save(out, clip.name, images, samples_S, rate, recipe.release)
    said = ("", "", "", "", "")
    if mixed is not None:
        said = (str(choice.snr), _BETWEEN.join(mixed.noise), str(mixed.start),
                str(mixed.gain), str(mixed.scale))  # fmt: skip
    blur = str(choice.blur) if rate else ""
    return (clip.name, target.name, said[0], blur, *said[1:])


def summary(failed: Mapping[str, str], clips: Sequence[Clip], out: pathlib.Path) -> str:
    """What was done, in a line."""
    done = len(clips) - len(failed)
    return f"{done} of {len(clips)} clips: {out}; what was drawn: {out / CHOICES}"
