"""Plans of small semi-supervised trainings, and their first runs trained."""

import numpy as np

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.training import division, grid, plan
from mer_jax.training.feed import Feed
from tests.support.runs import config_of, samples_of

NAMES = np.array([f"clip_{i:03d}" for i in range(60)])
SMALL = {
    "model__hidden": 8,
    "train__learning_rate": 1e-2,
    "data__labelled_fraction": 0.5,
    "semi__mu": 2,
    "semi__warmup": 0,
    "semi__threshold": 0.3,
}


def planned(samples=None, unlabelled_split=None, **changes):
    """A plan over 60 clips of which half are labelled, unless `changes` say otherwise."""
    config = config_of(**{**SMALL, **changes})
    samples = samples or samples_of(len(NAMES))
    samples = samples._replace(pool=division.find_pool(config, samples, unlabelled_split))
    folds = division.make_folds(config, samples, NAMES, None)
    return plan.Plan(config, config_lib.trials(config), samples, folds)


def trained(grid_plan, epochs=3):
    """The state of the plan's first two runs after some epochs."""
    groups = plan.group(grid_plan.config, grid_plan.trials, ("audio", "video"), MER2023.task)
    chunk = plan.cut(groups, [2])[0]
    advance, state = grid.start(grid_plan, Feed(grid_plan), chunk)
    return advance(state, 0, epochs)
