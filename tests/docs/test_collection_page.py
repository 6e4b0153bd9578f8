"""The commands of docs/collection.md: the command line takes them, and they run."""

import pathlib
import re
import shlex

import numpy as np
import pytest

from mer_jax import command_line
from mer_jax.extraction import faces
from mer_jax.extraction.collection import subtitles, voice
from tests.support import long_video

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "collection.md"


def test_the_page_runs(tmp_path, monkeypatch):
    """With a made-up video, and detectors of its faces and voices in the place of the models."""
    pytest.importorskip("av", reason="the extra extract is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(voice, "find_weights", lambda given: given)
    monkeypatch.setattr(voice, "Silero", lambda weights: long_video.voice)
    monkeypatch.setattr(faces, "find_weights", lambda models: models)
    monkeypatch.setattr(faces, "YuNet", lambda weights: long_video.faces)
    (tmp_path / "weights").mkdir()
    long_video.write(tmp_path / "videos" / "film.mp4")
    commands = re.findall(r"^    python -m mer_jax\.main (.*)$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        mode, arguments = command_line.parse(["mer_jax", *shlex.split(command)])
        mode.run(arguments)
    for name in ("clips.csv", "pieces.csv", "collection.json", "pieces/film.csv"):
        assert (tmp_path / "collected" / name).is_file(), name
    kept = sorted(path.stem for path in (tmp_path / "collected" / "clips").iterdir())
    assert kept
    for name in kept:
        features = tmp_path / "my_corpus" / "features" / "mel-statistics-UTT" / f"{name}.npy"
        assert np.load(features).ndim == 1


def test_the_page_lists_every_flag_column_and_suffix():
    text = PAGE.read_text()
    for flag in command_line.modes.MODES["collect"].flags:
        assert f"--{flag.name}=" in text, flag.name
    for suffix in subtitles.SUFFIXES:
        assert f"{suffix}`" in text, suffix
    from mer_jax.extraction.collection import persons, pieces, run

    assert ",".join(run.HEADER) in text
    for reason in (pieces.TOO_SHORT, pieces.TOO_LONG, persons.NO_FACE, persons.SEVERAL_FACES,
                   persons.SEVERAL_PERSONS):  # fmt: skip
        assert f"`{reason}`" in text
