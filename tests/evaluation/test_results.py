"""results.json: how runs become scores of repeats, and repeats a mean and a deviation."""

import dataclasses

import numpy as np
import pytest

from mer_jax.corpora import MELD, MER2023
from mer_jax.data.arrays import Labels, Split
from mer_jax.evaluation import results as results_lib
from mer_jax.evaluation import terminal
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task
from mer_jax.training.grid import Outcome
from mer_jax.training.plan import Run


def outcome(trial, repeat, fold, dis, best_epoch=3):
    return Outcome(Run(trial, repeat, fold), best_epoch, {"dis": dis, "acc": dis / 2}, {})


OUTCOMES = [
    outcome(0, 0, 0, 0.4), outcome(0, 0, 1, 0.6), outcome(0, 1, 0, 0.5), outcome(0, 1, 1, 0.3),
    outcome(1, 0, 0, 0.7), outcome(1, 0, 1, 0.5), outcome(1, 1, 0, 0.6), outcome(1, 1, 1, 0.4),
]  # fmt: skip


def test_a_repeats_score_is_the_mean_of_its_folds():
    found = results_lib.cross_validation(OUTCOMES, 0, MELD.task)
    np.testing.assert_allclose(found["dis"]["values"], [0.5, 0.4])
    np.testing.assert_allclose(found["dis"]["mean"], 0.45)
    np.testing.assert_allclose(found["dis"]["std"], 0.1 / np.sqrt(2))  # ddof 1
    np.testing.assert_allclose(found["acc"]["mean"], 0.225)


def test_one_repeat_has_no_deviation_and_a_missing_value_no_score():
    assert results_lib.over_repeats([0.5]) == {"mean": 0.5, "std": None, "values": [0.5]}
    assert results_lib.over_repeats([0.5, None]) is None
    assert results_lib.over_repeats([]) is None


def test_the_best_trial_has_the_best_mean_over_repeats():
    assert results_lib.best_trial(OUTCOMES, 2, MELD.task) == 1
    tied = [o._replace(validation={"dis": 0.5, "acc": 0.5}) for o in OUTCOMES]
    assert results_lib.best_trial(tied, 2, MELD.task) == 0
    failed = [o._replace(best_epoch=-1) if o.run == Run(1, 0, 1) else o for o in OUTCOMES]
    assert results_lib.best_trial(failed, 2, MELD.task) == 0  # left out of a mean, they flatter it


def test_the_task_may_choose_by_another_metric():
    by_accuracy = dataclasses.replace(MELD.task, selected_by="acc")
    turned = [o._replace(validation={**o.validation, "acc": 1 - o.validation["dis"]})
              for o in OUTCOMES]  # fmt: skip
    assert results_lib.best_trial(turned, 2, MELD.task) == 1
    assert results_lib.best_trial(turned, 2, by_accuracy) == 0


def test_without_classes_the_smaller_error_is_better():
    task = Task((), (-1.0, 1.0))
    outcomes = [
        Outcome(Run(trial, 0, 0), 1, {"dim": dim, "mae": dim, "corr": 0.1}, {})
        for trial, dim in enumerate((0.9, 0.2, 0.5))
    ]
    assert results_lib.best_trial(outcomes, 3, task) == 1


def test_a_failed_run_is_left_out_and_marked():
    failed = [
        outcome(0, 0, 1, np.nan, best_epoch=-1)._replace(failed_epoch=7) if i == 1 else o
        for i, o in enumerate(OUTCOMES)
    ]
    found = results_lib.cross_validation(failed, 0, MELD.task)
    np.testing.assert_allclose(found["dis"]["values"], [0.4, 0.4])
    trials = [{"train.learning_rate": 1.0}, {"train.learning_rate": 0.1}]
    test = {"test": {}, "ensemble": {}}
    results = results_lib.assemble(
        failed, trials, 1, MELD.task, test, {"acc5": [0.25, 0.5], "acc7": [0.5, np.nan]}
    )
    assert results["cross_validation"]["acc5"]["mean"] == 0.375
    assert results["cross_validation"]["acc7"] is None  # a repeat has no clip for it
    assert [run["status"] for run in results["runs"]] == ["ok", "failed"] + ["ok"] * 6
    assert results["runs"][1]["best_epoch"] is None
    assert [run["failed_epoch"] for run in results["runs"]] == [None, 7] + [None] * 6
    assert results["runs"][1]["validation"] == {"dis": None, "acc": None}
    assert results["best"] == {"train.learning_rate": 0.1}
    assert "1 of 8 runs failed" in terminal.table(results, synthetic=False)


