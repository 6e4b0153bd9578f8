"""Random search: its draws, its summary, and a training with one from end to end."""

import json
import logging
import re

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import search
from mer_jax.config.trials import draws
from mer_jax.errors import InputError
from mer_jax.modes import train
from mer_jax.spans import Span
from mer_jax.task import Task
from tests.support import user_folder
from tests.support.configs import changed

SPACE = {
    "model__fusion": "concat",
    "model__hidden": (8, 16, 32),
    "train__learning_rate": (1e-3, 1e-4),
    "train__dropout": (0.2, 0.3, 0.4, 0.5),
}


def drawn(**changes):
    config = changed(**{**SPACE, **changes})
    return config_lib.trials(config_lib.check(config))


def test_trials_are_draws_of_the_grid_each_once_and_seeded():
    grid = drawn()
    assert len(grid) == 24
    few = drawn(search__trials=5)
    assert 1 < len(few) <= 5
    assert all(trial in grid for trial in few)
    assert drawn(search__trials=5) == few
    assert drawn(search__trials=5, seed=1) != few
    many = drawn(search__trials=200)
    assert len(many) == 24, "each once, however often it was drawn"
    assert many[: len(few)] == few, "more trials begin with the same ones"


@pytest.mark.parametrize(
    ("fusion", "combinations"),
    [("attention_merbench", 24), ("lf_dnn", 24), ("lmf", 128), ("tfn", 16), ("misa", 1944),
     ("mmim", 2592), ("mult", 432), ("mfn", 16), ("graph_mfn", 16), ("mfm", 3072), ("mctn", 360),
     ("ef_lstm", 96), ("attention_topn", 24)],
)  # fmt: skip
def test_merbenchs_search_spaces(fusion, combinations):
    config = config_lib.load_file(f"merbench_search:{fusion}")
    config.search.trials = 0
    leaves, keys = config_lib.flatten(config_lib.check(config)), config_lib.declared()
    axes = [config_lib.as_tuple(value) for name, value in leaves.items() if keys[name].grid]
    assert np.prod([len(axis) for axis in axes]) == combinations
    config.search.trials = 50
    trials = config_lib.trials(config_lib.check(config))
    assert 10 < len(trials) <= 50
    assert {trial["model.fusion"] for trial in trials} == {fusion}


def test_what_is_off_in_the_best_trial_is_no_axis_any_more():
    config = config_lib.check(
        changed(
            search__trials=20,
            model__fusion="concat",
            model__layers=("8", "16"),
            train__clip_norm=(1.0, 0.0),
            train__focal_gamma=(2.0, 0.0, 1.0),
            train__uncertainty_weights=(True, False),
        )
    )
    for trial in config_lib.trials(config):
        assert config_lib.trials(search.best_config(config, trial)) == [trial]


def test_the_best_trial_of_every_method_is_trained_by_that_method_alone():
    config = config_lib.check(changed(search__trials=30, semi__method="auto", model__hidden=8))
    trials = config_lib.trials(config)
    assert {trial.get("semi.method") for trial in trials} > {None, "graph"}
    for trial in trials:
        best = search.best_config(config, trial)
        assert config_lib.trials(best) == [trial]
        assert config_lib.least_steps(best) == 1000  # as it was drawn


def test_axes_are_drawn_independently_and_uniformly():
    options = [(1, 2), ("a", "b", "c"), ("alone",)]
    found = draws(options, 3000, 0)
    counts = np.zeros((2, 3))
    for number, letter, alone in found:
        counts["12".index(str(number)), "abc".index(letter)] += 1
        assert alone == "alone"
    # Five deviations of a binomial of 3,000 and 1/6.
    assert abs(counts - 500).max() < 5 * np.sqrt(3000 / 6 * 5 / 6)


