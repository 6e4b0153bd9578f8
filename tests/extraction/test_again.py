"""New clips are extracted as the training's were, or it is said why they cannot be."""

import csv
import shlex
import shutil

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")

from mer_jax import config as config_lib
from mer_jax import extraction, files
from mer_jax.errors import InputError
from mer_jax.extraction import again, audio
from mer_jax.extraction.record import AUDIO, TEXT
from mer_jax.modes import train
from tests.support import extractors
from tests.support import media as made
from tests.support.configs import changed
from tests.support.scoring import run

COMMAND = shlex.join(["sh", "-c", "echo a word # {audio}"])


@pytest.fixture
def sets(monkeypatch):
    """Sets without weights in the registry; what `loudness` is made with can be changed."""
    loudness = extractors.Loudness()
    registry = {
        "loudness": extractors.wanted("loudness", loudness).extractor,
        "again": extractors.wanted("again", extractors.Loudness()).extractor,
        "letters": extractors.wanted("letters", extractors.Letters(), TEXT).extractor,
    }
    assert registry["loudness"].needs == AUDIO
    monkeypatch.setattr(extraction, "EXTRACTORS", registry)
    return loudness


def write_clips(folder, names, missing=()):
    """Clips whose loudness tells their emotion, and their list, in which nobody says a text."""
    lines = []
    for i, name in enumerate(names):
        loud = i % 2
        if name not in missing:
            made.write_wav(folder / f"{name}.wav", (2000 + 9000 * loud) * made.tone(0.3, 200 + i))
        lines.append(f"{name},{('calm', 'angry')[loud]},{name[:2]}")
    (folder / "clips.csv").write_text("\n".join(["name,emotion,speaker", *lines]))


def test_from_clips_to_predictions_of_new_clips(sets, tmp_path, monkeypatch, capsys):
    media, root, workdir = tmp_path / "media", tmp_path / "corpus", tmp_path / "run"
    write_clips(media, [f"s{i // 4}_{i}" for i in range(16)])
    run("--mode=extract", f"--media={media}", f"--clips={media / 'clips.csv'}",
        "--sets=loudness, again, letters", f"--asr_command={COMMAND}", f"--out={root}",
        "--quiet")  # fmt: skip
    config = config_lib.check(
        changed(
            data__corpus="table", data__root=str(root), data__tfds_dir=str(tmp_path / "built"),
            features__audio="loudness_UTT", features__text="letters_UTT", report=False,
            features__video="again_UTT",
            data__standardise=True, model__hidden=8, train__learning_rate=0.05, train__epochs=30,
            train__tensorboard=False, evaluate__bootstrap=0, folds=2, repeats=1,
        )
    )  # fmt: skip
    train.train(config, workdir)
    shutil.rmtree(root)  # the workdir has what predicting takes
    new = tmp_path / "new"
    write_clips(new, ["n0", "n1", "n2", "n3"], missing=["n2"])
    arguments = ["--mode=predict", f"--workdir={workdir}", f"--media={new}",
                 f"--clips={new / 'clips.csv'}", "--quiet"]  # fmt: skip
    with pytest.raises(InputError, match="were transcribed by a command; give it again"):
        run(*arguments)
    arguments.append(f"--asr_command={COMMAND}")
    read, decoded = audio.read, []
    monkeypatch.setattr(
        audio, "read", lambda path, *more: decoded.append(path) or read(path, *more)
    )
    out = tmp_path / "out.csv"
    with pytest.raises(InputError) as refusal:
        run(*arguments, f"--out={out}", f"--keep={tmp_path / 'kept'}")
    assert str(refusal.value) == (
        "1 clip failed and got no prediction: n2; the first: no media file has this name"
    )
    with out.open() as file:
        found = {row["name"]: row["discrete"] for row in csv.DictReader(file)}
    assert found == {"n0": "calm", "n1": "angry", "n3": "angry"}
    kept = np.load(tmp_path / "kept/features/letters_UTT/n1.npy")
    np.testing.assert_array_equal(kept, [len("a word")])
    # Once for the text, and once for both sets of audio.
    assert sorted(path.stem for path in decoded) == ["n0", "n0", "n1", "n1", "n3", "n3"]

    sets.manifest = {**sets.manifest, "model": "another"}
    with pytest.raises(InputError) as refusal:
        run(*arguments, f"--out={out}")
    assert str(refusal.value) == (
        "loudness_UTT: was extracted with model 'loudness', not 'another'; name the folder of the "
        "weights that were used in --models"
    )
    (workdir / "manifests" / "loudness_UTT.json").unlink()
    with pytest.raises(InputError, match=r"loudness_UTT\.json: no manifest, so nobody knows how"):
        run(*arguments, f"--out={out}")
    capsys.readouterr()


def test_settings_of_the_manifest_are_taken_again(sets, tmp_path):
    heard = {"by": "command", "change": {"seed": 0}}
    said = {"layers": "merbench", "every": 3, "weights": "mine", "change": {"seed": 0},
            "transcripts": heard}  # fmt: skip
    manifest = {"set": "loudness", "level": "FRA", "settings": said, "model": "m", "versions": {},
                "size": 2}  # fmt: skip
    files.write_json(tmp_path / "manifests" / "loudness_FRA.json", manifest)
    found = again.manifest_of([tmp_path / "workdir", tmp_path], "loudness_FRA")
    wanted = again.wanted_as(found, tmp_path / "models")
    assert (wanted.folder, wanted.weights) == ("loudness_FRA", "mine")
    assert (wanted.settings.layers, wanted.settings.every) == ("merbench", 3)
    assert wanted.settings.change is None
    assert wanted.settings.transcripts == {"by": "command"}