def test_test_scores_are_of_each_repeats_ensemble_and_of_all():
    # Three clips of class 0, 1, 0; repeat 0 is right on all, repeat 1 wrong on the last.
    right, wrong = [[2, 0], [0, 2], [2, 0]], [[1, 0], [0, 1], [0, 3]]
    logits = np.array([right, right, wrong, wrong], np.float32)
    labels = Labels(np.array([0, 1, 0], np.int32), np.ones(3, bool),
                    np.zeros(3, np.float32), np.zeros(3, bool))  # fmt: skip
    split = Split(np.array(["a", "b", "c"]), {}, labels)
    task = Task(("x", "y"))
    found = results_lib.test_scores(
        task, {"test": Predictions(logits, None)}, {"test": split}, np.array([0, 0, 1, 1])
    )
    assert found["test"]["test"]["acc"]["values"] == pytest.approx([1, 2 / 3])
    assert found["ensemble"]["test"]["acc"] == pytest.approx(2 / 3)  # 2 + 2 + 0 < 3 + 3
    nobody = split._replace(labels=labels._replace(emotion_mask=np.zeros(3, bool)))
    found = results_lib.test_scores(
        task, {"test": Predictions(logits, None)}, {"test": nobody}, np.array([0, 0, 1, 1])
    )
    none = dict.fromkeys(("dis", "acc", "macro_f1", "uar"))
    assert found == {
        "test": {"test": none},
        "ensemble": {"test": none},
        "interval": {},
        "clips": {"test": {"all": 3, "emotion": 0}},
    }


def test_the_table_has_the_papers_form():
    def score(mean, std):
        return {"mean": mean, "std": std, "values": []}

    results = {
        "cross_validation": {"dis": score(0.7264, 0.0016), "acc": score(0.7, 0.01),
                             "dim": score(0.83, 0.01), "com": score(0.52, 0.0)},
        "test": {
            "mer_multi": {"dis": score(0.7757, 0.004), "acc": score(0.78, 0.01),
                          "dim": score(0.88, 0.01), "com": score(0.56, 0.0)},
            "mer_semi": {"dis": score(0.864, None), "acc": None, "dim": None, "com": None},
        },
        "best": {"model.hidden": 256},
        "runs": [{"status": "ok"}],
    }  # fmt: skip
    text = terminal.table(results, synthetic=True)
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["Dis", "(↑)", "Dim", "(↓)", "Com", "(↑)", "Acc", "(↑)"]
    assert lines[2] == ["cross-validation", "72.64±0.16", "0.83±0.01", "0.52±0.00", "70.00±1.00"]
    assert lines[3] == ["mer_multi", "77.57±0.40", "0.88±0.01", "0.56±0.00", "78.00±1.00"]
    assert lines[4] == ["mer_semi", "86.40", "-", "-", "-"]
    assert "model.hidden 256" in text
    assert "Clips that are scored" not in text, "earlier versions did not count them"
    results["clips"] = {"cross_validation": {"all": 3373, "emotion": 3373, "valence": 3373},
                        "mer_multi": {"all": 8, "emotion": 3, "valence": 3}}  # fmt: skip
    counted = "Clips that are scored: cross-validation 3,373, mer_multi 3 of 8."
    assert counted in terminal.table(results, synthetic=True).splitlines()
    results["interval"] = {"mer_multi": {**dict.fromkeys(("acc", "dim", "com")),
                                         "dis": [0.75, 0.801]}}  # fmt: skip
    with_intervals = terminal.table(results, synthetic=True).splitlines()
    assert with_intervals[4].split() == ["95", "%", "[75.00,", "80.10]", "-", "-", "-"]
    assert with_intervals[5].split()[0] == "mer_semi"
    assert terminal.SYNTHETIC_NOTICE in text
    assert terminal.SYNTHETIC_NOTICE not in terminal.table(results, synthetic=False)
    assert MER2023.task.selection == "com"
