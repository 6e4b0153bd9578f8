"""Bad files and missing features are told all at once, and dropped or filled where asked."""

import csv
import logging

import numpy as np
import pytest

from mer_jax.corpora import MER2023
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import dataset, label_arrays, stored
from mer_jax.data.labels import LabelRules
from mer_jax.errors import InputError, counted
from tests.support import user_folder
from tests.support.user_folder import AUDIO, TEXT


@pytest.fixture
def root(tmp_path):
    user_folder.write_mer2023(tmp_path / "user")
    return tmp_path / "user"


@pytest.fixture
def load(tmp_path, root):
    def make(**changes):
        return corpus_lib.load(
            user_folder.config(root, tmp_path / "tfds", features__text=TEXT, **changes)
        )

    return make


def spoil(root, feature_set, **clips):
    """Replaces clips by bytes or arrays; None removes one."""
    for name, content in clips.items():
        path = root / "features" / feature_set / f"{name}.npy"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(user_folder.npy(content))


def of_split(corpus, name):
    """A split's clips: their audio and text by name."""
    split = corpus.splits[name]
    rows = zip(*(np.asarray(split.features[m]).tolist() for m in ("audio", "text")), strict=True)
    return dict(zip(split.names.tolist(), rows, strict=True))


def summary(corpus):
    return [
        (each.split, each.feature_set, each.reason, each.handled, list(each.names))
        for each in corpus.left_out
    ]


NAN = [1.0, np.nan, 2.0]


# Bad files


def test_every_bad_file_of_every_set_is_told_in_one_go(root, load, tmp_path):
    bad = {
        "train_00": NAN, "train_01": [1.0], "train_02": b"", "noise_1": ["a", "b", "c"],
        "pool_3": np.ones((2, 2, 3)), "multi_0": [np.inf, 1.0, 1.0],
    }  # fmt: skip
    spoil(root, AUDIO, **bad)
    spoil(root, TEXT, train_05=b"no array")
    with pytest.raises(InputError) as refusal:
        load()
    listing = tmp_path / "tfds" / "mer2023" / f"{AUDIO}.bad.txt"
    assert str(refusal.value) == (
        f"{root}/features/{AUDIO}: 6 of 22 clips cannot be used: "
        "multi_0.npy: 1 of 3 values are NaN or infinite in float32; "
        "noise_1.npy: holds <U1, not numbers; save the array alone, as float32; "
        "pool_3.npy: shape (2, 2, 3); a feature is (D,), (1, D) or (T, D); "
        f"all of them: {listing}; "
        f"{root}/features/{TEXT}/train_05.npy: not a readable .npy file: the magic string is not "
        "correct; expected b'\\x93NUMPY', got b'no arr'; "
        "config.data.bad=drop leaves such clips out"
    )
    sentences = listing.read_text().splitlines()
    assert [line.partition(".npy: ")[0] for line in sentences] == [
        f"{root}/features/{AUDIO}/{name}" for name in sorted(bad)
    ]


def test_bad_clips_are_left_out_of_every_modality_where_that_is_asked(root, load, caplog):
    whole = load()
    spoil(root, AUDIO, train_00=NAN, noise_0=b"")
    spoil(root, TEXT, train_00=b"", pool_1=NAN)
    corpus = load(data__bad="drop")
    assert summary(corpus) == [
        ("train", AUDIO, "bad", "drop", ["train_00"]),
        ("mer_noise", AUDIO, "bad", "drop", ["noise_0"]),
        ("train", TEXT, "bad", "drop", ["train_00"]),
        ("mer_semi", TEXT, "bad", "drop", ["pool_1"]),
        ("unlabelled", TEXT, "bad", "drop", ["pool_1"]),
    ]
    for name in whole.splits:
        expected = of_split(whole, name)
        for gone in ("train_00", "noise_0", "pool_1"):
            expected.pop(gone, None)
        assert of_split(corpus, name) == expected
        labels = dict(zip(whole.splits[name].names, whole.splits[name].labels.valence, strict=True))
        for clip, valence in zip(
            corpus.splits[name].names, corpus.splits[name].labels.valence, strict=True
        ):
            assert labels[clip] == valence
    assert "left out, by config.data.bad=drop: " in caplog.text
    assert f"{AUDIO}: 2 of 22 clips cannot be used: noise_0.npy: an empty file" in caplog.text


