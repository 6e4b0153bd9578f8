"""A corpus in memory: modalities joined by name, missing labels as masks, labels given later."""

import errno
import os
import pathlib

import numpy as np
import pytest

from mer_jax import files
from mer_jax.corpora import MER2023
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import dataset, label_arrays, stored
from mer_jax.data.labels import LabelRules
from mer_jax.errors import InputError
from tests.support import user_folder
from tests.support.user_folder import AUDIO, TEXT


@pytest.fixture
def make_config(tmp_path, root):
    def make(**changes):
        return user_folder.config(root, tmp_path / "tfds", **changes)

    return make


# Joining


def test_modalities_are_joined_by_name(root, make_config):
    names = user_folder.write_mer2023(root)
    corpus = corpus_lib.load(make_config(features__text=TEXT))
    assert list(corpus.splits) == ["train", "mer_multi", "mer_noise", "mer_semi", "unlabelled"]
    for split_name, split in corpus.splits.items():
        assert split.names.tolist() == sorted(names[split_name])
        assert list(split.features) == ["audio", "text"]
        for modality, feature_set in (("audio", AUDIO), ("text", TEXT)):
            on_disk = [np.load(root / "features" / feature_set / f"{n}.npy") for n in split.names]
            np.testing.assert_array_equal(split.features[modality], on_disk)


def test_one_feature_set_may_serve_two_modalities(root, make_config):
    user_folder.write_mer2023(root)
    train = corpus_lib.load(make_config(features__video=AUDIO)).splits["train"]
    np.testing.assert_array_equal(train.features["audio"], train.features["video"])


def test_a_modality_may_have_several_sets(root, make_config):
    user_folder.write_mer2023(root)
    config = make_config(features__audio=f"{AUDIO}, {TEXT}", features__text=TEXT)
    expected = {"audio": AUDIO, "audio_2": TEXT, "text": TEXT}
    assert corpus_lib.modalities(config) == expected
    train = corpus_lib.load(config).splits["train"]
    assert list(train.features) == list(expected)
    np.testing.assert_array_equal(train.features["audio_2"], train.features["text"])
    assert train.features["audio"].shape != train.features["audio_2"].shape
    with pytest.raises(InputError, match="'' is not a valid name of a feature set"):
        corpus_lib.load(make_config(features__audio=f"{AUDIO},"))


def test_names_that_one_modality_lacks_are_counted(root, make_config):
    user_folder.write_mer2023(root)
    user_folder.write_vectors(root, AUDIO, [f"more_{i}" for i in range(5)])
    config = make_config(features__text=TEXT)
    with pytest.raises(InputError) as refusal:
        corpus_lib.load(config)
    listing = root.parent / "tfds" / "mer2023" / f"{AUDIO}+{TEXT}.missing.csv"
    where = f"{root}/features/words-UTT, unlabelled"
    assert str(refusal.value) == (
        f"{where}: 5 names without a feature: more_0, more_1, more_2, ...; all of them: {listing}; "
        "config.data.missing=drop leaves such clips out, zero fills in zeros"
    )
    assert listing.read_text() == "".join(f'"{where}",more_{i}\n' for i in range(5))


def test_a_modality_that_lacks_a_whole_split(root, make_config):
    names = user_folder.write_mer2023(root)
    clips = user_folder.labelled(names["train"])
    user_folder.write_labels(root, {"train_corpus": clips})
    for split in ("mer_multi", "mer_noise", "mer_semi"):
        for name in names[split]:
            (root / "features" / AUDIO / f"{name}.npy").unlink()
    config = make_config(features__text=TEXT)
    with pytest.raises(InputError, match=r"tones_UTT, unlabelled: 10 names without a feature: "):
        corpus_lib.load(config)


def test_datasets_built_at_different_times_do_not_join(root, tmp_path, make_config):
    names = user_folder.write_mer2023(root)
    dataset.ensure(MER2023, root, tmp_path / "tfds", AUDIO)
    clips = user_folder.labelled([f"train_{i:02d}" for i in range(11)])
    user_folder.write_labels(root, {"train_corpus": clips})
    (root / "features" / TEXT / "train_11.npy").unlink()
    dataset.ensure(MER2023, root, tmp_path / "tfds", TEXT)
    user_folder.write_labels(root, {"train_corpus": user_folder.labelled(names["train"])})
    with pytest.raises(
        InputError, match=r"words-UTT, train: 1 name without a feature: train_11; c"
    ):
        corpus_lib.load(make_config(features__text=TEXT))


