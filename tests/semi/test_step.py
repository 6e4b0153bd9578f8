"""The unlabelled half of a step: its losses, their weights and the averaged parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.data import views
from mer_jax.models.multitask import Output
from mer_jax.semi import step
from mer_jax.semi.method import Semi

CLIPS, SIZE, CLASSES = 12, 5, 3
SETTINGS = {"weight": 0.7, "valence_weight": 0.4, "threshold": 0.65, "ema": 0.9, "warmup": 0.0}


def drawn():
    """Clips, a linear model of both heads, and what noise is relative to."""
    rng = np.random.default_rng(0)
    clips = step.Clips(
        {"audio": jnp.asarray(0.7 * rng.normal(size=(CLIPS, SIZE)), jnp.float32)},
        jnp.arange(CLIPS),
        jnp.asarray(rng.integers(0, CLASSES, CLIPS)),
        jnp.asarray(rng.random(CLIPS) < 0.5),
    )
    weights = jnp.asarray(rng.normal(size=(SIZE, CLASSES + 1)), jnp.float32)
    return clips, weights, {"audio": jnp.ones(SIZE)}


def output(weights, features):
    out = features["audio"] @ weights
    return Output(out[:, :CLASSES], out[:, CLASSES], {})


def loss_of(weak_weights, strong_weights, seen=None, view="noise 0.5"):
    """The unlabelled loss where either view has weights of its own; `seen` gets what each sees."""
    clips, _, deviation = drawn()
    steps = views.parse(view, "here")
    semi = Semi("fixmatch", mu=1, weak=steps, strong=steps)

    def predict(features, key):
        if seen is not None:
            seen.append((features, key))
        return output(weak_weights if key is None else strong_weights, features)

    settings = {name: jnp.float32(value) for name, value in SETTINGS.items()}
    state = step.init(semi, CLASSES, jnp.ones(CLIPS, bool), weak_weights)
    return step.loss(
        semi, predict, settings, state, clips, deviation=deviation, key=jax.random.key(1)
    )


def test_the_loss_is_that_of_the_strong_view_towards_the_weak_one():
    clips, weights, _ = drawn()
    seen = []
    found, _, diagnostics = loss_of(weights, weights, seen)
    (weak, weak_key), (strong, strong_key) = seen
    assert weak_key is None, "the target is undisturbed by dropout"
    assert strong_key is not None
    for view in (weak, strong):
        noise = np.asarray(view["audio"] - clips.features["audio"])
        assert 0.3 < noise.std() < 0.7
    assert np.abs(weak["audio"] - strong["audio"]).min() > 0, "each view has noise of its own"
    targets, answers = (np.asarray(x["audio"], np.float64) @ np.asarray(weights) for x, _ in seen)
    p = np.exp(targets[:, :CLASSES])
    p /= p.sum(1, keepdims=True)
    mask = p.max(1) >= SETTINGS["threshold"]
    assert 0 < mask.sum() < CLIPS
    log_q = answers[:, :CLASSES] - np.log(np.exp(answers[:, :CLASSES]).sum(1, keepdims=True))
    cross_entropy = -log_q[np.arange(CLIPS), p.argmax(1)]
    error = (answers[:, CLASSES] - targets[:, CLASSES]) ** 2
    expected = 0.7 * (mask * cross_entropy).mean() + 0.4 * (mask * error).mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    known = mask & np.asarray(clips.emotion_mask)
    right = known & (p.argmax(1) == np.asarray(clips.emotion))
    assert (diagnostics.weight, diagnostics.clips) == (mask.sum(), CLIPS)
    assert (diagnostics.known, diagnostics.correct) == (known.sum(), right.sum())


def test_no_gradient_flows_through_the_target():
    _, weights, _ = drawn()
    gradient = jax.grad(lambda *both: loss_of(*both)[0], argnums=(0, 1))
    through_weak, through_strong = gradient(weights, weights)
    assert (through_weak == 0).all()
    assert (through_strong != 0).all()


def test_the_average_holds_the_parameters_after_the_step():
    settings = {"ema": jnp.float32(0.9)}
    state = step.SemiState({"w": jnp.zeros(2)}, jnp.int32(0), ())
    expected = np.zeros(2)
    for number in range(20):
        new = np.full(2, number + 1.0)
        state = step.after_step(state, {"w": jnp.asarray(new, jnp.float32)}, (), settings)
        decay = min(0.9, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * new
        np.testing.assert_allclose(state.ema["w"], expected, rtol=1e-5)
    assert state.step == 20


def test_consistency_is_the_weighted_cross_entropy_over_the_whole_batch():
    logits = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)
    target, weight = np.array([0, 2, 1, 1, 0]), np.array([1, 0, 0.5, 0, 1], np.float32)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(weight * log_p[np.arange(5), target]).sum() / 5
    found = step.consistency(*map(jnp.asarray, (logits, target, weight)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("steps", "decay"), [(0, 0.1), (10, 11 / 20), (100_000, 0.999)])
def test_the_average_of_the_weights_warms_up(steps, decay):
    np.testing.assert_allclose(
        step.ema_decay(jnp.float32(0.999), jnp.int32(steps)), decay, rtol=1e-6
    )


def test_weights_rise_over_the_warm_up():
    given = {"weight": 2.0, "valence_weight": 1.0, "warmup": 4.0, "ema": 0.5}
    settings = {name: jnp.float32(value) for name, value in given.items()}
    risen = step.ramped(settings, jnp.int32(1))
    assert (risen["weight"], risen["valence_weight"], risen["ema"]) == (0.5, 0.25, 0.5)
    assert step.ramped(settings, jnp.int32(9))["weight"] == 2
    assert step.ramped({**settings, "warmup": jnp.float32(0)}, jnp.int32(0))["weight"] == 2
