"""The classes that sentiment papers make of a valence, against MMSA's evaluation transcribed."""

import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax import metrics
from mer_jax.data.arrays import Labels
from mer_jax.task import Task

MOSI = Task(("negative", "positive"), (-3.0, 3.0), signed=True)
SIMS = Task((), (-1.0, 1.0), signed=True)


def mosi_by_mmsa(true, guess):
    """MMSA's `__eval_mosi_regression` (utils/metricsTop.py) by the names here."""
    non_zeros = np.array([i for i, e in enumerate(true) if e != 0])
    acc2, f1 = {}, {}
    for key, t, g in (
        ("sign", true[non_zeros] > 0, guess[non_zeros] > 0),
        ("all", true >= 0, guess >= 0),
    ):
        acc2[key], f1[key] = sk.accuracy_score(t, g), sk.f1_score(t, g, average="weighted")
    multiclass = {
        limit: np.sum(np.round(np.clip(guess, -limit, limit))
                      == np.round(np.clip(true, -limit, limit))) / float(len(true))
        for limit in (2.0, 3.0)
    }  # fmt: skip
    return {
        "sign_acc": acc2["sign"], "sign_f1": f1["sign"], "acc2": acc2["all"], "f1": f1["all"],
        "acc5": multiclass[2.0], "acc7": multiclass[3.0],
    }  # fmt: skip


def sims_by_mmsa(true, guess):
    """MMSA's `__eval_sims_regression` by the names here."""
    guess, true = np.clip(guess, -1.0, 1.0), np.clip(true, -1.0, 1.0)

    def classes(values, bounds):
        found = values.copy()
        for i in range(len(bounds) - 1):
            found[np.logical_and(values > bounds[i], values <= bounds[i + 1])] = i
        return found

    def accuracy(bounds):
        return np.mean(classes(guess, bounds) == classes(true, bounds))

    two = [-1.01, 0.0, 1.01]
    return {
        "sims_acc2": accuracy(two),
        "sims_f1": sk.f1_score(classes(true, two), classes(guess, two), average="weighted"),
        "sims_acc3": accuracy([-1.01, -0.1, 0.1, 1.01]),
        "sims_acc5": accuracy([-1.01, -0.7, -0.1, 0.1, 0.7, 1.01]),
    }


def case(task, seed, count=300):
    """Labels on a grid of tenths as annotators give them, some predictions on it as well."""
    rng = np.random.default_rng(seed)
    low, high = task.valence_range
    true = rng.integers(10 * low, 10 * high + 1, count).astype(np.float32) / np.float32(10)
    true[rng.random(count) < 0.1] = 0
    guess = (true + rng.normal(0, high / 2, count)).astype(np.float32)
    guess[::4] = np.round(guess[::4], 1)
    guess[::16] = np.trunc(guess[::16]) + np.float32(0.5)  # halves: to the even number
    known = rng.random(count) < 0.7
    return true, guess, known, rng.integers(0, 3, count).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("task", "reference"), [(MOSI, mosi_by_mmsa), (SIMS, sims_by_mmsa)])
def test_the_classes_are_mmsas(task, reference, seed):
    true, guess, known, twice = case(task, seed)
    drawn = np.repeat(np.arange(len(true)), np.where(known, twice, 0).astype(int))
    expected = reference(true[drawn], guess[drawn])
    labels = Labels((true >= 0).astype(np.int32), known, true, known)
    logits = np.stack([-guess, guess], -1) if task.classes else None
    for xp in (np, jnp):
        found = metrics.compute(
            task,
            None if logits is None else xp.asarray(logits),
            xp.asarray(guess),
            Labels(*map(xp.asarray, labels)),
            xp.asarray(twice),
            only=list(expected),
        )
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=1e-6, err_msg=f"{name}, {xp}")


def test_a_zero_is_non_negative_of_mosi_and_negative_of_sims_and_left_out_of_the_sign():
    true, guess = np.float32([0, 0, 1, -1]), np.float32([0.2, -0.2, 0.5, -0.5])
    ones = np.ones(4, np.float32)
    labels = Labels(np.zeros(4, np.int32), ones > 2, true, ones > 0)
    found = metrics.compute(MOSI, np.zeros((4, 2)), guess, labels, ones, only=("acc2", "sign_acc"))
    assert (found["acc2"], found["sign_acc"]) == (0.75, 1.0)
    assert metrics.compute(SIMS, None, guess, labels, ones, only=("sims_acc2",)) == {
        "sims_acc2": 0.75
    }
    found = metrics.compute(SIMS, None, np.zeros(4, np.float32), labels, ones, only=("sims_acc2",))
    assert found["sims_acc2"] == 0.75, "all zeros: wrong on the positive one alone"
