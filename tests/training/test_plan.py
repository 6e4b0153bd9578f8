"""How runs are grouped and cut into chunks."""

import dataclasses

import jax
import pytest

from mer_jax import config as config_lib
from mer_jax import environment
from mer_jax.corpora import MER2023
from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.training import plan
from tests.support.runs import config_of


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
    assert plan._least_waste(runs, most, 1) == width


def test_chunks_on_several_cores_count_the_copies_that_fill_them():
    assert plan._least_waste(20, 6, 2) == 4  # five chunks of 4; of 5 runs four would compute 6 each


@pytest.mark.parametrize(
    ("level", "runs", "chunk", "cores", "count"),  # of 50 copies of the features that fit
    [
        (FRAME, 18, "auto", 2, 2), (FRAME, 5, "auto", 2, 1),  # a sixth place would be a copy
        (FRAME, 5, "auto", 8, 5), (FRAME, 45, "auto", 4, 4), (FRAME, 45, "auto", 64, 45),
        (FRAME, 18, 1, 2, 1), (FRAME, 100, "auto", 64, 50), (FRAME, 18, "auto", 1, 1),
        (UTTERANCE, 18, "auto", 8, 1),
    ],
)  # fmt: skip
def test_how_many_cores_share_a_chunk(monkeypatch, level, runs, chunk, cores, count):
    config = config_of(train__chunk=chunk, model__hidden=8)
    ((static, found),) = groups_of(config)[1].items()
    groups = {dataclasses.replace(static, level=level): (found * 6)[:runs]}
    monkeypatch.setattr(jax, "local_device_count", lambda: cores)
    assert plan.spread(config, groups, 50) == 0  # of another kind, or made by a variable
    monkeypatch.setattr(environment, "cores_are_devices", lambda: True)
    assert plan.spread(config, groups, 50) == count


def test_each_core_takes_what_one_device_would():
    config = config_of(model__hidden=1024)
    _, groups = groups_of(config)
    sizes = {"audio": 1024, "video": 1024}
    assert [plan.widths(config, groups, sizes, cores=cores) for cores in (1, 3)] == [[1], [3]]
    assert {chunk.width for chunk in plan.cut(groups, [4], 3)} == {6}


def test_the_rule_gives_large_models_fewer_runs_side_by_side():
    config = config_of(model__hidden=(8, 1024))
    _, groups = groups_of(config)
    small, large = plan.widths(config, groups, {"audio": 1024, "video": 1024})
    # 2 x 1024 x 1024 weights and more, 16 bytes each: one such run passes 8 MiB by far.
    assert (small, large) == (9, 1)
    assert plan.widths(config_of(train__chunk=4), groups, {"audio": 1, "video": 1}) == [4, 4]


def test_every_run_is_in_one_chunk_and_surplus_copies_are_marked():
    config = config_of(train__chunk=4)
    _, groups = groups_of(config)
    chunks = plan.cut(groups, [4, 4])
    runs = [run for chunk in chunks for run in chunk.runs]
    assert sorted(runs) == sorted(run for group in groups.values() for run in group)
    assert [len(chunk.runs) for chunk in chunks] == [4, 4, 4, 4, 2] * 2
    assert all(len(chunk.padded) == chunk.width == 4 for chunk in chunks)
    last = chunks[4]
    assert last.padded == (*last.runs, last.runs[1], last.runs[1])  # the last one, not the first
    assert jax.local_device_count() == 1


def test_the_runs_of_a_chunk_do_not_depend_on_the_devices(monkeypatch):
    _, groups = groups_of(config_of())
    on_one = plan.cut(groups, [5, 4])
    monkeypatch.setattr(jax, "local_device_count", lambda: 8)
    on_eight = plan.cut(groups, [5, 4])
    assert [chunk.runs for chunk in on_eight] == [chunk.runs for chunk in on_one]
    assert {chunk.width for chunk in on_eight} == {8}
    assert all(len(chunk.padded) == 8 for chunk in on_eight)
