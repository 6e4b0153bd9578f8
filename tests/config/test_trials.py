"""The trials of a grid: which combinations there are, and who has a use for what."""

from typing import ClassVar

import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.settings import SHARE, Setting
from mer_jax.training import program
from tests.support.configs import changed


def test_the_grid_is_the_product_of_the_tuples():
    trials = config_lib.trials(config_lib.check(changed()))
    pairs = [(t["model.hidden"], t["train.learning_rate"]) for t in trials]
    assert pairs == [(h, r) for h in (128, 256) for r in (1e-3, 1e-4, 1e-5)]
    assert config_lib.varied(trials) == ["model.hidden", "train.learning_rate"]


def test_a_setting_that_the_fusion_has_no_use_for_makes_no_trials():
    trials = config_lib.trials(config_lib.check(changed(model__fusion="attention_release")))
    assert len(trials) == 3
    assert all("model.hidden" not in trial for trial in trials)
    assert {trial["model.layers"] for trial in trials} == {"256,128"}


def test_fusions_side_by_side_each_have_their_own_settings():
    config = changed(model__fusion=("attention", "mlp_release"), train__learning_rate=1e-3)
    trials = config_lib.trials(config_lib.check(config))
    assert [t["model.fusion"] for t in trials] == ["attention", "attention", "mlp_release"]
    assert config_lib.varied(trials) == ["model.fusion", "model.hidden", "model.layers"]


def test_settings_of_semi_never_reach_a_fusion(monkeypatch):
    """A fusion with a setting called as one of semi's: both are keys, and each has its own."""

    class Weighted(FUSIONS["concat"]):
        SETTINGS: ClassVar = (
            *FUSIONS["concat"].SETTINGS,
            Setting("momentum", 0.5, SHARE, "of its own average", traced=True),
        )

    monkeypatch.setitem(FUSIONS, "weighted", Weighted)
    config = changed(model__fusion="weighted", model__hidden=8, train__learning_rate=1e-3)
    config.semi.momentum = (0.9, 0.99)
    (trial,) = config_lib.trials(config_lib.check(config))
    assert trial["model.momentum"] == 0.5
    assert not any(key.startswith("semi.") for key in trial)
    assert program.hparams_of(trial).model == {"dropout": 0.3, "momentum": 0.5}
    config.model.momentum = (0.1, 0.2)
    trials = config_lib.trials(config_lib.check(config))
    assert config_lib.varied(trials) == ["model.momentum"]
    config.model.momentum = 1.5
    with pytest.raises(InputError, match=r"config\.model\.momentum: 1\.5 must be in \[0, 1\]"):
        config_lib.check(config)


def test_a_grid_with_a_pool_has_enough_steps_unless_told_otherwise():
    def steps(**changes):
        return config_lib.least_steps(config_lib.check(changed(**changes)))

    assert steps() == 0
    assert steps(semi__method=("", "graph")) == 1000  # of supervised trials too, for comparison
    assert steps(semi__method="graph", train__steps=7) == 7
    assert steps(train__steps="30") == 30
    with pytest.raises(InputError, match=r'^config\.train\.steps: -1 is not "auto" or a whole'):
        steps(train__steps=-1)


def test_only_views_with_neighbours_read_how_many_there_are():
    def trial_of(**changes):
        changes = {"model__hidden": 8, "train__learning_rate": 1e-3, **changes}
        (trial,) = config_lib.trials(config_lib.check(changed(semi__method="softmatch", **changes)))
        return trial

    assert "semi.neighbours" not in trial_of()
    for view in ("semi__weak", "semi__strong"):
        trial = trial_of(**{view: "noise 0.1, neighbours 0.2"})
        assert trial["semi.neighbours"] == 7
        assert program.hparams_of(trial).semi["neighbours"] == 7


def test_labelled_clips_have_no_neighbours():
    config = config_lib.check(changed(train__views="neighbours 0.5", model__hidden=8))
    trial = config_lib.trials(config)[0]
    with pytest.raises(InputError, match=r"^config\.train\.views: neighbours is for unlabelled"):
        program.static_of(config, trial, ("audio",), MER2023.task)


def test_auto_stands_for_supervised_training_and_several_methods():
    config = config_lib.check(changed(semi__method="auto", model__hidden=8))
    trials = config_lib.trials(config)
    tried = {trial.get("semi.method", "") for trial in trials}
    assert tried == {"", "graph", "pseudo_label", "freematch"}
    assert len(trials) == 4 * 3
    assert config_lib.chooses_method(config)
    assert config_lib.least_steps(config) == 1000
    both = config_lib.check(changed(semi__method=("auto", "graph", "fixmatch"), model__hidden=8))
    assert len(config_lib.trials(both)) == 5 * 3
    assert not config_lib.chooses_method(config_lib.check(changed(semi__method=("", "graph"))))