# Labels are read, features are built


def test_fresh_labels_are_read_and_nothing_is_built(root, tmp_path, make_config, log):
    names = user_folder.write_mer2023(root)
    before = corpus_lib.load(make_config(features__text=TEXT))
    built = {path: path.stat().st_mtime_ns for path in (tmp_path / "tfds").rglob("*.npy")}
    corrected = user_folder.labelled(names["train"]) | {"train_03": {"emo": "happy", "val": 4.5}}
    # Two clips change their splits and one leaves: no split lies on disk as it is now.
    train = {name: corrected[name] for name in names["train"][:10]}
    multi = {name: corrected[name] for name in (*names["train"][10:11],)}
    multi |= user_folder.placeholders(["noise_1"])
    user_folder.write_labels(root, {"train_corpus": train, "test1_corpus": multi})
    log.clear()
    after = corpus_lib.load(make_config(features__text=TEXT))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tfds").rglob("*.npy")} == built
    assert not any("build" in message for message in log.messages)
    assert {name: split.names.tolist() for name, split in after.splits.items()} == {
        "train": names["train"][:10],
        "mer_multi": ["noise_1", "train_10"],
        "unlabelled": sorted(
            [*names["mer_multi"], "noise_0", "noise_2", *names["mer_semi"], "train_11"]
        ),
    }
    labels = after.splits["train"].labels
    assert (labels.emotion[3], labels.valence[3]) == (2, 4.5)
    for split in after.splits.values():
        for modality, feature_set in (("audio", AUDIO), ("text", TEXT)):
            on_disk = [np.load(root / "features" / feature_set / f"{n}.npy") for n in split.names]
            np.testing.assert_array_equal(split.features[modality], on_disk)
    assert after.fingerprint[AUDIO] == before.fingerprint[AUDIO]
    assert after.fingerprint[corpus_lib.LABELS] != before.fingerprint[corpus_lib.LABELS]


def test_the_labels_fingerprint_is_of_what_they_say_alone(root, make_config):
    names = user_folder.write_mer2023(root)
    clips = user_folder.labelled(names["train"])

    def fingerprint(clips, **changes):
        user_folder.write_labels(root, {"train_corpus": clips})
        return corpus_lib.load(make_config(**changes)).fingerprint[corpus_lib.LABELS]

    first = fingerprint(clips)
    assert fingerprint(dict(reversed(clips.items()))) == first
    as_text = {name: {**label, "val": str(label["val"])} for name, label in clips.items()}
    assert fingerprint(as_text) == first
    for change in ({"emo": "happy"}, {"val": 0.25}, {"val": -10}):
        assert fingerprint(clips | {"train_03": {**clips["train_03"], **change}}) != first
    assert fingerprint({name: clips[name] for name in list(clips)[1:]}) != first


def test_a_built_dataset_alone_keeps_the_label_file(root, tmp_path, make_config):
    names = user_folder.write_mer2023(root)
    with_folder = corpus_lib.load(make_config())
    alone = corpus_lib.load(make_config(data__root=""))
    assert alone.fingerprint == with_folder.fingerprint
    # The last label file that was seen, under whichever name.
    (root / user_folder.LABEL_FILE).unlink()
    clips = user_folder.labelled(names["mer_noise"])
    user_folder.write_labels(root, {"train_corpus": clips}, "label.npz")
    corpus_lib.build(make_config())
    assert corpus_lib.load(make_config(data__root="")).splits["train"].names.tolist() == sorted(
        names["mer_noise"]
    )


