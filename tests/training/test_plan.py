"""How runs are grouped and cut into chunks."""

import jax
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
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
    assert plan._least_waste(runs, most) == width


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
