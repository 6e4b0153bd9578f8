"""Scores of trained weights given anew, and by labels that come later."""

import shutil

import numpy as np
import pytest

import mer_jax
from mer_jax.corpora import MER2023
from mer_jax.errors import InputError
from mer_jax.evaluation import decoding, ensemble
from mer_jax.modes import evaluate, predict, train
from tests.support.trainings import (
    assert_same_files,
    assert_same_weights,
    config_of,
    results_of,
    rows_of,
    scores_of,
    true_labels,
)


def test_evaluate_restores_and_gives_the_same_scores(trained, config, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(trained, workdir)
    (workdir / "predictions" / "mer_multi.csv").unlink()
    evaluate.evaluate(config, workdir, None)
    assert_same_files(trained, workdir)


def test_predictions_are_decoded_and_calibrated_as_asked(trained, root, tfds_dir, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(trained, workdir)
    asked = {f"evaluate__{key}": True for key in ("calibrate", "joint_decoding", "probabilities")}
    config = config_of(root, tfds_dir, evaluate__bootstrap=0, **asked)
    with pytest.raises(InputError, match="run --mode=evaluate with the same keys first"):
        predict.predict(config, workdir, tmp_path / "out.csv")
    evaluate.evaluate(config, workdir, None)
    results = results_of(workdir)
    calibration, joint = (results[key] for key in ("calibration", "joint_decoding"))
    assert calibration["clips"] == 60
    assert results["out_of_fold"] == results_of(trained)["out_of_fold"]
    run = mer_jax.load_run(trained)
    of_results = decoding.restore(results, config, run.task)
    plain = run.predicted("mer_multi").predictions
    expected = of_results.calibrated(of_results.decoded(plain))
    rows = rows_of(workdir / "predictions" / "mer_multi.csv")
    probability = np.array([[float(row[c]) for c in run.task.classes] for row in rows.values()])
    np.testing.assert_allclose(probability, ensemble.probabilities(expected), atol=1e-5)
    valence = np.array([float(row["valence"]) for row in rows.values()])
    np.testing.assert_allclose(valence, expected.valence, atol=1e-5)
    for metric, value in scores_of(rows, true_labels(root)["mer_multi"]).items():
        assert results["ensemble"]["mer_multi"][metric] == pytest.approx(value, abs=1e-6)
    of = run.predicted("train")
    fitted = decoding.fit(run.task, config, of.predictions, of.labels, run.fold_of(of.names))
    assert joint["power"] == fitted.decoding.joint.power
    assert joint["after"]["com"] == pytest.approx(
        fitted.recorded["joint_decoding"]["after"]["com"], abs=1e-6
    )
    predict.predict(config, workdir, tmp_path / "out.csv")
    again = rows_of(tmp_path / "out.csv")
    assert {name: again[name]["discrete"] for name in rows} == {
        name: row["discrete"] for name, row in rows.items()
    }


def test_labels_that_come_later_are_scored(trained, root, tmp_path):
    """A participant's folder has no test labels; a CSV and an npz give them afterwards."""
    folder, workdir = tmp_path / "participant", tmp_path / "run"
    shutil.copytree(root, folder)
    corpora = {}
    for key, split in MER2023.corpora.items():
        labels = true_labels(root)[split]
        placeholder = {"emo": "neutral", "val": -10}
        corpora[key] = labels if split == "train" else dict.fromkeys(labels, placeholder)
    np.savez(folder / "label-6way.npz", **corpora)
    config = config_of(folder, tmp_path / "tfds")
    train.train(config, workdir)
    assert_same_weights(trained, workdir)
    assert results_of(workdir)["test"]["mer_multi"]["dis"] is None
    of_none = {"all": 12, "emotion": 0, "valence": 0}
    assert results_of(workdir)["clips"]["mer_multi"] == of_none
    labels = true_labels(root)["mer_multi"]
    with (tmp_path / "labels.csv").open("w") as file:
        file.write("name,discrete,valence\n")
        file.writelines(f"{n},{row['emo']},{row['val']}\n" for n, row in list(labels.items())[:7])
    evaluate.evaluate(config, workdir, tmp_path / "labels.csv")
    rows = rows_of(workdir / "predictions" / "mer_multi.csv")
    expected = scores_of(rows, dict(list(labels.items())[:7]))
    for metric, value in expected.items():
        assert results_of(workdir)["ensemble"]["mer_multi"][metric] == pytest.approx(
            value, abs=1e-6
        )
    assert results_of(workdir)["test"]["mer_noise"]["dis"] is None
    given = results_of(workdir)
    assert given["clips"] == {
        "cross_validation": {"all": 60, "emotion": 60, "valence": 60},
        "mer_multi": {"all": 12, "emotion": 7, "valence": 7},
        "mer_noise": {"all": 11, "emotion": 0, "valence": 0},
        "mer_semi": {"all": 10, "emotion": 0, "valence": 0},
    }
    evaluate.evaluate(config, workdir, None)
    assert results_of(workdir) == given, "scores by a file's labels stay"
    evaluate.evaluate(config, workdir, root / "label-6way.npz")
    assert results_of(workdir)["test"] == results_of(trained)["test"]
