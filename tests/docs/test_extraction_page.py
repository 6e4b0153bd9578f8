"""The commands of docs/extraction.md: the command line takes them, and they run."""

import importlib.util
import pathlib
import re
import shlex

import numpy as np
import pytest

from mer_jax import command_line, extraction
from mer_jax.extraction import media
from tests.support import media as made
from tests.support.extractors import Loudness, wanted

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extraction.md"


@pytest.fixture
def sets(monkeypatch):
    """The sets of the page; without openSMILE one that only measures loudness, in their place."""
    if importlib.util.find_spec("opensmile") is None:
        found = {name: wanted(name, Loudness()).extractor for name in ("eGeMAPS", "IS09")}
        monkeypatch.setattr(extraction, "EXTRACTORS", found)


def test_the_page_runs(tmp_path, monkeypatch, sets):
    pytest.importorskip("av", reason="the extra extract is not installed")
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        made.write_wav(tmp_path / "clips" / f"{name}.wav", 20_000 * made.tone(0.5))
    (tmp_path / "clips.csv").write_text("name,emotion\na,happy\nb,sad\n")
    commands = re.findall(r"^    python -m mer_jax\.main (.*)$", PAGE.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        mode, arguments = command_line.parse(["mer_jax", *shlex.split(command)])
        mode.run(arguments)
    for name in ("eGeMAPS_UTT", "IS09_UTT"):
        assert np.load(tmp_path / "my_corpus/features" / name / "b.npy").ndim == 1
        assert (tmp_path / "my_corpus/manifests" / f"{name}.json").is_file()


def test_the_page_lists_every_flag_and_suffixes_that_are_known():
    text = PAGE.read_text()
    for flag in command_line.modes.MODES["extract"].flags:
        ending = "" if flag.kind is bool else "="
        assert f"--{flag.name}{ending}" in text, flag.name
    assert {".mp4", ".wav", ".mkv"} <= set(media.SUFFIXES)
