"""Losses that a config changes, against NumPy, scikit-learn and, where it is installed, PyTorch."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from mer_jax import config as config_lib
from mer_jax.corpora import MELD, MER2023
from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.models.multitask import LOG_VARIANCE, Output
from mer_jax.training import losses, program
from mer_jax.training import sizes as sizes_lib
from mer_jax.training.state import LOSS
from tests.support.plans import planned, trained
from tests.support.runs import config_of

B, C = 12, 5
COUNT = np.array([40, 3, 10, 0, 7])


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    weight = (np.arange(B) % 4 > 0).astype(np.float32)
    return {
        "logits": (2 * rng.normal(size=(B, C))).astype(np.float32),
        "emotion": rng.integers(0, C, B).astype(np.int32),
        "predicted": rng.normal(size=B).astype(np.float32),
        "valence": (2 * rng.normal(size=B)).astype(np.float32),
        "weight": weight,
    }


def of_emotion(case, count=COUNT, **settings):
    count = jnp.asarray(count, jnp.float32)
    objective = losses.Objective({k: jnp.float32(v) for k, v in settings.items()}, count)
    arrays = (jnp.asarray(case[k]) for k in ("logits", "emotion", "weight"))
    return losses.emotion_loss(*arrays, objective)


def of_valence(case, **settings):
    objective = losses.Objective({k: jnp.float32(v) for k, v in settings.items()})
    arrays = (jnp.asarray(case[k]) for k in ("predicted", "valence", "weight"))
    return losses.valence_loss(*arrays, objective)


def numpy_emotion(case, power=0.0, tau=0.0, gamma=0.0, smoothing=0.0):
    """The same by loops over clips and classes, in float64."""
    count = np.maximum(COUNT, 1)
    weight = (count.sum() / (C * count)) ** power
    total = of_weights = 0.0
    for row in np.flatnonzero(case["weight"]):
        logits = case["logits"][row].astype(np.float64) + tau * np.log(count / count.sum())
        probability = np.exp(logits) / np.exp(logits).sum()
        own = case["emotion"][row]
        target = smoothing / C + (1 - smoothing) * (np.arange(C) == own)
        loss = -(target * weight * np.log(probability)).sum()
        total += (1 - probability[own]) ** gamma * loss
        of_weights += weight[own]
    return total / of_weights


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"class_weight": 1.0}, {"power": 1.0}),
        ({"class_weight": 0.4}, {"power": 0.4}),
        ({"logit_adjustment": 1.5}, {"tau": 1.5}),
        ({"focal_gamma": 2.0}, {"gamma": 2.0}),
        ({"label_smoothing": 0.2}, {"smoothing": 0.2}),
        (
            {
                "class_weight": 0.5,
                "logit_adjustment": 1,
                "focal_gamma": 0.5,
                "label_smoothing": 0.1,
            },
            {"power": 0.5, "tau": 1, "gamma": 0.5, "smoothing": 0.1},
        ),
    ],
)
def test_the_emotions_loss_is_numpys(case, ours, theirs):
    expected = numpy_emotion(case, **theirs)
    np.testing.assert_allclose(of_emotion(case, **ours), expected, rtol=1e-5)
    assert abs(expected - numpy_emotion(case)) > 1e-3  # each setting does something
    gradient = jax.grad(lambda logits: of_emotion({**case, "logits": logits}, **ours))
    sure = 100 * jax.nn.one_hot(case["emotion"], C)
    assert jnp.isfinite(gradient(sure)).all()
    assert of_emotion({**case, "weight": 0 * case["weight"]}, **ours) == 0


def test_classes_balanced_are_scikit_learns():
    emotion = np.repeat(np.arange(C), [4, 1, 9, 2, 6])
    expected = compute_class_weight("balanced", classes=np.arange(C), y=emotion)
    count = losses.class_count(jnp.asarray(emotion), jnp.ones(len(emotion)), C)
    assert count.tolist() == [4, 1, 9, 2, 6]
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(len(emotion), C)).astype(np.float32)
    log_probability = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    own = -log_probability[np.arange(len(emotion)), emotion]
    case = {"logits": logits, "emotion": emotion, "weight": np.ones(len(emotion), np.float32)}
    found = of_emotion(case, count, class_weight=1.0)
    np.testing.assert_allclose(found, np.average(own, weights=expected[emotion]), rtol=1e-5)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_weights_smoothing_and_huber_are_pytorchs(case):
    import torch

    rows = case["weight"] > 0
    count = np.maximum(COUNT, 1)
    weight = torch.tensor((count.sum() / (C * count)) ** 0.7)
    logits, emotion = torch.tensor(case["logits"][rows]).double(), case["emotion"][rows]
    expected = torch.nn.CrossEntropyLoss(weight, label_smoothing=0.3)(
        logits, torch.tensor(emotion).long()
    )
    found = of_emotion(case, class_weight=0.7, label_smoothing=0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    predicted, valence = (torch.tensor(case[k][rows]) for k in ("predicted", "valence"))
    huber = torch.nn.HuberLoss(delta=0.6)(predicted, valence)
    np.testing.assert_allclose(of_valence(case, huber_delta=0.6), 2 * huber, rtol=1e-5)


def test_the_valences_loss_is_numpys(case):
    rows = case["weight"] > 0
    p, v = case["predicted"][rows].astype(np.float64), case["valence"][rows].astype(np.float64)
    size = abs(p - v)
    huber = np.where(size <= 0.5, size**2, 0.5 * (2 * size - 0.5)).mean()
    assert (size < 0.5).any() and (size > 0.5).any()
    np.testing.assert_allclose(of_valence(case, huber_delta=0.5), huber, rtol=1e-5)
    np.testing.assert_allclose(of_valence(case, huber_delta=1e3), (size**2).mean(), rtol=1e-5)
    covariance = np.cov(p, v, ddof=0)[0, 1]
    ccc = 2 * covariance / (p.var() + v.var() + (p.mean() - v.mean()) ** 2)
    np.testing.assert_allclose(of_valence(case, ccc_share=1.0), 1 - ccc, rtol=1e-5)
    expected = 3 * (0.75 * huber + 0.25 * (1 - ccc))
    all_of_them = {"huber_delta": 0.5, "ccc_share": 0.25, "valence_weight": 3.0}
    np.testing.assert_allclose(of_valence(case, **all_of_them), expected, rtol=1e-5)
    nobody = {**case, "weight": np.zeros(B, np.float32)}
    assert of_valence(nobody, ccc_share=1.0) == 0
    alone = {**case, "weight": (np.arange(B) == 1).astype(np.float32)}  # nothing varies
    gradient = jax.grad(lambda p: of_valence({**alone, "predicted": p}, ccc_share=1.0))
    assert jnp.isfinite(gradient(jnp.asarray(case["valence"]))).all()


def test_both_tasks_are_weighed_by_their_variances(case):
    output = Output(jnp.asarray(case["logits"]), jnp.asarray(case["predicted"]), {})
    known = np.ones(B, bool)
    labels = Labels(jnp.asarray(case["emotion"]), known, jnp.asarray(case["valence"]), known)
    weight, logs = jnp.asarray(case["weight"]), jnp.array([0.4, -0.7])
    found = losses.supervised(output, labels, weight, {}, losses.Objective({}, None, logs))
    e, v = of_emotion(case), of_valence(case)
    expected = e / np.exp(0.4) + 0.2 + v / (2 * np.exp(-0.7)) - 0.35
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # Its minimum over the variances: that of the emotion is twice its loss, the valence's its own.
    best = jnp.log(jnp.array([2 * e, v]))
    of_logs = jax.grad(
        lambda x: losses.supervised(output, labels, weight, {}, losses.Objective({}, None, x))
    )
    np.testing.assert_allclose(of_logs(best), 0, atol=1e-6)


def test_a_grid_trains_with_and_without_and_off_is_as_if_unheard_of():
    on = {
        "train__class_weight": 1.0,
        "train__logit_adjustment": 1.0,
        "train__focal_gamma": 1.0,
        "train__huber_delta": 1.0,
        "train__ccc_share": 0.5,
        "train__uncertainty_weights": True,
        "train__mixup_alpha": 0.4,
    }
    grid_plan = planned(**on)
    (trial,) = grid_plan.trials
    assert {key for key in trial if key.startswith("train.")} == {
        "train.learning_rate", "train.dropout", "train.weight_decay",
        *(key.replace("__", ".") for key in on),
    }  # fmt: skip
    state = trained(grid_plan)
    log_variance = np.asarray(state.params[LOG_VARIANCE])
    assert log_variance.shape == (2, 2) and (log_variance != 0).all()
    loss = np.asarray(state.history[LOSS])[:, :3]
    assert np.isfinite(loss).all() and (loss[:, 2] < loss[:, 0]).all()

    off = planned(**{key: (0.0, value) for key, value in on.items() if value is not True})
    assert len(off.trials) == 2**6
    grid = planned()
    (plain,) = grid.trials
    assert off.trials[0] == plain
    made = [(each.config, each.trials[0], ("audio", "video"), MER2023.task) for each in (off, grid)]
    assert program.static_of(*made[0]) == program.static_of(*made[1])
    assert program.static_of(*made[0]).objective == ()
    assert program.hparams_of(plain).objective is None


def test_the_classes_are_counted_in_the_runs_own_training_rows():
    """With a rate of almost 0 and no dropout a run's loss is that of its first weights."""
    changes = {"train__learning_rate": 1e-30, "train__dropout": 0.0, "train__batch_size": 64,
               "data__labelled_fraction": 1.0}  # fmt: skip
    grid_plan = planned(train__logit_adjustment=1.0, **changes)
    adjusted = trained(grid_plan, 1)
    for run in range(2):
        fold = grid_plan.folds[0, run]
        rows = fold.train_index[fold.train_weight > 0]
        labels, x = grid_plan.samples.labels, grid_plan.samples.features
        static = program.static_of(
            grid_plan.config, grid_plan.trials[0], ("audio", "video"), MER2023.task
        )
        params = jax.tree.map(lambda leaf, run=run: leaf[run], adjusted.params)
        batch = sizes_lib.zeros(static, {m: v.shape[1] for m, v in x.items()}, len(rows), 1)
        batch = batch._replace(features={m: jnp.asarray(v[rows]) for m, v in x.items()})
        output = program.build_model(static).apply({"params": params}, batch, {"dropout": 0.0})
        known = labels.emotion_mask[rows]
        emotion = labels.emotion[rows][known]
        share = np.maximum(np.bincount(emotion, minlength=6), 1)
        share = share / share.sum()

        logits = np.asarray(output.emotion)[known] + np.log(share)
        log_probability = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        expected = -log_probability[np.arange(len(emotion)), emotion].mean()
        error = np.asarray(output.valence) - labels.valence[rows]
        expected += (error[labels.valence_mask[rows]] ** 2).mean()
        np.testing.assert_allclose(adjusted.history[LOSS][run, 0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train__ccc_share": 0.5}, "config.train.ccc_share: emotion alone is predicted"),
        ({"train__uncertainty_weights": True}, "uncertainty_weights: emotion alone is predicted"),
    ],
)
def test_what_changes_the_loss_of_nothing_is_told(changes, sentence):
    config = config_of(data__corpus="meld", **changes)
    for trial in config_lib.trials(config):
        with pytest.raises(InputError, match=sentence):
            program.static_of(config, trial, ("audio",), MELD.task)
