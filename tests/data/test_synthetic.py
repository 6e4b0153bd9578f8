"""The synthetic corpus has Table 1's counts and the protocol's labels, and follows its seed."""

import pathlib

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import NearestCentroid

from mer_jax import published
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import synthetic
from tests.support import user_folder

MODALITIES = ("audio", "text", "video")
SMALL = {"train": 30, "mer_multi": 6, "mer_noise": 7, "mer_semi": 8}


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """The whole corpus with a pool of twenty, where the package itself puts it."""
    tfds_dir = tmp_path_factory.mktemp("synthetic")
    config = user_folder.config(
        pathlib.Path(), tfds_dir, data__corpus="synthetic", data__root="", data__synthetic__pool=20
    )
    root, found_dir = corpus_lib.locate(config)
    assert found_dir == tfds_dir
    return root


@pytest.fixture(scope="session")
def labels(full):
    """The label file by corpus, as NumPy itself reads it."""
    with np.load(full / "label-6way.npz", allow_pickle=True) as file:
        return {corpus: file[corpus].item() for corpus in file}


@pytest.fixture(scope="session")
def emotions(labels):
    return {c: np.array([clip["emo"] for clip in clips.values()]) for c, clips in labels.items()}


@pytest.fixture(scope="session")
def vectors(full, labels):
    """Every labelled clip's vector by modality and corpus."""
    return {
        modality: {
            corpus: np.stack([np.load(folder / f"{name}.npy") for name in clips])
            for corpus, clips in labels.items()
        }
        for modality in MODALITIES
        for folder in [full / "features" / f"synthetic-{modality}-UTT"]
    }


