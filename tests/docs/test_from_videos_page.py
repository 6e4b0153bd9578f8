"""docs/from_videos_to_submission.md runs as printed, on fewer clips; `make media` is the same."""

import csv
import json
import pathlib
import re
import shlex

import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.extraction import asr, engine, synthetic_clips
from tests.support.scoring import run

pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "from_videos_to_submission.md"
COMMAND = shlex.join(["sh", "-c", "echo a word # {audio}"])
SMALL = ("--config.train.epochs=8", "--config.folds=2", "--config.report=False", "--quiet")


def commands(text, mark):
    """The commands of the package after `mark`, joined where they are continued."""
    joined = re.sub(r"\\\n\s*", "", text)
    found = re.findall(rf"^{mark}-m (mer_jax\S*) ?(.*)$", joined, re.MULTILINE)
    return [(module, shlex.split(rest)) for module, rest in found]


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder in which the page's commands ran."""
    folder = tmp_path_factory.mktemp("page")
    found = commands(PAGE.read_text(), "    python ")
    assert len(found) == 6
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TFDS_DATA_DIR", str(folder / "tfds"))
        for module, arguments in found:
            if module == "mer_jax.extraction.synthetic_clips":
                place, count, *seed = arguments
                synthetic_clips.write(pathlib.Path(place), int(count) // 2, *map(int, seed))
            else:
                training = not any(argument.startswith("--mode=") for argument in arguments)
                run(*arguments, *(SMALL if training else ("--quiet",)))
    return folder / "media"


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_page_runs(walked):
    rows = rows_of(walked / "submission.csv")
    assert [row["name"] for row in rows] == [f"clip_{i:03d}" for i in range(4)]
    assert {row["discrete"] for row in rows} <= {"angry", "happy", "neutral", "sad"}
    for folder, size in (("mel-statistics", 160), ("letter-pairs", 64), ("image-grid", 147)):
        path = walked / f"corpus/features/{folder}-UTT/clip_000.npy"
        assert np.load(path).shape == (size,)


def test_the_page_of_a_clip_has_what_was_seen_of_it(walked):
    page = (walked / "run/clips/clip_000.html").read_text()
    assert "<p>stop that now</p>" in page
    assert page.count("data:image/png;base64,") == 2


def test_new_clips_are_taken_as_those_of_a_corpus_that_is_gone(walked, monkeypatch, capsys):
    (walked / "corpus").rename(walked / "elsewhere")
    workdir, new, out = walked / "run", walked / "new", walked / "out.csv"
    ran, run_engine = [], engine.run
    monkeypatch.setattr(
        engine, "run", lambda sets, *more, **how: ran.append(sets) or run_engine(sets, *more, **how)
    )
    arguments = ["--mode=predict", f"--workdir={workdir}", f"--media={new}", f"--out={out}"]
    arguments += [f"--clips={new / 'clips.csv'}", "--quiet"]
    run(*arguments, f"--keep={walked / 'kept'}")
    assert rows_of(out) == rows_of(walked / "submission.csv")
    assert [len(sets) for sets in ran] == [3]  # each clip is decoded once for all of them
    np.testing.assert_array_equal(
        np.load(walked / "kept/features/image-grid-UTT/clip_000.npy").shape, [147]
    )

    (new / "clip_001.mp4").unlink()
    with pytest.raises(InputError) as refusal:
        run(*arguments)
    assert str(refusal.value) == (
        "1 clip failed and got no prediction: clip_001; the first: no media file has this name"
    )
    assert [row["name"] for row in rows_of(out)] == ["clip_000", "clip_002", "clip_003"]

    # Had the texts of the training been transcribed, those of new clips without one would be.
    manifest = workdir / "manifests" / "letter-pairs-UTT.json"
    said = json.loads(manifest.read_text())
    said["settings"]["transcripts"] = asr.Command(COMMAND, None).manifest
    manifest.write_text(json.dumps(said))
    (new / "names.csv").write_text("name\nclip_000\nclip_002\n")
    arguments[-2] = f"--clips={new / 'names.csv'}"
    with pytest.raises(InputError, match="were transcribed by a command; give it again"):
        run(*arguments)
    run(*arguments, f"--asr_command={COMMAND}", f"--keep={walked / 'heard'}")
    assert [row["name"] for row in rows_of(out)] == ["clip_000", "clip_002"]
    assert "clip_002,a word\n" in (walked / "heard/transcripts.csv").read_text()

    manifest = workdir / "manifests" / "image-grid-UTT.json"
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "model": "another"}))
    with pytest.raises(InputError) as refusal:
        run(*arguments, f"--asr_command={COMMAND}")
    assert str(refusal.value) == (
        "image-grid-UTT: was extracted with model 'another', not 'image-grid'; name the folder of "
        "the weights that were used in --models"
    )
    manifest.unlink()
    with pytest.raises(InputError, match=r"image-grid-UTT\.json: no manifest, so nobody knows how"):
        run(*arguments, f"--asr_command={COMMAND}")
    capsys.readouterr()


def test_the_makefile_does_the_same():
    recipe = (ROOT / "Makefile").read_text().partition("\nmedia:")[2].partition("\n\n")[0]
    recipe = recipe.replace("$(RUN)", "$(VENV)/bin/python -m mer_jax.main")
    of_make = commands(recipe, r"\t\$\(VENV\)/bin/python ")
    assert of_make == commands(PAGE.read_text(), "    python ")
