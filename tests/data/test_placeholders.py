"""Placeholders are told from labels by what a whole split shows, beside what train shows."""

import logging
import math

import numpy as np
import pytest

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import label_files, placeholders
from mer_jax.data.labels import MISSING_EMOTION
from tests.support import user_folder
from tests.support.user_folder import AUDIO

WORDS = user_folder.EMOTIONS


def drawn(clips, seed=0, valence=True):
    """Labels as annotators give them: emotions in MER 2023's proportions, valences of their own."""
    rng = np.random.default_rng(seed)
    emotion = rng.choice(WORDS, clips, p=np.array([871, 822, 689, 383, 462, 146]) / 3373)
    return {
        f"{seed}_{i}": {"emo": str(emotion[i])} | ({"val": float(rng.normal())} if valence else {})
        for i in range(clips)
    }


def hidden(test, train=None, info=MER2023, mode="auto", key=None):
    """How many clips of a test corpus have no label once the file is read, and why."""
    key = key or list(info.corpora)[1]
    train = drawn(200, seed=1) if train is None else train
    corpora = {"train_corpus": train, key: test} if train else {key: test}

    def run(tmp_path):
        path = user_folder.write_labels(tmp_path, corpora)
        read = label_files.read([path], info, mode)
        split = info.corpora[key]
        labels = read.splits[split].values()
        bare = sum(v.emotion == MISSING_EMOTION and math.isnan(v.valence) for v in labels)
        return bare, read.why.get(split, "")

    return run


def filled(clips, count, value):
    """`clips` with `count` of them filled in by a participant."""
    return {name: value(i) if i < count else entry for i, (name, entry) in enumerate(clips.items())}


def true(i):
    return {"emo": WORDS[1 + i % 5], "val": -1.5 + 0.25 * (i % 9)}


NAMES = [f"t_{i}" for i in range(40)]
RELEASED = user_folder.placeholders(NAMES)
BARE = {name: {"emo": "neutral"} for name in NAMES}
SENTIMENT = {f"s_{i}": {"emo": 0, "val": -2.5 + 0.2 * (i % 26)} for i in range(60)}
NO_VALENCE = drawn(200, seed=1, valence=False)
DIALOGUES = {f"d_{i}": {"emo": (i * i) % 7 if i % 2 else 3, "val": -10} for i in range(100)}