def test_what_was_built_without_bad_clips_is_not_built_again_and_not_forgotten(root, load, caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    spoil(root, AUDIO, train_00=NAN)
    load(data__bad="drop")
    caplog.clear()
    again = load(data__bad="drop")
    assert "building" not in caplog.text
    assert "train_00.npy: 1 of 3 values are NaN" in caplog.text
    assert [each.names for each in again.left_out] == [("train_00",)]
    with pytest.raises(InputError, match=r"train_00\.npy: 1 of 3 values .*; config\.data\.bad"):
        load()
    user_folder.write_features(root, AUDIO, {"train_00": [1.0, 2.0, 3.0]})
    assert load().left_out == ()


def test_a_split_of_which_nothing_can_be_read_is_absent(root, load):
    spoil(root, AUDIO, noise_0=b"", noise_1=NAN, noise_2=[1.0], train_03=b"")
    with pytest.raises(InputError, match=r"4 of 22 clips .* all of them: .*bad\.txt; config\."):
        load()
    corpus = load(data__bad="drop")
    assert "mer_noise" not in corpus.splits
    assert len(corpus.splits["train"].names) == 11


@pytest.mark.parametrize("policy", ["error", "drop"])
def test_a_set_of_which_nothing_can_be_read_is_refused(root, load, policy):
    names = [path.stem for path in (root / "features" / AUDIO).iterdir()]
    spoil(root, AUDIO, **dict.fromkeys(names, b""))
    with pytest.raises(InputError, match=r"22 of 22 clips cannot be used: .*bad\.txt$"):
        load(data__bad=policy)


def test_a_name_that_is_none_and_an_empty_folder_are_bad_files(root, load):
    (root / "features" / AUDIO / "empty").mkdir()
    spoil(root, AUDIO, **{"=1+2": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match=r"2 of 24 clips .*formula.*; empty: a clip's folder with"):
        load()
    found = load(data__bad="drop")
    assert {name for each in found.left_out for name in each.names} == {"=1+2", "empty"}


# Clips that a set lacks


def lack(root):
    """Labelled and other clips without features, in several splits and both sets."""
    spoil(root, AUDIO, train_00=None, train_01=None, multi_1=None, pool_0=None)
    spoil(root, TEXT, train_01=None, noise_2=None)


MISSING = [
    (AUDIO, "train", ["train_00", "train_01"]),
    (AUDIO, "mer_multi", ["multi_1"]),
    (AUDIO, "mer_semi", ["pool_0"]),
    (AUDIO, "unlabelled", ["pool_0"]),
    (TEXT, "train", ["train_01"]),
    (TEXT, "mer_noise", ["noise_2"]),
]


def test_every_missing_clip_of_every_split_and_set_is_told_in_one_go(root, load):
    lack(root)
    with pytest.raises(InputError) as refusal:
        load()
    assert str(refusal.value) == "; ".join(
        [
            *(
                f"{root}/features/{name}, {split}: {counted(len(names), 'name')} without a "
                "feature: "
                f"{', '.join(names)}"
                for name, split, names in MISSING
            ),
            "config.data.missing=drop leaves such clips out, zero fills in zeros",
        ]
    )


def test_missing_clips_are_dropped_from_every_modality(root, load, caplog):
    whole = load()
    lack(root)
    corpus = load(data__missing="drop")
    gone = {"train_00", "train_01", "multi_1", "pool_0", "noise_2"}
    for name in whole.splits:
        expected = {clip: x for clip, x in of_split(whole, name).items() if clip not in gone}
        assert of_split(corpus, name) == expected
    assert summary(corpus) == [
        (split, name, "missing", "drop", names) for name, split, names in MISSING
    ]
    assert "left out, by config.data.missing=drop: " in caplog.text


def test_missing_features_are_zeros_in_the_modality_that_lacks_them(root, load):
    whole = load()
    lack(root)
    corpus = load(data__missing="zero")
    zeros = {(AUDIO, split): names for name, split, names in MISSING if name == AUDIO}
    zeros |= {(TEXT, split): names for name, split, names in MISSING if name == TEXT}
    for name in whole.splits:
        found = of_split(corpus, name)
        for clip, (audio, text) in of_split(whole, name).items():
            expected = (
                [0.0] * 3 if clip in zeros.get((AUDIO, name), ()) else audio,
                [0.0] * 2 if clip in zeros.get((TEXT, name), ()) else text,
            )
            assert found[clip] == expected
    assert {each.handled for each in corpus.left_out} == {"zero"}


@pytest.mark.parametrize("policy", ["bad", "missing"])
def test_a_train_split_of_which_nothing_is_left_is_told_as_that(root, load, policy):
    train = [f"train_{i:02d}" for i in range(12)]
    spoil(root, AUDIO, **dict.fromkeys(train, b"" if policy == "bad" else None))
    with pytest.raises(InputError, match=r"^train: every clip of it is left out: there is noth"):
        load(**{f"data__{policy}": "drop"})


def test_a_long_list_goes_to_a_file(root, load, tmp_path):
    spoil(root, AUDIO, **{f"train_{i:02d}": None for i in range(5)})
    with pytest.raises(
        InputError, match=r"train_00, train_01, train_02, \.\.\.; all of them: "
    ) as told:
        load()
    path = tmp_path / "tfds" / "mer2023" / f"{AUDIO}+{TEXT}.missing.csv"
    assert str(path) in str(told.value)
    rows = list(csv.reader(path.read_text().splitlines()))
    assert [row[-1] for row in rows] == [f"train_{i:02d}" for i in range(5)]


def test_a_clip_that_is_bad_is_dropped_even_where_missing_ones_are_filled(root, load):
    spoil(root, AUDIO, train_00=b"", train_01=None)
    corpus = load(data__bad="drop", data__missing="zero")
    names = corpus.splits["train"].names.tolist()
    assert "train_00" not in names
    assert corpus.splits["train"].features["audio"][names.index("train_01")].tolist() == [0, 0, 0]


def test_labels_given_later_may_name_what_was_left_out(root, load, tmp_path):
    spoil(root, AUDIO, multi_0=None)
    corpus = load(data__missing="drop")
    path = tmp_path / "later.csv"
    path.write_text("name,discrete,valence\nmulti_0,sad,1\nmulti_1,happy,2\n")
    splits = label_arrays.given_labels(corpus, path, corpus.test_splits(), LabelRules())
    assert splits["mer_multi"].labels.emotion.tolist() == [2]


def test_clips_in_folders_of_a_set_are_told_to_lie_there(root, load):
    folder = root / "features" / AUDIO
    (folder / "session1").mkdir()
    for name in ("train_00", "train_01"):
        (folder / f"{name}.npy").rename(folder / "session1" / f"{name}.npy")
    for policy in ("error", "drop", "zero"):
        with pytest.raises(InputError, match=r"session1: holds clips of the label file \(train"):
            load(data__missing=policy)


# Copies


def test_a_copy_is_no_clip_of_the_pool_unless_the_label_file_lists_it(root, load, caplog):
    for feature_set, size in ((AUDIO, 3), (TEXT, 2)):
        spoil(root, feature_set, **{"pool_1 (1)": np.ones(size), "other (1)": np.ones(size)})
    corpus = load()
    pool = corpus.splits["unlabelled"].names.tolist()
    assert "other (1)" in pool  # nothing that it would be a copy of
    assert "pool_1 (1)" not in pool
    assert "1 clip without a label, by name a copy of another clip or a statis" in caplog.text
    assert "statistic: pool_1 (1)" in caplog.text
    assert {(each.reason, each.names) for each in corpus.left_out} == {("copy", ("pool_1 (1)",))}
    labels = user_folder.labelled([*(f"train_{i:02d}" for i in range(12)), "pool_1 (1)"])
    user_folder.write_labels(root, {"train_corpus": labels})
    corpus = load()
    assert "pool_1 (1)" in corpus.splits["train"].names.tolist()
    assert corpus.left_out == ()


# What is built


def test_the_fingerprint_is_of_the_clips_that_are_used(root, tmp_path):
    target = dataset.ensure(MER2023, root, tmp_path / "tfds", AUDIO)
    whole = stored.fingerprint(target)
    spoil(root, AUDIO, train_00=b"")
    dataset.ensure(MER2023, root, tmp_path / "tfds", AUDIO, bad="drop")
    without = stored.fingerprint(target)
    assert without != whole
    spoil(root, AUDIO, train_00=None)
    dataset.ensure(MER2023, root, tmp_path / "tfds", AUDIO)
    assert stored.fingerprint(target) == without
    assert stored.is_as_built(target)


def test_a_dataset_of_an_earlier_version_is_built_again_or_refused(root, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    target = dataset.ensure(MER2023, root, tmp_path / "tfds", AUDIO)
    target.rename(target.with_name("1.0.0"))
    with pytest.raises(
        InputError, match=r"holds no built dataset, only one of format 1\.0\.0, which is no longer"
    ):
        dataset.ensure(MER2023, None, tmp_path / "tfds", AUDIO)
    assert dataset.ensure(MER2023, root, tmp_path / "tfds", AUDIO) == target
    assert "building again, only one of format 1.0.0, which is no longer read" in caplog.text
