"""How far confidence is from accuracy, and the temperature that brings them together (NumPy).

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).
"""

from typing import NamedTuple

import numpy as np

BINS = 10  # of confidence, of equal width
_MOST = 100.0  # a temperature lies between its inverse and this, also where every clip is right
_STEPS = 100  # Newton's converge in less than ten, halving the interval in fifty
_CLOSE = 1e-10  # relative, of two inverse temperatures one after the other


class Reliability(NamedTuple):
    """Confidence against accuracy in bins of equal width over [0, 1]; NaN in an empty bin."""

    count: np.ndarray  # int [bins]
    confidence: np.ndarray  # float64 [bins], the mean
    accuracy: np.ndarray  # float64 [bins]
    error: float  # expected calibration error, Eq. 3


def reliability(probability: np.ndarray, emotion: np.ndarray, bins: int = BINS) -> Reliability:
    """The accuracy of N clips by their confidence, the largest probability of [N, C].

    `emotion` is int [N].
    """
    confidence = probability.max(-1).astype(np.float64)
    right = probability.argmax(-1) == emotion
    # Bins are open on the left, as Guo et al. have them; a confidence is never 0.
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    safe = np.where(count, count, np.nan)
    mean_confidence = np.bincount(number, confidence, bins) / safe
    accuracy = np.bincount(number, right, bins) / safe
    gap = np.where(count, np.abs(accuracy - mean_confidence), 0)
    return Reliability(count, mean_confidence, accuracy, float((count * gap).sum() / count.sum()))


def temperature(logits: np.ndarray, emotion: np.ndarray) -> float:
    """What logits [N, C] are divided by so that their negative log-likelihood is least (sec. 4.2).

    `emotion` is int [N]. The likelihood is concave in the inverse temperature: Newton's steps,
    within the interval that its slope leaves.
    """
    logits = logits.astype(np.float64)
    own = logits[np.arange(len(logits)), emotion]
    low, high = 1 / _MOST, _MOST
    inverse = 1.0
    for _ in range(_STEPS):
        probability = np.exp(log_softmax(inverse * logits))
        mean = (probability * logits).sum(-1)
        slope = (mean - own).mean()
        curvature = (probability * (logits - mean[:, None]) ** 2).sum(-1).mean()
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        before = inverse
        if curvature > 0:
            inverse = before - slope / curvature
        if not (curvature > 0 and low <= inverse <= high):
            inverse = (low + high) / 2
        if abs(inverse - before) <= _CLOSE * before:
            break
    return float(1 / inverse)


def errors(logits: np.ndarray, emotion: np.ndarray) -> dict[str, float]:
    """The expected calibration error and the mean negative log-likelihood of N clips.

    `logits` are [N, C], `emotion` is int [N].
    """
    log_NxC = log_softmax(logits.astype(np.float64))
    own = log_NxC[np.arange(len(emotion)), emotion]
    return {"ece": reliability(np.exp(log_NxC), emotion).error, "nll": float(-own.mean())}


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """The logarithm of the softmax of logits [N, C]."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
