"""Measured widths: the fastest for the whole group is taken."""

import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.training import measure, plan
from mer_jax.training.feed import Feed
from tests.support.runs import SIZES, config_of, folds_of, samples_of


def planned(**changes):
    config = config_of(train__chunk="measure", **changes)
    trials, samples = config_lib.trials(config), samples_of()
    groups = plan.group(config, trials, tuple(SIZES), MER2023.task)
    return plan.Plan(config, trials, samples, folds_of(samples, **changes)), groups


@pytest.mark.parametrize(
    ("seconds", "fastest"),
    [
        ({1: 1.0, 2: 1.9, 5: 4.0, 9: 9.0, 15: 18.0}, 5),  # the 18 runs: 18, 17.1, 16, 18, 36 s
        ({1: 1.0, 2: 1.9, 5: 4.0, 9: 7.9, 15: 8.0}, 9),  # 15 is fastest by run, but 12 are copies
        ({1: 0.5, 2: 1.9, 5: 4.0, 9: 9.0, 15: 18.0}, 1),
    ],
)
def test_the_width_that_trains_the_group_fastest_is_taken(monkeypatch, seconds, fastest):
    grid_plan, groups = planned(model__hidden=(8, 6))
    tried = []

    def fake(_, __, chunk):
        tried.append((chunk.static, chunk.width))
        return seconds[chunk.width]

    monkeypatch.setattr(measure, "seconds_of_epoch", fake)
    assert measure.widths(grid_plan, groups, [9, 9]) == [fastest, fastest]
    assert tried == [(static, width) for static in groups for width in (1, 2, 5, 9, 15)]


def test_no_width_exceeds_the_runs(monkeypatch):
    grid_plan, groups = planned(model__hidden=8, train__learning_rate=1e-3)  # 6 runs
    tried = []
    monkeypatch.setattr(
        measure, "seconds_of_epoch", lambda _, __, chunk: tried.append(chunk.width) or 1.0
    )
    assert measure.widths(grid_plan, groups, [5]) == [5]  # 1.0 s a chunk: 6, 3, 2 s
    assert tried == [1, 2, 5]


def test_an_epoch_is_timed_once_it_is_compiled(monkeypatch):
    grid_plan, groups = planned(model__hidden=8, train__learning_rate=1e-3)
    chunk = plan.cut(groups, [2])[0]
    events = []
    start, ticks = measure.grid.start, iter([10.0, 13.0, 20.0, 22.0])

    def recorded_start(*arguments):
        advance, state = start(*arguments)
        return lambda *epochs: events.append("epoch") or advance(*epochs), state

    monkeypatch.setattr(measure.grid, "start", recorded_start)
    monkeypatch.setattr(measure, "_clock", lambda: events.append("clock") or next(ticks))
    assert measure.seconds_of_epoch(grid_plan, Feed(grid_plan), chunk) == 2.0  # the less disturbed
    assert events == ["epoch", "clock", "epoch", "clock", "clock", "epoch", "clock"]