def test_a_folder_of_datasets_that_is_read_only_is_read(root, make_config, log, monkeypatch):
    names = user_folder.write_mer2023(root)
    corpus_lib.build(make_config())
    user_folder.write_labels(root, {"train_corpus": user_folder.labelled(names["mer_noise"])})

    def refuse(path, *_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(files, "write_bytes", refuse)
    log.clear()
    corpus = corpus_lib.load(make_config())
    assert corpus.splits["train"].names.tolist() == sorted(names["mer_noise"])
    (said,) = [record.getMessage() for record in log.records if record.levelname == "WARNING"]
    assert "no copy of label-6way.npz could be kept: Permission denied" in said


def test_a_frame_level_set_is_averaged_and_said_so(root, make_config, log):
    clips = user_folder.labelled(["a", "b", "c"])
    user_folder.write_labels(root, {"train_corpus": clips})
    frames = {
        "b": [[0.0, 1.0]],
        "a": [[1.0, 2.0], [3.0, 6.0]],
        "c": [[1.0, 1.0]] * 2 + [[4.0, 7.0]],
    }
    user_folder.write_features(root, "faces_FRA", frames)
    user_folder.write_vectors(root, AUDIO, clips)
    corpus = corpus_lib.load(make_config(features__video="faces_FRA"))
    video = corpus.splits["train"].features["video"]
    assert video.dtype == np.float32
    assert video.tolist() == [[2, 4], [0, 1], [2, 3]]
    said = [r.getMessage() for r in log.records if "averaged over time" in r.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("faces_FRA is frame level")


def test_the_fingerprint_names_each_set(root, make_config):
    user_folder.write_mer2023(root)
    corpus = corpus_lib.load(make_config(features__text=TEXT))
    assert corpus.fingerprint.keys() == {AUDIO, TEXT, corpus_lib.LABELS}
    assert corpus.fingerprint[AUDIO] != corpus.fingerprint[TEXT]


def test_test_splits_are_all_but_train_and_the_pool(root, make_config):
    user_folder.write_mer2023(root)
    corpus = corpus_lib.load(make_config())
    assert list(corpus.test_splits()) == ["mer_multi", "mer_noise", "mer_semi"]
    assert list(corpus.test_splits(without="mer_noise")) == ["mer_multi", "mer_semi"]


def test_a_label_file_without_train(root, make_config):
    names = user_folder.write_mer2023(root)
    user_folder.write_labels(root, {"test1_corpus": user_folder.labelled(names["mer_multi"])})
    with pytest.raises(InputError, match="the label file has no train corpus"):
        corpus_lib.load(make_config())


# Labels as masks


def test_missing_labels_are_masks(root, make_config):
    clips = {
        "both": {"emo": "surprise", "val": -4.5},
        "emotion": {"emo": "angry", "val": -10},
        "valence": {"emo": None, "val": 0.0},
        "none": {"emo": "", "val": None},
    }
    user_folder.write_labels(root, {"train_corpus": clips})
    user_folder.write_vectors(root, AUDIO, clips)
    split = corpus_lib.load(make_config()).splits["train"]
    assert split.names.tolist() == ["both", "emotion", "none", "valence"]
    labels = split.labels
    assert labels.emotion_mask.tolist() == [True, True, False, False]
    assert labels.valence_mask.tolist() == [True, False, False, True]
    assert labels.emotion[labels.emotion_mask].tolist() == [5, 1]
    assert labels.valence[labels.valence_mask].tolist() == [-4.5, 0.0]
    # What a mask hides must be harmless in a sum or as an index.
    assert labels.emotion.min() >= 0
    assert np.isfinite(labels.valence).all()


def test_placeholders_leave_as_masks(root, make_config):
    user_folder.write_mer2023(root)
    corpus = corpus_lib.load(make_config())
    for name, split in corpus.splits.items():
        assert split.labels.emotion_mask.all() == (name == "train")
        assert split.labels.emotion_mask.any() == (name == "train")
        assert split.labels.valence_mask.any() == (name == "train")


SENTIMENT = {"a": -1.5, "b": 0.0, "c": 2.0, "d": None}


@pytest.mark.parametrize(
    ("zero_valence", "classes"),
    [
        ("positive", [0, 1, 1, None]),
        ("negative", [0, 0, 1, None]),
        ("drop", [0, None, 1, None]),
    ],
)
def test_sentiment_classes_with_zero_positive_or_dropped(root, make_config, zero_valence, classes):
    clips = {name: {"emo": 0, "val": valence} for name, valence in SENTIMENT.items()}
    user_folder.write_labels(root, {"train_corpus": clips}, "label.npz")
    user_folder.write_vectors(root, AUDIO, clips)
    config = make_config(data__corpus="cmumosi", data__zero_valence=zero_valence)
    labels = corpus_lib.load(config).splits["train"].labels
    found = [
        int(emotion) if known else None
        for emotion, known in zip(labels.emotion, labels.emotion_mask, strict=True)
    ]
    assert found == classes
    # Only the class of a zero is in doubt: its valence stays.
    assert labels.valence_mask.tolist() == [True, True, True, False]
    assert labels.valence[:3].tolist() == [-1.5, 0, 2]


def test_a_zero_valence_drops_no_emotion_elsewhere(root, make_config):
    clips = {"a": {"emo": "sad", "val": 0.0}, "b": {"emo": "happy", "val": 1.0}}
    user_folder.write_labels(root, {"train_corpus": clips})
    user_folder.write_vectors(root, AUDIO, clips)
    labels = corpus_lib.load(make_config(data__zero_valence="drop")).splits["train"].labels
    assert labels.emotion_mask.tolist() == [True, True]


def test_a_corpus_without_valence(root, make_config):
    clips = {"dia0_utt0": {"emo": "joy", "val": 0.0}, "dia0_utt1": {"emo": 4, "val": 1.0}}
    corpora = {"train_corpus": clips, "val_corpus": {"dia1_utt0": {"emo": 0}}}
    user_folder.write_labels(root, corpora, "label.npz")
    user_folder.write_vectors(root, AUDIO, ["dia0_utt0", "dia0_utt1", "dia1_utt0"])
    corpus = corpus_lib.load(make_config(data__corpus="meld"))
    assert corpus.task.valence_range is None
    assert list(corpus.splits) == ["train", "val"]
    assert corpus.splits["train"].labels.emotion.tolist() == [1, 4]
    for split in corpus.splits.values():
        assert not split.labels.valence_mask.any()


# The unlabelled pool


def split_names(root, make_config, corpora, more=()):
    user_folder.write_labels(root, corpora)
    user_folder.write_vectors(
        root, AUDIO, [*(name for clips in corpora.values() for name in clips), *more]
    )
    splits = corpus_lib.load(make_config()).splits
    return {name: split.names.tolist() for name, split in splits.items()}


def test_an_unlabelled_test3_is_mer_semi_and_the_pool(root, make_config):
    corpora = {
        "train_corpus": user_folder.labelled(["t"]),
        "test3_corpus": user_folder.placeholders(["s_1", "s_2"]),
    }
    found = split_names(root, make_config, corpora, more=["u_1"])
    assert found["mer_semi"] == ["s_1", "s_2"]
    assert found["unlabelled"] == ["s_1", "s_2", "u_1"]


def test_a_labelled_test3_is_not_in_the_pool(root, make_config):
    corpora = {
        "train_corpus": user_folder.labelled(["t"]),
        "test3_corpus": {"s_1": {"emo": "sad", "val": -10}, "s_2": {"emo": "happy", "val": -10}},
    }
    found = split_names(root, make_config, corpora, more=["u_1", "u_2"])
    assert found["mer_semi"] == ["s_1", "s_2"]
    assert found["unlabelled"] == ["u_1", "u_2"]


def test_of_a_partly_labelled_test3_the_rest_is_the_pool(root, make_config):
    corpora = {
        "train_corpus": user_folder.labelled(["t"]),
        "test3_corpus": {"s_1": {"emo": "sad", "val": -10}, "s_2": {"emo": "", "val": -10}},
    }
    found = split_names(root, make_config, corpora)
    assert found["mer_semi"] == ["s_1", "s_2"]
    assert found["unlabelled"] == ["s_2"]


def test_no_clip_of_train_test1_or_test2_is_in_the_pool(root, make_config):
    corpora = {
        "train_corpus": {"t_1": {"emo": "sad", "val": 1.0}, "t_2": {"emo": None, "val": None}},
        "test1_corpus": user_folder.placeholders(["m"]),
        "test2_corpus": user_folder.placeholders(["n"]),
    }
    found = split_names(root, make_config, corpora, more=["u"])
    assert found["unlabelled"] == ["u"]
    assert "mer_semi" not in found


def test_without_a_pool_there_is_no_such_split(root, make_config):
    found = split_names(root, make_config, {"train_corpus": user_folder.labelled(["t"])})
    assert found == {"train": ["t"]}


# Labels given later


@pytest.fixture
def corpus(root, make_config):
    user_folder.write_mer2023(root)
    return corpus_lib.load(make_config())


def give(corpus, path, zero_valence="positive"):
    return label_arrays.given_labels(corpus, path, corpus.test_splits(), LabelRules(zero_valence))


def known(split):
    """The labels that are there, by name."""
    labels = split.labels
    return {
        name: (
            int(labels.emotion[i]) if labels.emotion_mask[i] else None,
            float(labels.valence[i]) if labels.valence_mask[i] else None,
        )
        for i, name in enumerate(split.names.tolist())
        if labels.emotion_mask[i] or labels.valence_mask[i]
    }


def test_a_csv_may_cover_a_part_of_several_splits(corpus, tmp_path):
    path = tmp_path / "later.csv"
    path.write_text("name,discrete,valence\nnoise_2,worried,-1.5\nmulti_1,happy,\nnoise_0,,2\n")
    before = corpus.test_splits()
    splits = label_arrays.given_labels(corpus, path, before, LabelRules())
    assert known(splits["mer_multi"]) == {"multi_1": (2, None)}
    assert known(splits["mer_noise"]) == {"noise_0": (None, 2.0), "noise_2": (4, -1.5)}
    assert known(splits["mer_semi"]) == {}
    for name, split in splits.items():
        assert split.names is corpus.splits[name].names
        assert split.features is corpus.splits[name].features
    assert known(before["mer_multi"]) == {}, "what was given stays as it was"


def test_an_npz_may_cover_a_part_of_a_split(corpus, tmp_path):
    # A whole label file: its train clips are nothing to score, whatever it says of them.
    clips = {
        "train_corpus": {"elsewhere": {"emo": "sad", "val": 1.0}},
        "test3_corpus": {"pool_3": {"emo": "angry", "val": -10}},
    }
    splits = give(corpus, user_folder.write_labels(tmp_path, clips, "later.npz"))
    assert known(splits["mer_semi"]) == {"pool_3": (1, None)}
    assert known(splits["mer_noise"]) == {}


@pytest.fixture
def labelled(root, make_config):
    """A corpus whose mer_multi is labelled: sad, 1.0."""
    names = user_folder.write_mer2023(root)
    clips = {name: {"emo": "sad", "val": 1.0} for name in names["mer_multi"]}
    train = user_folder.labelled(names["train"])
    user_folder.write_labels(root, {"train_corpus": train, "test1_corpus": clips})
    corpus = corpus_lib.load(make_config())
    assert known(corpus.splits["mer_multi"]) == {"multi_0": (3, 1.0), "multi_1": (3, 1.0)}
    return corpus


@pytest.mark.parametrize(
    ("row", "label"),
    [("happy,2.5", (2, 2.5)), ("happy,", (2, 1.0)), (",2.5", (3, 2.5)), ("happy,-10", (2, 1.0))],
)
def test_labels_given_later_replace_those_that_they_name(labelled, tmp_path, row, label):
    path = tmp_path / "later.csv"
    path.write_text(f"name,discrete,valence\nmulti_0,{row}\n")
    assert known(give(labelled, path)["mer_multi"]) == {"multi_0": label, "multi_1": (3, 1.0)}


def test_an_npz_given_later_replaces_by_clip_as_well(labelled, tmp_path):
    clips = {"test1_corpus": {"multi_1": {"emo": "angry", "val": -2.0}}}
    path = user_folder.write_labels(tmp_path, clips, "later.npz")
    assert known(give(labelled, path)["mer_multi"]) == {"multi_0": (3, 1.0), "multi_1": (1, -2.0)}


def test_placeholders_given_later_replace_nothing(labelled, tmp_path):
    clips = {"test1_corpus": user_folder.placeholders(["multi_0", "multi_1"])}
    path = user_folder.write_labels(tmp_path, clips, "later.npz")
    with pytest.raises(InputError, match="labels none of"):
        give(labelled, path)


def test_names_that_no_split_has_are_counted(corpus, tmp_path):
    path = tmp_path / "later.csv"
    rows = [f"stranger_{i},sad,0" for i in range(4)] + ["multi_0,sad,0", "train_00,sad,0"]
    path.write_text("\n".join(["name,discrete,valence", *rows]))
    with pytest.raises(InputError) as refusal:
        give(corpus, path)
    assert str(refusal.value) == (
        f"{path}: 5 names not in mer_multi, mer_noise, mer_semi: "
        "stranger_0, stranger_1, stranger_2, ..."
    )


def test_an_npzs_names_must_be_in_its_own_split(corpus, tmp_path):
    clips = {"test1_corpus": {"noise_0": {"emo": "sad", "val": 1.0}}}
    path = user_folder.write_labels(tmp_path, clips, "later.npz")
    with pytest.raises(InputError, match=r"1 name not in mer_multi: noise_0$"):
        give(corpus, path)


def test_a_file_that_labels_nothing(corpus, tmp_path):
    path = tmp_path / "later.csv"
    path.write_text("name,discrete,valence\n")
    with pytest.raises(InputError, match=r"labels none of mer_multi, mer_noise, mer_semi"):
        give(corpus, path)
    clips = {"train_corpus": {"train_00": {"emo": "sad", "val": 1.0}}}
    with pytest.raises(InputError, match="labels none of"):
        give(corpus, user_folder.write_labels(tmp_path, clips, "later.npz"))


@pytest.mark.parametrize(("zero_valence", "expected"), [("positive", 1), ("drop", None)])
def test_zeros_given_later_are_dropped_as_well(root, make_config, tmp_path, zero_valence, expected):
    corpora = {"train_corpus": {"a": {"emo": 0, "val": 1.0}}, "test_corpus": {"b": {"emo": 0}}}
    user_folder.write_labels(root, corpora, "label.npz")
    user_folder.write_vectors(root, AUDIO, ["a", "b"])
    corpus = corpus_lib.load(make_config(data__corpus="cmumosi"))
    assert known(corpus.splits["test"]) == {}
    path = tmp_path / "later.csv"
    path.write_text("name,valence\nb,0\n")
    assert known(give(corpus, path, zero_valence)["test"]) == {"b": (expected, 0.0)}


# What is built, and where


def test_all_sets_of_the_folder_are_built(root, tmp_path, make_config):
    user_folder.write_mer2023(root)
    built = corpus_lib.build(make_config(features__all=True, features__audio=""))
    assert list(built) == [AUDIO, TEXT]
    for name, target in built.items():
        assert target == tmp_path / "tfds" / "mer2023" / name / "2.0.0"
        assert len(stored.read(target)["train"].names) == 12


def test_only_the_sets_that_are_named_are_built(root, tmp_path, make_config):
    user_folder.write_mer2023(root)
    assert list(corpus_lib.build(make_config())) == [AUDIO]
    assert not (tmp_path / "tfds" / "mer2023" / TEXT).exists()


def test_a_config_without_a_feature_set(make_config, root):
    user_folder.write_mer2023(root)
    with pytest.raises(InputError, match=r"no feature set; name one or more of config\.features"):
        corpus_lib.load(make_config(features__audio=""))


def test_nothing_to_find_data_by(make_config):
    with pytest.raises(InputError, match=r"config\.data\.root is empty"):
        corpus_lib.build(make_config(data__root="", data__tfds_dir=""))
    with pytest.raises(InputError, match=r"config\.features\.all needs config\.data\.root"):
        corpus_lib.build(make_config(data__root="", features__all=True))


def test_two_users_folders_never_share_a_dataset(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    places = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        config = user_folder.config(tmp_path / name, pathlib.Path(), data__tfds_dir="")
        places.append(corpus_lib.locate(config))
    assert [root.name for root, _ in places] == ["one", "two"]
    assert places[0][1] != places[1][1]
    assert all(tfds_dir.is_relative_to(tmp_path / "home") for _, tfds_dir in places)


# Which sets there are


def test_available_are_the_folders_sets_or_without_it_those_that_are_built(root, make_config):
    user_folder.write_mer2023(root)
    config = make_config()
    assert corpus_lib.available(config) == [AUDIO, TEXT]
    without_folder = make_config(data__root="")
    assert corpus_lib.available(without_folder) == []
    corpus_lib.build(config)
    assert corpus_lib.available(without_folder) == [AUDIO]