def test_ranges_are_drawn_from_by_their_scale():
    ends = {
        "train__learning_rate": "log_uniform(1e-4, 1e-1)",
        "train__dropout": "uniform(0.2, 0.5)",
        "model__hidden": "uniform(8, 10)",
    }
    trials = drawn(**ends, search__trials=3000)
    of = {key: np.array([t[key.replace("__", ".")] for t in trials]) for key in ends}
    rate, dropout, hidden = of.values()
    assert rate.min() >= 1e-4
    assert rate.max() <= 1e-1
    decades, _ = np.histogram(np.log10(rate), bins=(-4, -3, -2, -1))
    assert abs(decades - 1000).max() < 5 * np.sqrt(3000 * 2 / 9), "each decade a third"
    assert dropout.min() >= 0.2
    assert dropout.max() <= 0.5
    assert abs(dropout.mean() - 0.35) < 5 * 0.3 / np.sqrt(12 * 3000)
    assert abs(np.bincount(hidden)[8:] - 1000).max() < 5 * np.sqrt(3000 * 2 / 9)
    assert {type(t["model.hidden"]) for t in trials} == {int}
    assert drawn(**ends, search__trials=5) == trials[:5]
    whole = Span("log_uniform", 1, 4, True)
    rng = np.random.default_rng(0)
    counts = np.bincount([whole.draw(rng) for _ in range(3000)])[1:]
    shares = np.log([1.5 / 0.5, 2.5 / 1.5, 3.5 / 2.5, 4.5 / 3.5]) / np.log(4.5 / 0.5)
    assert abs(counts - 3000 * shares).max() < 5 * np.sqrt(3000 / 4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train__dropout": "uniform(0.2, 0.5)"}, "is a range, from which only a search draws"),
        ({"train__dropout": "uniform(0.5, 0.2)"}, "its first bound is not below its second"),
        ({"train__dropout": "uniform(0.5, 1.5)"}, "1.5 must be in [0, 1)"),
        ({"train__dropout": "log_uniform(0, 0.5)"}, "log_uniform needs bounds above 0"),
        ({"model__hidden": "uniform(8, 16.5)"}, "its bounds are not two whole numbers"),
        ({"model__hidden": "uniform(8)"}, "'uniform(8)' is not a whole number"),
    ],
)
def test_a_wrong_range_is_told(change, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)) as refusal:
        drawn(**change)
    assert str(refusal.value).startswith(f"config.{next(iter(change)).replace('__', '.')}: ")


def test_a_range_that_the_best_trial_has_no_use_for_is_left_alone():
    config = config_lib.check(changed(semi__weight="uniform(0.5, 1)", search__trials=2))
    (trial, *_) = config_lib.trials(config)
    assert "semi.weight" not in trial
    assert config_lib.trials(search.best_config(config, trial)) == [trial]


def run(rate, score, status="ok"):
    return {
        "hparams": {"train.learning_rate": rate},
        "status": status,
        "validation": {"dim": score},
    }


def test_the_best_ten_are_the_best_by_the_metric_that_selects():
    task = Task(valence_range=(-1.0, 1.0), metrics=("dim",))
    runs = [run(rate, rate + fold) for rate in range(12) for fold in (0, 1)]
    runs += [run(20, None, "failed"), run(20, None, "failed")]
    told = search.summary(changed(search__trials=20), {"runs": runs}, task, {"x": 1})
    assert (told["trials"], told["distinct"], told["best"]) == (20, 13, {"x": 1})
    ten = told["best_ten"]["dim"]
    assert ten["values"] == [rate + 0.5 for rate in range(10)], "less is better"
    assert ten["mean"] == 5.0
    assert ten["std"] == pytest.approx(np.std(np.arange(10), ddof=1))


def test_the_best_trial_is_trained_anew(tmp_path, caplog):
    root = tmp_path / "root"
    user_folder.write_mer2023(root)
    config = user_folder.config(
        root,
        tmp_path / "tfds",
        model__fusion="concat",
        model__hidden=8,
        train__learning_rate="log_uniform(1e-3, 1e-1)",
        train__dropout=(0.0, 0.3),
        train__epochs=2,
        train__tensorboard=False,
        evaluate__bootstrap=0,
        folds=2,
        repeats=1,
        search__trials=4,
        search__repeats=2,
    )
    workdir = tmp_path / "run"
    with caplog.at_level(logging.INFO, logger="mer_jax"):
        train.train(config, workdir)
    trials = json.loads((workdir / "search" / "results.json").read_text())
    record = json.loads((workdir / "search" / "config.json").read_text())
    assert len(record["chunk"]) == 1, "all draws of one shape are one program"
    results = json.loads((workdir / "results.json").read_text())
    told = results["search"]
    assert told["distinct"] == len(trials["runs"]) // 2 <= 4
    assert told["best"].items() >= trials["best"].items()
    assert len(results["runs"]) == 2 * 2, "two repeats of two folds"
    assert all(one["hparams"] == told["best"] for one in results["runs"])
    means = told["best_ten"]["com"]["values"]
    assert means == sorted(means, reverse=True)
    assert means[0] == pytest.approx(trials["cross_validation"]["com"]["mean"])
    best = [one for one in trials["runs"] if one["hparams"] == told["best"]]
    anew = [one for one in results["runs"] if one["repeat"] == 0]
    assert [o["validation"] for o in best] != [o["validation"] for o in anew], "fresh repeats"
    assert "of the best" in caplog.text
    before = (workdir / "results.json").read_bytes()
    train.train(config, workdir)  # is done, and stays so
    assert (workdir / "results.json").read_bytes() == before


def test_a_search_begins_in_a_workdir_of_its_own(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="holds a training without a search; use another"):
        search.train(changed(search__trials=2), tmp_path)
