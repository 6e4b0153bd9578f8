"""docs/from_videos_to_submission.md runs as printed, on fewer clips; `make media` is the same."""

import csv
import pathlib
import re
import shlex

import numpy as np
import pytest

from mer_jax.extraction import synthetic_clips
from tests.support.scoring import run

pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "from_videos_to_submission.md"
SMALL = ("--config.train.epochs=8", "--config.folds=2", "--config.report=False", "--quiet")


def commands(text, mark):
    """The commands of the package after `mark`, joined where they are continued."""
    joined = re.sub(r"\\\n\s*", "", text)
    found = re.findall(rf"^{mark}-m (mer_jax\S*) ?(.*)$", joined, re.MULTILINE)
    return [(module, shlex.split(rest)) for module, rest in found]


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    found = commands(PAGE.read_text(), "    python ")
    assert len(found) == 5
    for module, arguments in found:
        if module == "mer_jax.extraction.synthetic_clips":
            folder, count, *seed = arguments
            synthetic_clips.write(pathlib.Path(folder), int(count) // 2, *map(int, seed))
        else:
            training = "--workdir=media/run" in arguments and "--mode=predict" not in arguments
            run(*arguments, *(SMALL if training else ("--quiet",)))
    with (tmp_path / "media/submission.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"clip_{i:03d}" for i in range(4)]
    assert {row["discrete"] for row in rows} <= {"angry", "happy", "neutral", "sad"}
    for folder, size in (("mel-statistics", 160), ("letter-pairs", 64), ("image-grid", 147)):
        assert np.load(f"media/corpus/features/{folder}-UTT/clip_000.npy").shape == (size,)
    capsys.readouterr()


def test_the_makefile_does_the_same():
    recipe = (ROOT / "Makefile").read_text().partition("\nmedia:")[2].partition("\n\n")[0]
    recipe = recipe.replace("$(RUN)", "$(VENV)/bin/python -m mer_jax.main")
    of_make = commands(recipe, r"\t\$\(VENV\)/bin/python ")
    assert of_make == commands(PAGE.read_text(), "    python ")
