"""Which clips train, validate or are the pool, and what their folds hold."""

import jax
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data import folds as folds_lib
from mer_jax.data.arrays import Corpus, Labels, Split
from mer_jax.errors import InputError
from mer_jax.training import division, plan
from mer_jax.training.feed import Feed
from mer_jax.training.spreading import Spreading
from tests.support.plans import NAMES, SMALL, planned
from tests.support.runs import config_of, folds_of, samples_of


def test_folds_divide_train_and_are_padded_alike():
    samples = samples_of()
    folds = folds_of(samples)
    for repeat in range(2):
        validating = []
        for fold in range(3):
            one = folds[repeat, fold]
            training = one.train_index[one.train_weight > 0]
            held_out = one.validation_index[one.validation_weight > 0]
            assert sorted([*training, *held_out]) == list(range(37))
            validating += list(held_out)
            assert len(one.train_index) == 32  # 25 in batches of 8
            assert len(one.validation_index) == 16  # 12 or 13, in batches as well
        assert sorted(validating) == list(range(37))


def test_a_validation_split_is_the_one_fold():
    rng = np.random.default_rng(0)

    def split(count, offset):
        labels = Labels(np.zeros(count, np.int32), np.ones(count, bool),
                        np.zeros(count, np.float32), np.ones(count, bool))  # fmt: skip
        names = np.array([f"clip_{i + offset:03d}" for i in range(count)])
        return Split(names, {"audio": rng.normal(size=(count, 3)).astype(np.float32)}, labels)

    train, validation = split(20, 0), split(5, 20)
    samples = division.training_samples(train, validation)
    folds = division.make_folds(config_of(folds=0), samples, train.names, None)
    assert set(folds) == {(0, 0), (1, 0)}
    for fold in folds.values():
        rows = fold.validation_index[fold.validation_weight > 0]
        np.testing.assert_array_equal(samples.features["audio"][rows], validation.features["audio"])
        assert fold.train_weight.sum() == 20
        assert fold.train_index.max() < 20


def test_no_clip_of_a_fold_is_in_the_pool():
    grid_plan = planned(semi__method="fixmatch")
    labelled = {}
    for (repeat, fold), rows in grid_plan.folds.items():
        used = {*rows.train_index[rows.train_weight > 0].tolist()}
        validation = {*rows.validation_index[rows.validation_weight > 0].tolist()}
        assert not validation & {*rows.pool_index.tolist()}
        assert used | validation | {*rows.pool_index.tolist()} == set(range(len(NAMES)))
        labelled.setdefault(repeat, used | validation)
        assert labelled[repeat] == used | validation, fold
    assert labelled[0] != labelled[1]  # drawn anew for each repeat


def test_no_group_that_validates_is_in_the_pool_unless_the_test_clips_are():
    groups = [f"speaker_{i % 5}" for i in range(len(NAMES))]  # of 12 clips each

    def pools(**changes):
        config = config_of(**SMALL, semi__method="fixmatch", **changes)
        samples = samples_of(len(NAMES))
        samples = samples._replace(pool=division.find_pool(config, samples, None))
        folds = division.make_folds(config, samples, NAMES, groups)
        for (repeat, _), fold in folds.items():
            rows = folds_lib.labelled(
                NAMES, np.where(samples.labels.emotion_mask, samples.labels.emotion, -1), 0.5, 0,
                repeat,
            )  # fmt: skip
            validating = {groups[i] for i in fold.validation_index[fold.validation_weight > 0]}
            hidden = set(np.flatnonzero(~rows).tolist())
            others = {i for i in hidden if groups[i] not in validating}
            yield fold.pool_index, hidden, others

    found = list(pools())
    for pool, hidden, others in found:
        assert set(pool.tolist()) == others < hidden
    assert len({len(pool) for pool, *_ in found}) == 1  # the shorter ones have clips twice
    assert any(len(others) < len(pool) for pool, _, others in found)
    for pool, hidden, _ in pools(semi__transductive=True):
        assert set(pool.tolist()) == hidden


def test_exactly_two_of_each_class_are_labelled_and_the_rest_is_the_pool():
    changes = {"data__labelled_fraction": 1.0, "data__labelled_per_class": 2}
    grid_plan = planned(semi__method="fixmatch", **changes)
    emotion = grid_plan.samples.labels.emotion
    drawn = {}
    for (repeat, _), rows in grid_plan.folds.items():
        hidden = {*rows.pool_index.tolist()}
        kept = sorted(set(range(len(NAMES))) - hidden)
        used = {*rows.train_index[rows.train_weight > 0].tolist()}
        assert used < {*kept}
        assert np.bincount(emotion[kept])[np.unique(emotion)].tolist() == [2] * len(
            np.unique(emotion)
        )
        drawn[repeat] = kept
    assert drawn[0] != drawn[1]
    with pytest.raises(InputError, match=r"labelled_fraction and config\.data\.labelled_per_class"):
        planned(**{**changes, "data__labelled_fraction": 0.5})


def test_no_unlabelled_clip_is_told():
    config = config_of(semi__method="fixmatch")
    with pytest.raises(InputError, match=r"semi\.method='fixmatch' needs unlabelled clips"):
        division.find_pool(config, samples_of(20), None)
    assert division.find_pool(config_of(), samples_of(20), None) is None


