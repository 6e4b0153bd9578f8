"""Scores of several targets: each as SciPy and scikit-learn have it, and their mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk

from mer_jax import metrics
from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.metrics import METRICS
from mer_jax.task import of_bounds

TASK = of_bounds(("a", "b", "c"), ("openness", "warmth", "开放"), (1, 7, 0, 100, -1, 1))
NUMBERS = of_bounds((), TASK.targets, (1, 7, 0, 100, -1, 1))


def case(xp):
    rng = np.random.default_rng(0)
    true = rng.normal(size=(40, 3)).astype(np.float32) * np.float32([3, 50, 1])
    guess = true + rng.normal(size=(40, 3)).astype(np.float32)
    emotion, logits = rng.integers(0, 3, 40), rng.normal(size=(40, 3)).astype(np.float32)
    mask = rng.random((40, 3)) < 0.7
    weight = (np.arange(40) < 33).astype(np.float32)
    labels = Labels(emotion.astype(np.int32), rng.random(40) < 0.8, true, mask)
    return jax.tree.map(xp.asarray, (logits, guess, labels, weight))


@pytest.mark.parametrize("xp", [np, jnp])
def test_each_target_is_scored_by_its_own_labels(xp):
    logits, guess, labels, weight = case(xp)
    found = metrics.compute(TASK, logits, guess, labels, weight)
    logits, guess, labels, weight = case(np)
    expected = {}
    for at, name in enumerate(TASK.targets):
        rows = labels.valence_mask[:, at] & (weight > 0)
        a, b = labels.valence[rows, at].astype(float), guess[rows, at].astype(float)
        moments = np.cov(a, b, ddof=0)
        expected[f"dim_{name}"] = sk.mean_squared_error(a, b)
        expected[f"mae_{name}"] = sk.mean_absolute_error(a, b)
        expected[f"corr_{name}"] = scipy.stats.pearsonr(a, b).statistic
        apart = (a.mean() - b.mean()) ** 2
        expected[f"ccc_{name}"] = 2 * moments[0, 1] / (np.trace(moments) + apart)
    for base in ("dim", "mae", "corr", "ccc"):
        expected[base] = np.mean([expected[f"{base}_{name}"] for name in TASK.targets])
    rows = labels.emotion_mask & (weight > 0)
    true, predicted = labels.emotion[rows], logits[rows].argmax(-1)
    expected["f1_ccc"] = sk.f1_score(true, predicted, average="macro") + expected["ccc"]
    for name, value in expected.items():
        np.testing.assert_allclose(float(found[name]), value, rtol=1e-4, err_msg=name)
    of_signs = {name for name, metric in METRICS.items() if metrics.SIGN in metric.needs}
    assert METRICS.keys() - set(found) - of_signs == {"com"}


def test_a_target_without_a_label_leaves_the_mean():
    logits, guess, labels, weight = case(np)
    found = metrics.compute(TASK, logits, guess, labels, weight)
    none = labels._replace(valence_mask=labels.valence_mask & [True, False, True])
    without = metrics.compute(TASK, logits, guess, none, weight)
    assert np.isnan(without["ccc_warmth"])
    mean = (found["ccc_openness"] + found["ccc_开放"]) / 2
    np.testing.assert_allclose(without["ccc"], mean, rtol=1e-6)
    nothing = labels._replace(valence_mask=np.zeros_like(labels.valence_mask))
    assert np.isnan(metrics.compute(TASK, logits, guess, nothing, weight)["ccc"])


def test_what_of_targets_is_computed_when_and_shown():
    names = metrics.names(NUMBERS)
    assert names[:4] == ("dim", "dim_openness", "dim_warmth", "dim_开放")
    assert metrics.every_epoch(NUMBERS) == ("dim", "mae", "corr", "ccc")
    assert metrics.shown(NUMBERS, ()) == (
        "dim", "mae", "corr", "ccc", "ccc_openness", "ccc_warmth", "ccc_开放"
    )  # fmt: skip
    assert metrics.ordered(reversed(names)) != list(names)
    assert metrics.ordered([*names[::4], "dis"])[0] == "dis"
    chosen = metrics.selecting(NUMBERS, "mae_warmth")
    assert metrics.every_epoch(chosen) == ("dim", "mae", "mae_warmth", "corr")
    assert metrics.selection_sign(chosen) == -1
    assert METRICS["ccc_开放"].title == "CCC 开放 (↑)"
    for name in ("com", "ccc_none", "f1"):
        with pytest.raises(InputError, match="is not a metric of this task"):
            metrics.selecting(NUMBERS, name)


def test_no_other_name_is_a_metric():
    for name in ("ccc_", "dis_openness", "sign_f2", "openness", "", 3):
        assert name not in METRICS
    with pytest.raises(KeyError):
        METRICS["dis_openness"]
    assert "f1_ccc" not in metrics.names(MER2023.task)
