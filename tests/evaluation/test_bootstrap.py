"""The bootstrap against scikit-learn on clips that are drawn out one by one."""

import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.evaluation import bootstrap, submission, terminal
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task

TASK = MER2023.task
CLIPS, RESAMPLES = 50, 37


def labels_of(seed=0, known=None):
    rng = np.random.default_rng(seed)
    known = np.ones(CLIPS, bool) if known is None else known
    emotion = rng.integers(0, 6, CLIPS).astype(np.int32)
    return Labels(emotion, known, rng.normal(size=CLIPS).astype(np.float32), known)


def predictions_of(labels, seed, noise):
    rng = np.random.default_rng(seed)
    logits = np.eye(6)[labels.emotion] + noise * rng.normal(size=(CLIPS, 6))
    valence = labels.valence + noise * rng.normal(size=CLIPS)
    return Predictions(logits.astype(np.float32), valence.astype(np.float32))


def by_sklearn(labels, predictions, rows):
    true, guess = labels.emotion[rows], predictions.emotion.argmax(-1)[rows]
    valence, guessed = labels.valence[rows], predictions.valence[rows]
    found = {
        "dis": sk.f1_score(true, guess, average="weighted", zero_division=0),
        "acc": sk.accuracy_score(true, guess),
        "dim": sk.mean_squared_error(valence, guessed),
        "mae": sk.mean_absolute_error(valence, guessed),
        "corr": np.corrcoef(valence, guessed)[0, 1],
        "macro_f1": sk.f1_score(true, guess, average="macro", zero_division=0),
        "uar": sk.recall_score(true, guess, labels=np.unique(true), average="macro"),
        "ccc": concordance(valence, guessed),
    }
    return {**found, "com": found["dis"] - 0.25 * found["dim"]}


def concordance(true, guess):
    """Lin's concordance (1989), of population moments."""
    together = 2 * np.cov(true, guess, ddof=0)[0, 1]
    return together / (true.var() + guess.var() + (true.mean() - guess.mean()) ** 2)


def drawn_rows(known):
    """The clips of each resample, a clip drawn twice standing there twice."""
    counts = bootstrap.drawings(known.sum(), RESAMPLES, seed=3).astype(int)
    return [np.repeat(np.flatnonzero(known), count) for count in counts]


def test_drawings_are_with_replacement():
    counts = bootstrap.drawings(40, 5000, seed=0)
    np.testing.assert_array_equal(counts.sum(1), 40)
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.08)
    np.testing.assert_allclose(counts.var(0), 1 - 1 / 40, atol=0.15)
    np.testing.assert_array_equal(counts, bootstrap.drawings(40, 5000, seed=0))
    assert (counts != bootstrap.drawings(40, 5000, seed=1)).any()


def test_scores_and_intervals_equal_sklearns_on_the_drawn_clips():
    known = np.random.default_rng(5).random(CLIPS) < 0.7
    labels = labels_of(known=known)
    predictions = predictions_of(labels, 1, 0.6)
    found = bootstrap.scores(TASK, predictions, labels, RESAMPLES, seed=3)
    intervals = bootstrap.intervals(TASK, predictions, labels, RESAMPLES, seed=3)
    expected = [by_sklearn(labels, predictions, rows) for rows in drawn_rows(known)]
    assert set(found) == set(expected[0])
    for name, values in found.items():
        reference = [scores[name] for scores in expected]
        np.testing.assert_allclose(values, reference, atol=2e-6)
        bounds = np.percentile(reference, [2.5, 97.5])
        np.testing.assert_allclose(intervals[name], bounds, atol=2e-6)


def test_a_comparison_is_of_pairs_on_the_same_clips():
    labels = labels_of()
    ours, theirs = predictions_of(labels, 1, 0.6), predictions_of(labels, 2, 0.7)
    found = bootstrap.compare(TASK, ours, theirs, labels, RESAMPLES, seed=3)
    rows = drawn_rows(np.ones(CLIPS, bool))
    pairs = [(by_sklearn(labels, ours, r), by_sklearn(labels, theirs, r)) for r in rows]
    every = np.arange(CLIPS)
    whole = by_sklearn(labels, ours, every), by_sklearn(labels, theirs, every)
    for name, block in found.items():
        difference = np.array([a[name] - b[name] for a, b in pairs])
        assert block["difference"] == pytest.approx(whole[0][name] - whole[1][name], abs=2e-6)
        assert block["interval"] == pytest.approx(np.percentile(difference, [2.5, 97.5]), abs=4e-6)
        worse = difference >= 0 if name in ("dim", "mae") else difference <= 0
        assert block["not_better"] == pytest.approx(worse.mean(), abs=1e-9)
    assert any(0 < block["not_better"] < 1 for block in found.values())


def test_the_same_predictions_are_never_better():
    labels = labels_of()
    same = predictions_of(labels, 1, 0.6)
    for block in bootstrap.compare(TASK, same, same, labels, RESAMPLES, seed=0).values():
        assert block == {"difference": 0.0, "interval": [0.0, 0.0], "not_better": 1.0}


def test_without_labels_there_is_neither():
    labels = labels_of(known=np.zeros(CLIPS, bool))
    predictions = predictions_of(labels, 1, 0.6)
    assert set(bootstrap.intervals(TASK, predictions, labels, 5, 0).values()) == {None}
    found = bootstrap.compare(TASK, predictions, predictions, labels, 5, 0)
    assert set(found.values()) == {None}


def test_written_predictions_read_back(tmp_path):
    labels = labels_of()
    predictions = predictions_of(labels, 1, 0.6)
    names = [f"clip_{i}" for i in range(CLIPS)]
    path = tmp_path / "predictions.csv"
    submission.write(path, names, predictions, TASK)
    found = submission.read(path, names[::-1], TASK)
    np.testing.assert_array_equal(found.valence[::-1], predictions.valence)
    np.testing.assert_array_equal(found.emotion[::-1].argmax(-1), predictions.emotion.argmax(-1))
    emotions = Task(TASK.classes)
    assert submission.read(path, names, emotions).valence is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "name,discrete,valence\na,happy,1\n",
            "1 name in this file or in the corpus, but not in both: b;",
        ),
        ("name,discrete,valence\na,happy,1\nb,glad,1\n", "b: emotion 'glad' is not one of"),
        ("name,discrete,valence\na,happy,nan\nb,sad,1\n", "a: valence 'nan' is not a finite"),
        (None, "no such file; --mode=evaluate"),
    ],
)
def test_what_is_no_prediction_is_told(tmp_path, text, sentence):
    path = tmp_path / "predictions.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        submission.read(path, ["a", "b"], TASK)


def test_the_comparisons_table_shows_difference_interval_and_share():
    block = {"difference": 0.0123, "interval": [-0.01, 0.02], "not_better": 0.25}
    found = {"against": "runs/b", "resamples": 10, "splits": {"test": {"dis": block, "acc": None}}}
    lines = terminal.comparison(found).splitlines()
    assert lines[2].split() == ["test", "+1.23", "-"]
    assert lines[3].split() == ["95", "%", "[-1.00,", "2.00]", "-"]
    assert lines[4].split() == ["not", "better", "0.250", "-"]
    assert "runs/b; 10 resamples" in lines[5]
