"""New clips are extracted as the training's were, or it is said why they cannot be."""

import csv
import json

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")

from mer_jax import config as config_lib
from mer_jax import extraction
from mer_jax.errors import InputError
from mer_jax.extraction import again
from mer_jax.extraction.record import AUDIO, TEXT
from mer_jax.modes import train
from tests.support import extractors
from tests.support import media as made
from tests.support.configs import changed
from tests.support.scoring import run


@pytest.fixture
def sets(monkeypatch):
    """Two sets without weights in the registry; what `Loudness` is made with can be changed."""
    loudness = extractors.Loudness()
    registry = {
        "loudness": extractors.wanted("loudness", loudness).extractor,
        "letters": extractors.wanted("letters", extractors.Letters(), TEXT).extractor,
    }
    assert registry["loudness"].needs == AUDIO
    monkeypatch.setattr(extraction, "EXTRACTORS", registry)
    return loudness


def write_clips(folder, names, missing=()):
    """Clips whose loudness tells their emotion, and their list."""
    lines = []
    for i, name in enumerate(names):
        loud = i % 2
        if name not in missing:
            made.write_wav(folder / f"{name}.wav", (2000 + 9000 * loud) * made.tone(0.3, 200 + i))
        lines.append(f"{name},{('calm', 'angry')[loud]},{'word ' * (i % 3 + 1)},{name[:2]}")
    (folder / "clips.csv").write_text("\n".join(["name,emotion,text,speaker", *lines]))


def test_from_clips_to_predictions_of_new_clips(sets, tmp_path, capsys):
    media, root, workdir = tmp_path / "media", tmp_path / "corpus", tmp_path / "run"
    write_clips(media, [f"s{i // 4}_{i}" for i in range(16)])
    run("--mode=extract", f"--media={media}", f"--clips={media / 'clips.csv'}",
        "--sets=loudness, letters", f"--out={root}", "--quiet")  # fmt: skip
    config = config_lib.check(
        changed(
            data__corpus="table", data__root=str(root), data__tfds_dir=str(tmp_path / "built"),
            features__audio="loudness_UTT", features__text="letters_UTT", report=False,
            data__standardise=True, model__hidden=8, train__learning_rate=0.05, train__epochs=30,
            train__tensorboard=False, evaluate__bootstrap=0, folds=2, repeats=1,
        )
    )  # fmt: skip
    train.train(config, workdir)
    new = tmp_path / "new"
    write_clips(new, ["n0", "n1", "n2", "n3"], missing=["n2"])
    arguments = ["--mode=predict", f"--workdir={workdir}", f"--media={new}",
                 f"--clips={new / 'clips.csv'}", "--quiet"]  # fmt: skip
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
    np.testing.assert_array_equal(kept, [len("word word ")])

    sets.manifest = {**sets.manifest, "model": "another"}
    with pytest.raises(InputError) as refusal:
        run(*arguments, f"--out={out}")
    assert str(refusal.value) == (
        "loudness_UTT: was extracted with model 'loudness', not 'another'; name the folder of the "
        "weights that were used in --models"
    )
    (root / "manifests" / "loudness_UTT.json").unlink()
    with pytest.raises(InputError, match=r"loudness_UTT\.json: no manifest, so nobody knows how"):
        run(*arguments, f"--out={out}")
    capsys.readouterr()


def test_settings_of_the_manifest_are_taken_again(sets, tmp_path):
    path = tmp_path / "manifests" / "loudness_FRA.json"
    path.parent.mkdir()
    said = {"layers": "merbench", "every": 3, "weights": "mine", "change": {"seed": 0}}
    manifest = {"set": "loudness", "level": "FRA", "settings": said, "model": "m", "versions": {},
                "size": 2}  # fmt: skip
    path.write_text(json.dumps(manifest))
    wanted = again.wanted_as(tmp_path, "loudness_FRA", tmp_path / "models")
    assert (wanted.folder, wanted.weights) == ("loudness_FRA", "mine")
    assert (wanted.settings.layers, wanted.settings.every) == ("merbench", 3)
    assert wanted.settings.change is None
