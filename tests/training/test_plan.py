"""How runs are grouped, cut into chunks, and given their folds."""

import jax
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Labels, Split
from mer_jax.training import loop, plan
from tests.support.runs import config_of, folds_of, samples_of, static_of


def groups_of(config):
    trials = config_lib.trials(config)
    return trials, plan.group(config, trials, ("audio", "video"), MER2023.task)


def test_runs_group_by_what_changes_shapes():
    trials, groups = groups_of(config_of())
    assert [static.settings for static in groups] == [(("hidden", 128),), (("hidden", 256),)]
    for runs, hidden in zip(groups.values(), (128, 256), strict=True):
        assert len(runs) == len(set(runs)) == 3 * 2 * 3  # learning rates, repeats, folds
        assert {trials[run.trial]["model.hidden"] for run in runs} == {hidden}
    assert sum(map(len, groups.values())) == len(trials) * 6


@pytest.mark.parametrize(
    ("runs", "most", "width"),
    [(45, 15, 15), (45, 7, 5), (15, 2, 2), (15, 4, 3), (7, 7, 7), (1, 1, 1), (16, 15, 8)],
)
def test_chunks_waste_little(runs, most, width):
    assert plan._least_waste(runs, most) == width


def test_the_rule_gives_large_models_fewer_runs_side_by_side():
    config = config_of(model__hidden=(8, 1024))
    _, groups = groups_of(config)
    small, large = plan.widths(config, groups, {"audio": 1024, "video": 1024})
    # 2 x 1024 x 1024 weights and more, 16 bytes each: one such run passes 8 MiB by far.
    assert (small, large) == (9, 1)
    assert plan.widths(config_of(train__chunk=4), groups, {"audio": 1, "video": 1}) == [4, 4]


def test_parameters_are_counted():
    sizes = {"audio": 6, "video": 4}
    expected = (6 * 8 + 8) + (4 * 8 + 8) + (8 + 2) + (8 * 6 + 6) + (8 + 1)
    assert loop.count_parameters(static_of(hidden=8), sizes) == expected


def test_every_run_is_in_one_chunk_and_surplus_copies_are_marked():
    config = config_of(train__chunk=4)
    _, groups = groups_of(config)
    chunks = plan.cut(groups, [4, 4])
    runs = [run for chunk in chunks for run in chunk.runs]
    assert sorted(runs) == sorted(run for group in groups.values() for run in group)
    assert [len(chunk.runs) for chunk in chunks] == [4, 4, 4, 4, 2] * 2
    assert all(len(chunk.padded) == chunk.width == 4 for chunk in chunks)
    assert jax.local_device_count() == 1


def test_the_runs_of_a_chunk_do_not_depend_on_the_devices(monkeypatch):
    _, groups = groups_of(config_of())
    on_one = plan.cut(groups, [5, 4])
    monkeypatch.setattr(jax, "local_device_count", lambda: 8)
    on_eight = plan.cut(groups, [5, 4])
    assert [chunk.runs for chunk in on_eight] == [chunk.runs for chunk in on_one]
    assert {chunk.width for chunk in on_eight} == {8}
    assert all(len(chunk.padded) == 8 for chunk in on_eight)


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
    samples = plan.training_samples(train, validation)
    folds = plan.make_folds(config_of(folds=0), samples, train.names, None)
    assert set(folds) == {(0, 0), (1, 0)}
    for fold in folds.values():
        rows = fold.validation_index[fold.validation_weight > 0]
        np.testing.assert_array_equal(samples.features["audio"][rows], validation.features["audio"])
        assert fold.train_weight.sum() == 20
        assert fold.train_index.max() < 20