def files(root):
    return {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


# The whole corpus


def test_counts_of_table_1(full, labels):
    assert {corpus: len(clips) for corpus, clips in labels.items()} == {
        "train_corpus": 3373,
        "test1_corpus": 411,
        "test2_corpus": 412,
        "test3_corpus": 834,
    }
    names = {name for clips in labels.values() for name in clips}
    assert len(names) == 3373 + 411 + 412 + 834
    for modality in MODALITIES:
        present = {p.stem for p in (full / "features" / f"synthetic-{modality}-UTT").iterdir()}
        assert names < present
        assert len(present - names) == 20


def test_train_has_the_protocols_class_counts(emotions):
    words, counts = np.unique(emotions["train_corpus"], return_counts=True)
    assert dict(zip(words.tolist(), counts.tolist(), strict=True)) == {
        "neutral": 871, "angry": 822, "happy": 689, "worried": 462, "sad": 383, "surprise": 146
    }  # fmt: skip


@pytest.mark.parametrize("corpus", ["test1_corpus", "test2_corpus", "test3_corpus"])
def test_test_corpora_have_trains_proportions(emotions, corpus):
    words, counts = np.unique(emotions[corpus], return_counts=True)
    train = np.array([np.mean(emotions["train_corpus"] == word) for word in words])
    np.testing.assert_allclose(counts, train * len(emotions[corpus]), atol=1)


def test_valences_are_as_in_train_and_val(labels, emotions):
    valence = np.array([clip["val"] for clip in labels["train_corpus"].values()])
    # The standard error of this mean is 0.03.
    assert valence.mean() == pytest.approx(-0.69, abs=0.1)
    assert valence.std() == pytest.approx(1.79, abs=0.05)
    assert valence.min() >= -5
    assert valence.max() <= 5
    of = {word: valence[emotions["train_corpus"] == word] for word in user_folder.EMOTIONS}
    for below in ("angry", "sad", "worried"):
        assert np.mean(of[below] < 0) > 0.95
    assert np.mean(of["happy"] > 0) > 0.95
    assert abs(of["neutral"].mean()) < 0.3
    assert of["neutral"].std() < 0.7
    assert 0.3 < np.mean(of["surprise"] > 0) < 0.7
    assert of["surprise"].std() > 1.5


def test_mer_semi_has_no_valence(labels):
    assert {clip["val"] for clip in labels["test3_corpus"].values()} == {-10}
    for corpus in ("train_corpus", "test1_corpus", "test2_corpus"):
        assert -10 not in {clip["val"] for clip in labels[corpus].values()}


def test_audio_tells_more_than_video_and_video_more_than_text(vectors, emotions):
    score = {
        modality: cross_val_score(
            LinearDiscriminantAnalysis(), x["train_corpus"], emotions["train_corpus"], cv=3
        ).mean()
        for modality, x in vectors.items()
    }
    assert score["audio"] > score["video"] + 0.03
    assert score["video"] > score["text"] + 0.03
    assert score["text"] > 871 / 3373 + 0.1  # the constant prediction "neutral"


def test_the_audio_of_mer_noise_is_corrupted_and_nothing_else(vectors, emotions):
    drop = {}
    for modality, x in vectors.items():
        model = LinearDiscriminantAnalysis().fit(x["train_corpus"], emotions["train_corpus"])
        multi, noise, semi = (
            model.score(x[f"test{i}_corpus"], emotions[f"test{i}_corpus"]) for i in (1, 2, 3)
        )
        drop[modality] = (411 * multi + 834 * semi) / (411 + 834) - noise
    # The standard error of a difference is 0.028.
    assert drop["audio"] > 0.03
    assert abs(drop["text"]) < 0.09
    assert abs(drop["video"]) < 0.09
    # Noise of deviation 1.2 over 0.7 of what was there, in the columns of deviation about 1.
    spread = {
        modality: x["test2_corpus"][:, 1::2].std() / x["test1_corpus"][:, 1::2].std()
        for modality, x in vectors.items()
    }
    assert spread["audio"] == pytest.approx(np.hypot(0.7, 1.2), abs=0.1)
    assert spread["text"] == pytest.approx(1, abs=0.03)
    assert spread["video"] == pytest.approx(1, abs=0.03)


def test_some_clips_have_no_face(vectors):
    without = {
        modality: np.mean([not v.any() for v in np.concatenate(list(x.values()))])
        for modality, x in vectors.items()
    }
    assert without["audio"] == without["text"] == 0
    assert 0.005 < without["video"] < 0.02


# Writing it


def test_equal_seeds_write_equal_bytes(tmp_path):
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        synthetic.ensure(tmp_path / name, seed=seed, pool=5, counts=SMALL)
    one, same, other = (files(tmp_path / name) for name in ("one", "same", "other"))
    assert len(one) == 1 + 3 * (30 + 6 + 7 + 8 + 5)
    assert one == same
    assert one.keys() == other.keys()
    assert sum(one[path] == other[path] for path in one) <= 2  # two vectors of zeros, by chance


def test_what_is_there_is_not_written_again(tmp_path):
    root = tmp_path / "corpus"
    synthetic.ensure(root, seed=3, pool=0, counts=SMALL)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    synthetic.ensure(root, seed=4, pool=9, counts=SMALL)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_an_interrupted_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        synthetic.ensure(tmp_path / "corpus", seed=3, pool=0, counts=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_it_is_read_by_the_path_of_every_corpus(tmp_path):
    root = tmp_path / "corpus"
    synthetic.ensure(root, seed=0, pool=5, counts=SMALL)
    sets = {f"features__{modality}": f"synthetic-{modality}-UTT" for modality in MODALITIES}
    config = user_folder.config(root, tmp_path / "tfds", data__corpus="synthetic", **sets)
    corpus = corpus_lib.load(config)
    assert {name: len(split.names) for name, split in corpus.splits.items()} == {
        **SMALL, "unlabelled": 5
    }  # fmt: skip
    semi = corpus.splits["mer_semi"]
    assert semi.labels.emotion_mask.all()
    assert not semi.labels.valence_mask.any()
    assert not set(corpus.splits["unlabelled"].names) & set(semi.names)
    assert not corpus.splits["unlabelled"].labels.emotion_mask.any()
    for name in ("train", "mer_multi", "mer_noise"):
        assert corpus.splits[name].labels.emotion_mask.all()
        assert corpus.splits[name].labels.valence_mask.all()
    assert {m: x.shape[1] for m, x in semi.features.items()} == {
        "audio": 96, "text": 64, "video": 80
    }  # fmt: skip


# Sets of the paper's names


def test_papers_sets_are_added_and_change_nothing_else(tmp_path):
    one, other = "chinese-hubert-large-UTT", "chinese-hubert-base-UTT"
    synthetic.ensure(tmp_path / "own", seed=3, pool=5, counts=SMALL)
    own = files(tmp_path / "own")
    synthetic.ensure(tmp_path / "own", seed=3, pool=5, counts=SMALL, feature_sets=[one, "nobodys"])
    with_one = files(tmp_path / "own")
    # Together, in another order, on a new folder: what a set holds does not depend on it.
    synthetic.ensure(tmp_path / "both", seed=3, pool=5, counts=SMALL, feature_sets=[other, one])
    both = files(tmp_path / "both")
    assert {path: with_one[path] for path in own} == own
    assert {path.parent.name for path in with_one.keys() - own.keys()} == {one}
    assert len(with_one) - len(own) == 30 + 6 + 7 + 8 + 5
    assert {path: both[path] for path in with_one} == with_one
    assert len(both) - len(with_one) == 30 + 6 + 7 + 8 + 5
    x, y = (
        np.concatenate([np.load(p) for p in sorted((tmp_path / "both/features" / name).iterdir())])
        for name in (one, other)
    )
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.2  # each has noise of its own


def test_the_set_of_a_better_published_score_tells_more(tmp_path):
    counts = {"train": 400, "mer_multi": 200, "mer_noise": 1, "mer_semi": 1}
    sets = ["eGeMAPS_UTT", "chinese-hubert-large-UTT"]  # 17 and 66 %
    synthetic.ensure(tmp_path / "corpus", seed=0, pool=0, counts=counts, feature_sets=sets)
    with np.load(tmp_path / "corpus" / "label-6way.npz", allow_pickle=True) as file:
        train, test = file["train_corpus"].item(), file["test1_corpus"].item()
    scores = []
    for name in sets:
        (x, y), (x_test, y_test) = (
            (
                np.stack([np.load(tmp_path / f"corpus/features/{name}/{c}.npy") for c in clips]),
                [clip["emo"] for clip in clips.values()],
            )
            for clips in (train, test)
        )
        scores.append(NearestCentroid().fit(x, y).score(x_test, y_test))
    assert scores[0] + 0.15 < scores[1]  # the standard error of the difference is 0.05


def test_every_set_of_the_paper_can_be_had(tmp_path):
    config = user_folder.config(
        pathlib.Path(), tmp_path, data__corpus="synthetic", data__root="", features__audio="x"
    )
    present = corpus_lib.available(config)
    assert len(present) == 3 + 27
    for known in published.FEATURE_SETS.values():
        assert known.folders[0] in present
    assert list(tmp_path.iterdir()) == []  # nothing is written before a config names it
