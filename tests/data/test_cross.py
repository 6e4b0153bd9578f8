"""Corpora with shared labels: what becomes of labels, and a training tested on another."""

import csv
import json

import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax import config as config_lib
from mer_jax import corpora
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError
from mer_jax.modes import train
from tests.support import merbench_labels, user_folder
from tests.support.configs import changed


def write(root, file, content):
    """A folder with a label file and a feature set of its clips."""
    merbench_labels.write(root / file, content)
    names = [name for clips in content.values() for name in clips]
    user_folder.write_vectors(root, user_folder.AUDIO, names, seed=len(names))
    return root


def emotions(prefix, count, classes):
    return {
        f"{prefix}_{i:02d}": {"emo": classes[i % len(classes)], "val": -10} for i in range(count)
    }


def valences(prefix, count, high, seed):
    steps = np.linspace(-high, high, 11)
    drawn = np.random.default_rng(seed).choice(steps, count)
    return {f"{prefix}_{i:02d}": {"emo": 0, "val": np.float64(v)} for i, v in enumerate(drawn)}


def test_four_emotions_are_shared_and_other_clips_are_left_out(tmp_path):
    words = ("neutral", "angry", "happy", "sad", "worried", "surprise")
    mer = write(
        tmp_path / "mer",
        "label-6way.npz",
        {"train_corpus": emotions("t", 24, words), "test1_corpus": emotions("m", 30, words)},
    )
    meld = write(
        tmp_path / "meld",
        "label.npz",
        {f"{s}_corpus": emotions(s, 28, range(7)) for s in ("train", "val", "test")},
    )
    sessions = {
        f"Ses{1 + i % 5:02d}F_impro01_F{i:03d}": {"emo": i % 6, "val": -10} for i in range(30)
    }
    iemocap = write(tmp_path / "iemocap", "label_6way.npz", {"whole_corpus": sessions})
    config = user_folder.config(
        meld,
        tmp_path / "tfds",
        data__corpus="meld",
        data__test_corpora=(f"mer2023={mer}", f"iemocap6={iemocap}"),
        folds=0,
    )
    corpus = corpus_lib.load(config)
    assert corpus.task.classes == ("happy", "sad", "neutral", "angry")
    assert corpus.task.valence_range is None
    # MELD: 0 anger, 1 joy, 2 sadness, 3 neutral; 4, 5 and 6 have no part.
    expected = {
        **dict.fromkeys(("train", "val", "test"), [3, 0, 1, 2] * 4),
        "mer2023_mer_multi": [2, 3, 0, 1] * 5,
        "iemocap6_train": [
            sessions[name]["emo"] for name in sorted(sessions) if sessions[name]["emo"] < 4
        ],
    }
    assert {s: x.labels.emotion.tolist() for s, x in corpus.splits.items()} == expected
    assert all(split.labels.emotion_mask.all() for split in corpus.splits.values())
    other = np.load(mer / "features" / user_folder.AUDIO / "m_00.npy")
    np.testing.assert_array_equal(corpus.splits["mer2023_mer_multi"].features["audio"][0], other)


def test_a_model_of_one_sentiment_corpus_is_scored_on_another(tmp_path):
    of_sims = {f"{s}_corpus": valences(s, 24, 1, i) for i, s in enumerate(("train", "val", "test"))}
    of_mosi = {f"{s}_corpus": valences(s, 24, 3, i) for i, s in enumerate(("train", "val", "test"))}
    sims = write(tmp_path / "sims", "label.npz", of_sims)
    mosi = write(tmp_path / "mosi", "label.npz", of_mosi)
    config = user_folder.config(
        mosi,
        tmp_path / "tfds",
        data__corpus="cmumosi",
        data__test_corpora=(f"sims={sims}",),
        model__fusion="concat",
        model__hidden=4,
        train__learning_rate=1e-2,
        train__epochs=1,
        train__tensorboard=False,
        evaluate__bootstrap=0,
        folds=0,
        repeats=1,
    )
    train.train(config, tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(results["ensemble"]) == {"test", "sims_test"}
    with (tmp_path / "run" / "predictions" / "sims_test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == set(of_sims["test_corpus"])
    true = np.array([3 * of_sims["test_corpus"][row["name"]]["val"] for row in rows])
    guess = np.array([float(row["valence"]) for row in rows])
    found = results["ensemble"]["sims_test"]
    assert found["mae"] == pytest.approx(abs(true - guess).mean(), abs=1e-5)
    signed = true != 0
    assert found["sign_f1"] == pytest.approx(
        sk.f1_score(true[signed] > 0, guess[signed] > 0, average="weighted", zero_division=0),
        abs=1e-6,
    )
    assert results["ensemble"]["test"]["sign_f1"] is not None


@pytest.mark.parametrize(
    ("corpus", "others", "sentence"),
    [
        ("meld", ("sims",), "'sims' is not a corpus and its folder"),
        ("meld", ("synthetic=/x",), "unknown corpus 'synthetic'; one of: mer2023, iemocap4"),
        ("meld", ("mer2023=/x", "mer2023=/y"), "lists mer2023 twice"),
        ("meld", ("sims=/x",), "meld has emotions and sims sentiment"),
        ("table", ("sims=/x",), "table shares no labels with others"),
    ],
)
def test_what_cannot_be_tested_on_is_told(corpus, others, sentence):
    config = changed(data__corpus=corpus, data__test_corpora=others)
    with pytest.raises(InputError, match=sentence) as refusal:
        corpora.info_of(config_lib.check(config))
    assert str(refusal.value).startswith("config.data.test_corpora: ")
