"""Predictions for any folder of features."""

import shutil

import pytest

from mer_jax import extraction
from mer_jax.data import synthetic
from mer_jax.modes import predict
from tests.support import media
from tests.support.extractors import Loudness, wanted
from tests.support.scoring import run, write_csv
from tests.support.trainings import (
    config_of,
    rows_of,
    true_labels,
)

TARGETS = ("energy", "warmth")  # from 10 to 120, and from -3.6 to -0.3
CLIPS = 12  # the last four of them of the split test


def test_predict_runs_on_any_folder(trained, root, tfds_dir, tmp_path):
    folder = tmp_path / "others"
    for modality in ("audio", "text", "video"):
        source = root / "features" / synthetic.feature_set(modality)
        target = folder / "features" / synthetic.feature_set(modality)
        target.mkdir(parents=True)
        for name in true_labels(root)["mer_multi"]:
            shutil.copy(source / f"{name}.npy", target / f"renamed_{name}.npy")
    predict.predict(config_of(folder, tfds_dir), trained, tmp_path / "out.csv")
    found, known = rows_of(tmp_path / "out.csv"), rows_of(trained / "predictions" / "mer_multi.csv")
    assert set(found) == {f"renamed_{name}" for name in known}
    for name, row in known.items():
        other = found[f"renamed_{name}"]
        assert other["discrete"] == row["discrete"]
        assert float(other["valence"]) == pytest.approx(float(row["valence"]), abs=1e-5)


@pytest.fixture
def loud(tmp_path, monkeypatch):
    """Clips with two numbers that their loudness tells, extracted: the folder they lie in."""
    pytest.importorskip("av", reason="the extra extract is not installed")
    made = wanted("Loudness", Loudness()).extractor
    monkeypatch.setattr(extraction, "EXTRACTORS", {"Loudness": made})
    rows = []
    for i in range(1, CLIPS + 1):
        sound = 32_000 * media.tone(0.1, amplitude=i / CLIPS)
        media.write_wav(tmp_path / "media" / f"clip{i}.wav", sound)
        emotion, split = "loud" if i % 2 else "soft", "test" if i > CLIPS - 4 else "train"
        rows.append((f"clip{i}", emotion, 10 * i, -0.3 * i, split))
    write_csv(tmp_path / "clips.csv", ("name", "emotion", *TARGETS, "split"), rows)
    listed, heard = f"--clips={tmp_path / 'clips.csv'}", f"--media={tmp_path / 'media'}"
    run("--mode=extract", "--sets=Loudness", listed, heard, f"--out={tmp_path / 'own'}", "--quiet")
    return tmp_path


def test_new_media_have_a_column_for_each_target(loud, capsys):
    run(
        "--config=base", f"--workdir={loud / 'run'}", "--config.data.corpus=table",
        f"--config.data.root={loud / 'own'}", "--config.features.audio=Loudness_UTT",
        f"--config.data.targets={','.join(TARGETS)}", f"--config.data.tfds_dir={loud / 'built'}",
        "--config.data.standardise=True", "--config.model.hidden=4", "--config.folds=2",
        "--config.repeats=1", "--config.train.epochs=2", "--config.train.learning_rate=0.01",
        "--config.report=False", "--config.train.tensorboard=False",
        "--config.evaluate.bootstrap=0", "--quiet",
    )  # fmt: skip
    of_test = rows_of(loud / "run" / "predictions" / "test.csv")
    assert len(of_test) == 4
    for name in of_test:
        (loud / "new").mkdir(exist_ok=True)
        shutil.copy(loud / "media" / f"{name}.wav", loud / "new" / f"again_{name}.wav")
    out = loud / "out.csv"
    run("--mode=predict", f"--workdir={loud / 'run'}", f"--media={loud / 'new'}", f"--out={out}",
        "--quiet")  # fmt: skip
    assert out.read_text().partition("\n")[0] == "name,discrete,energy,warmth"
    found = rows_of(out)
    assert set(found) == {f"again_{name}" for name in of_test}
    for name, row in of_test.items():
        again = found[f"again_{name}"]
        assert again["discrete"] == row["discrete"]
        for target in TARGETS:
            assert float(again[target]) == pytest.approx(float(row[target]), rel=1e-4)
    capsys.readouterr()