@pytest.mark.parametrize(
    ("case", "expected", "why"),
    [
        # Whole splits, whatever their size where the release's form or train's valences tell.
        (hidden(RELEASED), 40, "every clip is 'neutral' without a valence"),
        (hidden({"a": {"emo": 0, "val": "-10"}}), 1, "every clip is 'neutral'"),
        (hidden(BARE), 40, "40 are 'neutral' without a valence; clips of train have one"),
        (hidden({"a": {"emo": "neutral", "val": ""}}), 1, "clips of train have one"),
        (hidden(BARE, NO_VALENCE), 40, "every clip is 'neutral' without a valence, as"),
        (hidden({n: BARE[n] for n in NAMES[:3]}, NO_VALENCE), 3, "every clip is 'neutral'"),
        (hidden({n: BARE[n] for n in NAMES[:1]}, NO_VALENCE), 0, ""),  # one clip tells nothing
        (hidden({n: {"emo": "sad"} for n in NAMES[:3]}, NO_VALENCE), 0, ""),
        (hidden(BARE, NO_VALENCE, key="test3_corpus"), 40, "every clip is 'neutral'"),
        (hidden({n: {"emo": "happy"} for n in NAMES}), 40, "every clip is 'happy' without a"),
        (hidden({n: {"emo": "sad", "val": 0.0} for n in NAMES}), 40, "'sad' with valence 0, as 0%"),
        (hidden({n: {"emo": "neutral", "val": 0} for n in NAMES}), 40, "with valence 0, as 0%"),
        (hidden({n: {"emo": 0, "val": 0.0} for n in NAMES}, SENTIMENT, CMUMOSI), 40, "valence 0"),
        (hidden({n: {"emo": 3, "val": -10} for n in NAMES}, DIALOGUES, MELD), 40, "'neutral', as"),
        # Partly filled in.
        (hidden(filled(RELEASED, 3, true)), 37, "37 are 'neutral' without a valence; others have"),
        (hidden(filled(RELEASED, 39, true)), 1, "1 are 'neutral' without a valence; others have"),
        (hidden(filled(BARE, 3, true)), 37, "37 are 'neutral' without a valence; others have one"),
        (hidden(filled(RELEASED, 4, lambda i: {"emo": "sad", "val": -10})), 36, "36 of 40 are"),
        (hidden(filled(BARE, 4, lambda i: {"emo": "sad"}), NO_VALENCE), 36, "36 of 40 are"),
        # Truth.
        (hidden(drawn(40, seed=2)), 0, ""),
        (hidden(drawn(400, seed=2, valence=False)), 0, ""),  # MER-SEMI: emotions alone
        (hidden(drawn(400, seed=2, valence=False), NO_VALENCE), 0, ""),
        (hidden({"a": {"emo": "happy", "val": 1.0}, "b": {"emo": "happy", "val": 1.0}}), 0, ""),
        (hidden({"a": {"emo": "neutral"}, "b": {"emo": "neutral"}}, NO_VALENCE), 0, ""),
        (hidden({n: {"emo": 3, "val": -10} for n in NAMES[:5]}, DIALOGUES, MELD), 0, ""),
        (hidden(filled(BARE, 30, lambda i: {"emo": "sad"}), NO_VALENCE), 0, ""),
        (hidden({n: {"emo": "neutral"} for n in NAMES}, {}), 0, ""),  # nothing to compare with
        # The key.
        (hidden(RELEASED, mode="labels"), 0, ""),
        (hidden(filled(BARE, 3, true), mode="labels"), 0, ""),
        (
            hidden(filled(BARE, 30, lambda i: {"emo": "sad"}), mode="unlabelled"),
            10,
            "placeholders=",
        ),
        (hidden({n: {"emo": "sad"} for n in NAMES[:2]}, mode="unlabelled"), 2, "placeholders="),
        (hidden({"a": {"emo": "sad", "val": 1}, "b": true(1)}, mode="unlabelled"), 0, ""),
    ],
)
def test_what_a_split_shows(tmp_path, case, expected, why):
    count, reason = case(tmp_path)
    assert count == expected
    assert why in reason
    assert bool(why) == bool(reason)


def test_train_is_never_one_of_placeholders(tmp_path):
    few = {name: BARE[name] for name in NAMES[:5]}
    path = user_folder.write_labels(tmp_path, {"train_corpus": few})
    read = label_files.read([path], MER2023, "unlabelled")
    assert {label.emotion for label in read.splits["train"].values()} == {0}
    assert read.why == {}


def test_the_chance_is_an_upper_bound_of_the_binomial_tail():
    for clips, share in ((10, 0.2), (40, 0.3), (7, 0.5)):
        for count in range(clips + 1):
            tail = sum(
                math.comb(clips, k) * share**k * (1 - share) ** (clips - k)
                for k in range(count, clips + 1)
            )
            assert placeholders._chance(count, clips, share) >= tail * (1 - 1e-12)
    assert placeholders._chance(12, 12, 0.3) == pytest.approx(0.3**12)


def test_the_log_counts_each_split_and_the_pool_has_the_placeholders(tmp_path, caplog):
    """The files of MER 2024 to 2026: emotions alone, every test clip "neutral"."""
    root = tmp_path / "user"
    train = drawn(60, seed=1, valence=False)
    user_folder.write_labels(root, {"train_corpus": train, "test3_corpus": BARE})
    user_folder.write_features(root, AUDIO, user_folder.vectors([*train, *BARE]))
    caplog.set_level(logging.INFO, logger="mer_jax")
    config = user_folder.config(root, tmp_path / "tfds")
    corpus = corpus_lib.load(config)
    assert corpus.splits["unlabelled"].names.tolist() == sorted(NAMES)
    assert "train: 60 of 60 clips count as labelled" in caplog.messages
    (said,) = [message for message in caplog.messages if message.startswith("mer_semi: ")]
    assert said.startswith("mer_semi: 0 of 40 clips count as labelled: every clip is 'neutral'")
    kept = user_folder.config(root, tmp_path / "tfds", data__placeholders="labels")
    corpus = corpus_lib.load(kept)
    assert "unlabelled" not in corpus.splits
    assert corpus.splits["mer_semi"].labels.emotion_mask.all()
