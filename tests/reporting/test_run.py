"""load_run: what it says of a workdir against the files and scores that training left."""

import csv
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

import mer_jax
from mer_jax.corpora import MER2023
from mer_jax.errors import InputError
from mer_jax.reporting import sections

CLASSES = np.array(MER2023.task.classes)


@pytest.fixture(scope="module")
def run(reported):
    return mer_jax.load_run(reported)


def test_importing_the_package_loads_nothing():
    code = "import mer_jax, sys; sys.exit(bool({'jax', 'numpy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'load_runs'"):
        _ = mer_jax.load_runs


def test_config_results_and_history_are_the_files(run, reported, config):
    assert run.config.to_dict() == config.to_dict()
    assert run.results == json.loads((reported / "results.json").read_text())
    with (reported / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert run.history.keys() == rows[0].keys()
    for name, column in run.history.items():
        np.testing.assert_array_equal(column, [float(row[name]) for row in rows])
    assert run.history["epoch"].dtype == np.int64


def test_a_test_splits_columns_are_the_written_predictions(run, reported):
    for split in ("mer_multi", "mer_noise", "mer_semi"):
        with (reported / "predictions" / f"{split}.csv").open() as file:
            rows = list(csv.DictReader(file))
        columns = run.predictions[split]
        assert columns["name"].tolist() == [row["name"] for row in rows]
        assert columns["discrete"].tolist() == [row["discrete"] for row in rows]
        np.testing.assert_array_equal(columns["valence"], np.float32([r["valence"] for r in rows]))
        np.testing.assert_allclose(columns["probabilities"].sum(1), 1, rtol=1e-5)
        guess = CLASSES[columns["probabilities"].argmax(1)]
        np.testing.assert_array_equal(guess, columns["discrete"])
    assert np.isnan(run.predictions["mer_semi"]["true_valence"]).all()
    right = (
        run.predictions["mer_multi"]["discrete"] == run.predictions["mer_multi"]["true_discrete"]
    )
    assert right.mean() == pytest.approx(run.results["ensemble"]["mer_multi"]["acc"])


def test_out_of_fold_predictions_are_the_mean_of_what_validated(run):
    """Each repeat's three runs have a clip in one validation fold: 20 clips each."""
    rate = run.results["best"]["train.learning_rate"]
    recorded = [
        np.mean([
            r["validation"]["acc"]
            for r in run.results["runs"]
            if r["hparams"]["train.learning_rate"] == rate and r["repeat"] == repeat
        ])
        for repeat in range(2)
    ]  # fmt: skip
    columns = run.predictions["train"]
    assert len(columns["name"]) == 60
    np.testing.assert_array_equal(columns["name"], run.corpus.splits["train"].names)
    # One repeat alone: the mean over its folds, which results.json has, clip by clip.
    kept = run._model.kept
    alone = mer_jax.load_run(run.workdir)
    for repeat in range(2):
        alone.__dict__.pop("_validated", None)
        alone._predicted.clear()
        rows = kept["repeat"] == repeat
        alone._model = run._model._replace(kept=jax.tree.map(lambda x, rows=rows: x[rows], kept))
        columns = alone._columns(alone.predicted("train"))
        right = columns["discrete"] == columns["true_discrete"]
        assert right.mean() == pytest.approx(recorded[repeat])


def test_labels_can_come_later(run, reported, tmp_path):
    name, true = (run.predictions["mer_semi"][key][0] for key in ("name", "true_discrete"))
    (tmp_path / "labels.csv").write_text(f"name,discrete,valence\n{name},{true},1.5\n")
    later = mer_jax.load_run(reported, labels=tmp_path / "labels.csv")
    valence = later.predictions["mer_semi"]["true_valence"]
    assert valence[0] == 1.5
    assert np.isnan(valence[1:]).all()


def test_figures_are_matplotlibs(run):
    figure = run.figures["confusion_mer_multi"]
    counts = [int(text.get_text()) for text in figure.axes[0].texts]
    columns = run.predictions["mer_multi"]
    expected = [
        ((columns["true_discrete"] == true) & (columns["discrete"] == guess)).sum()
        for true in CLASSES
        for guess in CLASSES
    ]
    assert counts == expected


def test_a_notebook_shows_a_figure_without_any_magic(run):
    png = run.figures["curve_com"]._repr_png_()
    assert png.startswith(b"\x89PNG\r\n")
    assert png == (run.workdir / "figures" / "curve_com.png").read_bytes()


def test_columns_are_of_one_dimension_and_length_as_pandas_wants_them(run):
    for split, columns in run.predictions.items():
        clips = len(run.predicted(split).names)
        assert {np.shape(column) for column in dict(columns).values()} == {(clips,)}
        assert {*CLASSES, "name", "discrete", "valence", "true_discrete"} <= set(columns)
        stacked = np.stack([columns[name] for name in CLASSES], 1)
        np.testing.assert_array_equal(columns["probabilities"], stacked)
        assert "probabilities" in columns
        with pytest.raises(KeyError):
            columns["logits"]


def test_the_report_counts_labels_that_came_later(run, reported, tmp_path):
    columns = run.predictions["mer_multi"]
    rows = [f"{columns['name'][i]},{columns['true_discrete'][i]},1" for i in range(3)]
    (tmp_path / "labels.csv").write_text("\n".join(["name,discrete,valence", *rows]) + "\n")
    later = mer_jax.load_run(reported, labels=tmp_path / "labels.csv")
    split = run.corpus.splits["mer_multi"]
    nobody = np.zeros(12, bool)
    hidden = split._replace(labels=split.labels._replace(emotion_mask=nobody, valence_mask=nobody))
    later.corpus = run.corpus._replace(splits={**run.corpus.splits, "mer_multi": hidden})
    later.labelled_splits = ["train"]  # what is drawn is not the point
    (section,) = [s for s in sections.describe(later, {}).sections if s.title == "Configuration"]
    assert "train 60, mer_multi 12 (3 labelled), mer_noise 11," in section.parts[0].rows[0][1]


def changed_corpus(run, rows):
    """The run's corpus with the training labels of other clips, as if it were built anew."""
    train = run.corpus.splits["train"]
    labels = type(train.labels)(*(column[rows] for column in train.labels))
    splits = {**run.corpus.splits, "train": train._replace(labels=labels)}
    return run.corpus._replace(splits=splits, fingerprint={"another": "dataset"})


def test_another_corpus_has_no_predictions_out_of_fold(run, reported, caplog):
    """Of test labels that changed nobody minds: the clips of train decide."""
    same, other = mer_jax.load_run(reported), mer_jax.load_run(reported)
    same.corpus = changed_corpus(run, np.arange(60))
    assert same.splits == ["train", "mer_multi", "mer_noise", "mer_semi"]
    other.corpus = changed_corpus(run, np.random.default_rng(0).permutation(60))
    assert other.splits == ["mer_multi", "mer_noise", "mer_semi"]
    assert "its weights were trained on other clips of train" in caplog.text


def test_a_workdir_in_which_nothing_was_trained(tmp_path):
    with pytest.raises(InputError, match=r"no config\.json; train in this workdir first"):
        mer_jax.load_run(tmp_path)
