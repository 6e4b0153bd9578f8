"""Joint decoding: the predicted valence speaks of the emotion, and the other way (NumPy).

The posterior of the classes is multiplied by p(predicted valence | class), a Gaussian by class, to
a power; the predicted valence moves by a share towards the mean valence that the classes are known
to have. Power and share are 0 where they help nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.evaluation.calibration import log_softmax
from mer_jax.evaluation.ensemble import Predictions

# What is tried. At 1 both heads would count as if they had seen other clips than each other; they
# share all but their last layer.
POWERS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_FEW = 2  # clips that a class needs for a Gaussian of its own

Score = Callable[[Predictions], float]  # more is better


class Joint(NamedTuple):
    """The class-conditional Gaussians and how much they count; lists have a value a class."""

    mean: list[float]  # of the predicted valence
    deviation: list[float]
    valence: list[float]  # the mean of the true one
    power: float
    share: float

    def apply(self, predictions: Predictions) -> Predictions:
        """The logits and valences of N clips, decoded together: float32 [N, C], [N]."""
        logits, valence = predictions.emotion, predictions.valence
        mean_C, deviation_C = np.array(self.mean), np.array(self.deviation)
        distance_NxC = (valence[:, None].astype(np.float64) - mean_C) / deviation_C
        log_NxC = -0.5 * distance_NxC**2 - np.log(deviation_C)
        emotion = log_softmax(logits.astype(np.float64)) + self.power * log_NxC
        expected = np.exp(log_softmax(emotion)) @ np.array(self.valence)
        moved = valence + self.share * (expected - valence)
        return predictions._replace(
            emotion=emotion.astype(np.float32), valence=moved.astype(np.float32)
        )


def fit(
    predictions: Predictions, labels: Labels, score_emotion: Score, score_valence: Score
) -> Joint:
    """The Gaussians of N clips that are predicted out of fold, and the power and share of most use.

    The scores take decoded predictions of the same clips. A class of fewer than two clips has the
    Gaussian of all. Of equals the smallest power and share are taken.
    """
    classes = predictions.emotion.shape[-1]
    known = labels.emotion_mask & labels.valence_mask
    emotion = labels.emotion[known]
    predicted = predictions.valence[known].astype(np.float64)
    true = labels.valence[known].astype(np.float64)
    means, deviations, valences = [], [], []
    for of_class in range(classes):
        rows = emotion == of_class
        rows = rows if rows.sum() >= _FEW else np.ones_like(rows)
        means.append(float(predicted[rows].mean()))
        deviations.append(float(predicted[rows].std()) or 1.0)
        valences.append(float(true[rows].mean()))
    joint = Joint(means, deviations, valences, 0.0, 0.0)
    power = _best(POWERS, lambda x: score_emotion(joint._replace(power=x).apply(predictions)))
    joint = joint._replace(power=power)
    share = _best(SHARES, lambda x: score_valence(joint._replace(share=x).apply(predictions)))
    return joint._replace(share=share)


def _best(values: tuple[float, ...], score: Callable[[float], float]) -> float:
    found = np.nan_to_num([score(value) for value in values], nan=-np.inf)
    return values[int(np.argmax(found))]


def from_results(recorded: dict[str, Any]) -> Joint:
    """The Joint that results.json holds."""
    return Joint(**{field: recorded[field] for field in Joint._fields})
