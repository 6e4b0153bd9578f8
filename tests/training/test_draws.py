"""Draws of traced settings share what is compiled: one program for each shape of a grid."""

import itertools

from mer_jax.corpora import MER2023
from mer_jax.training import grid, plan
from mer_jax.training.feed import Feed
from tests.support.plans import planned


def test_fifty_draws_of_traced_settings_are_one_program_a_shape():
    grid_plan = planned(
        model__fusion="lmf",
        model__hidden=(4, 6),
        model__rank=2,
        data__labelled_fraction=1.0,
        train__learning_rate=tuple(1e-3 * (i + 1) for i in range(5)),
        train__dropout=tuple(0.05 * i for i in range(5)),
        train__weight_decay=(1e-5, 1e-4),
        train__clip_value=1.0,
        repeats=1,
        folds=2,
    )
    groups = plan.group(grid_plan.config, grid_plan.trials, ("audio", "video"), MER2023.task)
    assert [len(runs) for runs in groups.values()] == [50 * 2, 50 * 2]
    feed = Feed(grid_plan)
    programs = []
    for of_group in (plan.cut({static: runs}, [40]) for static, runs in groups.items()):
        assert len(of_group) == 3
        for chunk in of_group:
            advance, state = grid.start(grid_plan, feed, chunk)
            advance(state, 0, 1)
        programs.append(grid.program_of(grid_plan, feed, of_group[0].static))
    for one, other in itertools.pairwise(programs):
        assert one is not other
    assert [program.advance._cache_size() for program in programs] == [1, 1]
    assert [program.init._cache_size() for program in programs] == [1, 1]
