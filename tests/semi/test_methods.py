"""Semi-supervised methods against plain NumPy transcriptions of their papers."""

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax import semi
from mer_jax.semi import freematch, pseudo_label

CLASSES, POOL, BATCH, STEPS = 4, 40, 12, 50
OWN = np.arange(POOL) % 4 != 0  # the run uses a part of the pool


def steps():
    """Random probabilities, sharper in some classes than in others, and their clips."""
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        logits = rng.normal(size=(BATCH, CLASSES)) * rng.gamma(2.0, size=(BATCH, 1))
        logits += np.array([1.0, 0.5, 0.0, -0.5])[None, :]
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        yield p.astype(np.float32), rng.permutation(np.flatnonzero(OWN))[:BATCH].astype(np.int32)


def run(name, settings):
    """(probability, chosen) of every step, the state carried along."""
    method = semi.METHODS[name]
    choose = jax.jit(method.choose)
    state = method.init(CLASSES, jnp.asarray(OWN))
    for p, clip in steps():
        chosen = choose(state, semi.Weak(jnp.asarray(p), jnp.asarray(clip)), settings)
        state = chosen.state
        yield p, clip, chosen


def assert_steps(name, settings, reference):
    """`reference(p, clip)` gives the step's thresholds and weights, and keeps its own state."""
    counted = 0
    for p, clip, chosen in run(name, settings):
        threshold, weight = reference(p.astype(np.float64), clip)
        np.testing.assert_allclose(chosen.threshold, threshold, atol=1e-5)
        np.testing.assert_allclose(chosen.weight, weight, atol=2e-5)
        counted += np.sum(weight)
    assert 0.05 < counted / (BATCH * STEPS) < 0.95  # else the masks would have told nothing


def test_fixmatch():
    def reference(p, clip):
        del clip
        return np.full(CLASSES, 0.8), p.max(1) >= 0.8

    assert_steps("fixmatch", {"threshold": 0.8}, reference)


def test_flexmatch():
    selected = np.full(POOL, -1)

    def reference(p, clip):
        counts = np.array([(selected == c).sum() for c in range(CLASSES)])
        beta = counts / max(counts.max(), (selected[OWN] == -1).sum())
        threshold = 0.7 * beta / (2 - beta)
        mask = p.max(1) >= threshold[p.argmax(1)]
        for row, number in zip(p, clip, strict=True):
            if row.max() >= 0.7:
                selected[number] = row.argmax()
        return threshold, mask

    assert_steps("flexmatch", {"threshold": 0.7}, reference)


def test_freematch():
    tau, tilde = 1 / CLASSES, np.full(CLASSES, 1 / CLASSES)

    def reference(p, clip):
        nonlocal tau, tilde
        del clip
        tau = 0.9 * tau + 0.1 * p.max(1).mean()
        tilde = 0.9 * tilde + 0.1 * p.mean(0)
        threshold = tau * tilde / tilde.max()
        return threshold, p.max(1) >= threshold[p.argmax(1)]

    assert_steps("freematch", {"momentum": 0.9, "fairness_weight": 0.001}, reference)


def test_softmatch():
    mean, variance, average = 1 / CLASSES, 1.0, np.full(CLASSES, 1 / CLASSES)

    def reference(p, clip):
        nonlocal mean, variance, average
        del clip
        average = 0.9 * average + 0.1 * p.mean(0)
        aligned = p * (1 / CLASSES) / average
        aligned /= aligned.sum(1, keepdims=True)
        confidence = aligned.max(1)
        mean = 0.9 * mean + 0.1 * confidence.mean()
        variance = 0.9 * variance + 0.1 * confidence.var(ddof=1)
        weight = np.exp(-(np.minimum(confidence - mean, 0) ** 2) / (2 * variance / 4))
        return np.full(CLASSES, mean), weight

    for p, clip, chosen in run("softmatch", {"momentum": 0.9}):
        threshold, weight = reference(p.astype(np.float64), clip)
        np.testing.assert_allclose(chosen.threshold, threshold, atol=1e-5)
        np.testing.assert_allclose(chosen.weight, weight, atol=2e-5)
    assert weight.min() < 0.8


def test_freematchs_fairness():
    rng = np.random.default_rng(1)
    for _, _, chosen in run("freematch", {"momentum": 0.9, "fairness_weight": 0.001}):
        logits = rng.normal(size=(BATCH, CLASSES)).astype(np.float32)
        weight = np.asarray(chosen.weight)
        if not weight.any():
            continue
        q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        q = q[weight > 0].astype(np.float64)
        histogram = np.bincount(q.argmax(1), minlength=CLASSES) / len(q)
        batch = np.divide(q.mean(0), histogram, out=np.zeros(CLASSES), where=histogram > 0)
        history = np.asarray(chosen.state.probability) / np.asarray(chosen.state.histogram)
        expected = (history / history.sum() * np.log(batch / batch.sum() + 1e-12)).sum()
        found = freematch.fairness(jnp.asarray(logits), chosen.weight, chosen.state)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    nobody = jnp.zeros(BATCH)
    assert freematch.fairness(jnp.asarray(logits), nobody, chosen.state) == 0


def test_quantile_thresholds_are_algorithm_1s():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(CLASSES), 60).astype(np.float32)
    true = rng.integers(0, 3, 60)  # nothing of class 3 is ever correct
    weight = rng.random(60) < 0.8
    found = pseudo_label.quantile_thresholds(
        *map(jnp.asarray, (p, true, weight.astype(np.float32), np.float32(0.8)))
    )
    correct = weight & (p.argmax(1) == true)
    for c in range(3):
        listed = p.max(1)[correct & (true == c)]
        np.testing.assert_allclose(found[c], np.quantile(listed, 0.8), rtol=1e-6)
    assert np.isinf(found[3])


def test_pseudo_labels_exceed_the_threshold_of_their_class():
    p = jnp.array([[0.7, 0.3], [0.71, 0.29], [0.45, 0.55], [0.1, 0.9]])
    weak = semi.Weak(p, jnp.arange(4))
    chosen = pseudo_label.PseudoLabel.choose(jnp.array([0.7, 0.6]), weak, {})
    np.testing.assert_array_equal(chosen.weight, [0, 1, 0, 1])
    nothing = pseudo_label.PseudoLabel.choose(
        pseudo_label.PseudoLabel.init(2, jnp.ones(4, bool)), weak, {}
    )
    np.testing.assert_array_equal(nothing.weight, [0, 0, 0, 0])


def test_top_k_lets_k_of_each_class_through():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8]], np.float32)
    weak = semi.Weak(jnp.asarray(p), jnp.arange(5))
    threshold = pseudo_label.top_k_thresholds(weak.probability, 2)
    chosen = pseudo_label.PseudoLabel.choose(
        threshold, semi.Weak(jnp.asarray(p), jnp.arange(5)), {}
    )
    np.testing.assert_array_equal(chosen.weight, [1, 1, 0, 0, 1])
    np.testing.assert_array_equal(pseudo_label.top_k_thresholds(jnp.asarray(p), 5), [0, 0])