def test_noise_is_relative_to_the_folds_training_rows_alone():
    samples = samples_of()
    samples.features["audio"][:5] *= 50  # whoever validates on these has much less deviation
    folds = folds_of(samples, train__views="noise 0.1")
    for fold in folds.values():
        rows = fold.train_index[fold.train_weight > 0]
        for modality, x in samples.features.items():
            expected = x[rows].astype(np.float64).std(0)
            np.testing.assert_allclose(fold.deviation[modality], expected, rtol=1e-5)
    scaled = folds_of(samples, train__views="noise 0.1", data__standardise=True)[0, 0]
    np.testing.assert_array_equal(scaled.deviation["audio"], np.ones(6))
    assert folds_of(samples)[0, 0].deviation == {}  # nobody needs it


def test_train_and_pool_may_be_standardised_by_the_columns_of_both():
    samples, pool = samples_of(20), samples_of(30, seed=1)
    names = np.array([f"clip_{i:03d}" for i in range(20)])
    splits = {
        "train": Split(names, samples.features, samples.labels),
        "unlabelled": Split(np.array([f"pool_{i}" for i in range(30)]), pool.features, pool.labels),
    }
    corpus = Corpus(MER2023, splits, {})
    _, folds = division.divide(config_of(data__standardise="all"), corpus)
    both = np.concatenate([samples.features["audio"], pool.features["audio"]]).astype(np.float64)
    for fold in folds.values():
        np.testing.assert_allclose(fold.scaler["audio"][0], both.mean(0), rtol=1e-5)
        np.testing.assert_allclose(fold.scaler["audio"][1], both.std(0), rtol=1e-5)


def test_a_clip_without_an_emotion_is_drawn_as_none_of_the_classes():
    samples = samples_of(len(NAMES))
    known = np.arange(len(NAMES)) % 3 > 0
    emotion = np.where(known, np.arange(len(NAMES)) % 2, 0).astype(np.int32)
    labels = samples.labels._replace(emotion=emotion, emotion_mask=known)
    grid_plan = planned(samples._replace(labels=labels), semi__method="fixmatch")
    for fold in grid_plan.folds.values():
        kept = np.setdiff1d(np.arange(len(NAMES)), fold.pool_index)
        assert np.bincount(emotion[kept][known[kept]]).tolist() == [10, 10]  # half of each 20
        assert (~known[kept]).sum() == 10  # half of those without one


def test_test_clips_may_join_a_pool_of_hidden_labels():
    samples, tests = samples_of(len(NAMES)), samples_of(9, seed=1)
    test = Split(np.array([f"test_{i}" for i in range(9)]), tests.features, tests.labels)
    corpus = Corpus(
        MER2023, {"train": Split(NAMES, samples.features, samples.labels), "mer_multi": test}, {}
    )
    config = config_of(semi__method="graph", data__labelled_fraction=0.5, semi__transductive=True)
    divided, folds = division.divide(config, corpus)
    pool = divided.pool
    assert len(pool.number) == len(NAMES) + 9
    np.testing.assert_array_equal(pool.features["audio"][len(NAMES) :], tests.features["audio"])
    assert not pool.emotion_mask[len(NAMES) :].any()
    alone, of_alone = division.divide(
        config_of(semi__method="graph", data__labelled_fraction=0.5), corpus
    )
    assert len(alone.pool.number) == len(NAMES)
    for key, fold in folds.items():
        np.testing.assert_array_equal(
            fold.pool_index, [*of_alone[key].pool_index, *range(len(NAMES), len(NAMES) + 9)]
        )
    grid_plan = plan.Plan(config, config_lib.trials(config), divided, folds)
    assert Spreading(grid_plan).targets(plan.Run(0, 0, 0), 6).shape == (len(NAMES) + 9, 6)
    limited = config.copy_and_resolve_references()
    limited.data.device_bytes = 1  # a stream of all of it would hold labelled clips
    feed = Feed(grid_plan._replace(config=limited))
    assert feed.spans(0, 3) == [(0, 3)]
    rows = feed.samples(0).pool.features["audio"][jax.numpy.arange(60, 69)]
    np.testing.assert_array_equal(rows, tests.features["audio"])


def test_where_auto_chooses_by_few_clips_each_fold_learns_every_class():
    """Of two labels a class at most one is in a fold; other trainings keep the folds they had."""
    few = {"data__labelled_fraction": 1.0, "data__labelled_per_class": 2}
    for method, divides in (("auto", True), (("auto", "fixmatch"), True), ("fixmatch", False)):
        grid_plan = planned(semi__method=method, semi__neighbours=3, repeats=4, **few)
        emotion, most = grid_plan.samples.labels.emotion, 0
        for fold in grid_plan.folds.values():
            rows = fold.validation_index[fold.validation_weight > 0]
            most = max(most, np.bincount(emotion[rows]).max())
        assert (most == 1) == divides


def test_where_many_clips_validate_auto_keeps_the_folds():
    samples = samples_of(200)
    names = np.array([f"clip_{i:03d}" for i in range(200)])
    config = config_of(semi__method="auto", data__labelled_fraction=0.9)
    samples = samples._replace(pool=division.find_pool(config, samples, None))
    plain = config_of(semi__method="fixmatch", data__labelled_fraction=0.9)
    one, other = (division.make_folds(of, samples, names, None) for of in (config, plain))
    np.testing.assert_array_equal(one[0, 1].train_index, other[0, 1].train_index)
