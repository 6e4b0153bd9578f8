"""The metrics of all tasks against scikit-learn's or SciPy's, and the registry."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk

from mer_jax import metrics
from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.task import Task

TOLERANCE = 1e-6


def random_case(seed, samples=200, classes=6):
    """Labels and predictions of `samples`, of which about a third does not count."""
    rng = np.random.default_rng(seed)
    present = rng.choice(classes, rng.integers(1, classes + 1), replace=False)
    guessed = rng.choice(classes, rng.integers(1, classes + 1), replace=False)
    return {
        "emotion": rng.choice(present, samples).astype(np.int32),
        "logits": rng.normal(size=(samples, classes)).astype(np.float32)
        + 5 * np.isin(np.arange(classes), guessed)[None, :].astype(np.float32),
        "valence": rng.normal(0, 2, samples).round(1).astype(np.float32),
        "predicted": rng.normal(0, 2, samples).astype(np.float32),
        "counts": rng.random(samples) < 0.65,
    }


def on_device(*arrays):
    return jax.tree.map(jnp.asarray, arrays)


@pytest.mark.parametrize("seed", range(20))
def test_classification_equals_sklearn(seed):
    case = random_case(seed)
    counts, predicted = case["counts"], case["logits"].argmax(-1).astype(np.int32)
    arrays = on_device(case["emotion"], predicted, counts.astype(np.float32))
    f1 = metrics.weighted_f1(*arrays, 6)
    accuracy = metrics.accuracy(*arrays)
    true, guess = case["emotion"][counts], predicted[counts]
    expected = sk.f1_score(true, guess, average="weighted", zero_division=0)
    np.testing.assert_allclose(f1, expected, atol=TOLERANCE)
    expected = sk.f1_score(true, guess, average="macro", zero_division=0)
    np.testing.assert_allclose(metrics.macro_f1(*arrays, 6), expected, atol=TOLERANCE)
    expected = sk.recall_score(true, guess, labels=np.unique(true), average="macro")
    np.testing.assert_allclose(metrics.unweighted_recall(*arrays, 6), expected, atol=TOLERANCE)
    np.testing.assert_allclose(accuracy, sk.accuracy_score(true, guess), atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(20))
def test_regression_equals_sklearn_and_scipy(seed):
    case = random_case(seed)
    counts = case["counts"]
    true, guess = case["valence"][counts], case["predicted"][counts]
    pair = on_device(case["valence"], case["predicted"], counts.astype(np.float32))
    np.testing.assert_allclose(
        metrics.mean_squared_error(*pair), sk.mean_squared_error(true, guess), rtol=TOLERANCE
    )
    np.testing.assert_allclose(
        metrics.mean_absolute_error(*pair), sk.mean_absolute_error(true, guess), rtol=TOLERANCE
    )
    np.testing.assert_allclose(
        metrics.correlation(*pair), scipy.stats.pearsonr(true, guess).statistic, atol=TOLERANCE
    )
    moments = np.cov(true.astype(float), guess.astype(float), ddof=0)
    apart = (true.mean(dtype=float) - guess.mean(dtype=float)) ** 2
    np.testing.assert_allclose(
        metrics.concordance(*pair), 2 * moments[0, 1] / (np.trace(moments) + apart), atol=TOLERANCE
    )
    signed = true != 0
    expected = sk.f1_score(true[signed] > 0, guess[signed] > 0, average="weighted")
    np.testing.assert_allclose(metrics.sign_f1(*pair), expected, atol=TOLERANCE)


def test_zero_valence_leaves_the_sign_f1():
    valence = jnp.array([0.0, 0.0, 1.0, -1.0])
    predicted = jnp.array([1.0, -1.0, 2.0, -0.5])
    assert metrics.sign_f1(valence, predicted, jnp.ones(4)) == 1.0


def test_correlation_of_tiny_values_does_not_underflow():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50)).astype(np.float32) * np.float32(1e-12)
    expected = scipy.stats.pearsonr(a.astype(np.float64), b.astype(np.float64)).statistic
    found = metrics.correlation(*on_device(a, b, np.ones(50, np.float32)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def labels_of(case):
    return on_device(Labels(case["emotion"], case["counts"], case["valence"], ~case["counts"]))[0]


def compute(task, case, labels, weight, valence=True):
    logits, predicted, weight = on_device(case["logits"], case["predicted"], weight)
    return metrics.compute(task, logits, predicted if valence else None, labels, weight)


def test_the_combined_metric_reads_each_label_through_its_own_mask():
    case = random_case(3)
    emotion, valence = case["counts"], ~case["counts"]
    weight = np.ones(200, np.float32)
    weight[:20] = 0
    found = compute(MER2023.task, case, labels_of(case), weight)
    padded = np.arange(200) < 20
    predicted = case["logits"].argmax(-1)
    f1 = sk.f1_score(
        case["emotion"][emotion & ~padded], predicted[emotion & ~padded], average="weighted"
    )
    mse = sk.mean_squared_error(
        case["valence"][valence & ~padded], case["predicted"][valence & ~padded]
    )
    np.testing.assert_allclose(found["com"], f1 - 0.25 * mse, atol=TOLERANCE)


def test_a_metric_without_labels_is_nan():
    case = random_case(4)
    nobody = jnp.zeros(200, bool)
    labels = labels_of(case)._replace(emotion_mask=nobody, valence_mask=nobody)
    found = compute(MER2023.task, case, labels, np.ones(200, np.float32))
    assert set(found) == OF_BOTH | AT_THE_END
    assert all(np.isnan(value) for value in found.values())


OF_BOTH = {"dis", "acc", "dim", "mae", "corr", "com"}
AT_THE_END = {"macro_f1", "uar", "ccc"}
OF_MOSI = {"sign_acc", "acc2", "f1", "acc5", "acc7"}


@pytest.mark.parametrize(
    ("info", "expected", "at_the_end"),
    [
        (MER2023, {*OF_BOTH, *AT_THE_END}, AT_THE_END),
        (MELD, {"dis", "acc", "macro_f1", "uar"}, {"macro_f1", "uar"}),
        (CMUMOSI, {*OF_BOTH, "sign_f1", *AT_THE_END, *OF_MOSI}, {*AT_THE_END, *OF_MOSI}),
    ],
)
def test_metrics_follow_from_the_task(info, expected, at_the_end):
    assert set(metrics.names(info.task)) == expected
    assert set(metrics.at_the_end(info.task)) == at_the_end
    assert set(metrics.every_epoch(info.task)) == expected - at_the_end
    classes = len(info.task.classes)
    case = random_case(5, classes=classes)
    ones = np.ones(200, np.float32)
    has_valence = info.task.valence_range is not None
    found = compute(info.task, case, labels_of(case), ones, valence=has_valence)
    assert set(found) == expected


def test_a_task_may_name_its_metrics_and_the_one_that_chooses():
    named = Task(("a", "b"), (-3.0, 3.0), signed=True, metrics=("acc7", "dis", "mae"))
    assert metrics.names(named) == ("dis", "mae", "acc7")
    chosen = metrics.selecting(named, "acc7")
    assert (chosen.selection, metrics.selection_sign(chosen)) == ("acc7", 1)
    assert metrics.every_epoch(chosen) == ("dis", "mae", "acc7")
    assert metrics.at_the_end(chosen) == ()
    assert metrics.selecting(named, "") == named
    with pytest.raises(InputError, match=r"config\.train\.selection: 'corr' .*: dis, mae, acc7"):
        metrics.selecting(named, "corr")


def test_what_is_shown_is_what_is_wanted_or_what_every_epoch_has():
    assert metrics.shown(MELD.task, ()) == ("dis", "acc")
    assert metrics.shown(CMUMOSI.task, ("mae", "acc7")) == ("mae", "acc7")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"needs": ("emotion", "arousal")}, "needs is"),
        ({"needs": ()}, "needs is"),
        ({"valence_range": (-1.0, 1.0)}, "without needing a valence"),
    ],
)
def test_a_misdeclared_metric_is_an_error_where_it_is_declared(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(metrics.METRICS["acc"], **changes)


def test_values_are_shown_in_the_unit_of_the_metric():
    dis, dim = metrics.METRICS["dis"], metrics.METRICS["dim"]
    assert (dis.title, dis.text(0.7264), dis.text(-0.01, sign="+")) == ("Dis (↑)", "72.64", "-1.00")
    assert (dim.title, dim.text(0.834), dim.text(0.5, sign="+")) == ("Dim (↓)", "0.83", "+0.50")


def test_without_labels_numpy_warns_of_nothing():
    case = random_case(6)
    nobody = np.zeros(200, bool)
    labels = Labels(case["emotion"], nobody, case["valence"], nobody)
    task = MER2023.task
    ones = np.ones(200, np.float32)
    found = metrics.compute(task, case["logits"], case["predicted"], labels, ones)
    assert set(found) == OF_BOTH | AT_THE_END
    assert all(np.isnan(value) for value in found.values())
