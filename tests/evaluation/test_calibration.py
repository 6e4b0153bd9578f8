"""Temperature and expected calibration error, against NumPy by loops and SciPy's minimiser."""

import numpy as np
import pytest
from scipy import optimize, special

from mer_jax.evaluation import calibration

CLASSES, CLIPS = 4, 300


@pytest.fixture(scope="module")
def case():
    """Clips whose logits are three times as large as the truth has them."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(CLIPS, CLASSES)) * 2
    probability = special.softmax(logits, 1)
    emotion = np.array([rng.choice(CLASSES, p=row) for row in probability])
    return (3 * logits).astype(np.float32), emotion


def error_by_loops(probability, emotion, bins):
    """The expected calibration error: a loop over the bins, each open on the left."""
    confidence, right = probability.max(1), probability.argmax(1) == emotion
    total = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            total += inside.mean() * gap
    return total


def nll_at(temperature, logits, emotion):
    log_probability = special.log_softmax(logits.astype(np.float64) / temperature, 1)
    return -log_probability[np.arange(len(emotion)), emotion].mean()


def test_the_temperature_is_scipys(case):
    logits, emotion = case
    expected = optimize.minimize_scalar(
        lambda x: nll_at(np.exp(x), *case), bracket=(-1, 1), tol=1e-12
    )
    found = calibration.temperature(logits, emotion)
    np.testing.assert_allclose(found, np.exp(expected.x), rtol=1e-5)
    assert 2 < found < 4.5
    np.testing.assert_allclose(calibration.temperature(logits / 20, emotion), found / 20, rtol=1e-5)


def test_the_temperature_stays_finite_where_every_clip_or_none_is_right():
    logits = np.eye(3, dtype=np.float32)
    assert 0.01 <= calibration.temperature(logits, np.arange(3)) < 0.1
    wrong = calibration.temperature(logits, (np.arange(3) + 1) % 3)
    assert wrong == pytest.approx(100, rel=1e-3)
    assert calibration.temperature(np.zeros((3, 3)), np.arange(3)) > 0


def test_the_errors_are_a_loops(case):
    logits, emotion = case
    for scale in (1, 1 / 3):
        found = calibration.errors(scale * logits, emotion)
        probability = special.softmax(scale * logits.astype(np.float64), 1)
        assert found["ece"] == pytest.approx(error_by_loops(probability, emotion, 10))
        assert found["nll"] == pytest.approx(nll_at(1 / scale, logits, emotion))
    assert found["ece"] < calibration.errors(logits, emotion)["ece"] / 2
