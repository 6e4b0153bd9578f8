"""Predictions for any folder of features."""

import shutil

import pytest

from mer_jax.data import synthetic
from mer_jax.modes import predict
from tests.support.trainings import (
    config_of,
    rows_of,
    true_labels,
)


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
