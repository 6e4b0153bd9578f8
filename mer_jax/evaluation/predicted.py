"""What an ensemble predicts of a split, beside what is known of its clips."""

from typing import NamedTuple

import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.evaluation import ensemble
from mer_jax.evaluation.ensemble import Predictions


class Predicted(NamedTuple):
    """The predictions of one ensemble for the N clips of a split, with their labels."""

    names: np.ndarray  # str [N]
    predictions: Predictions  # logits [N, C], valence [N], of targets [N, V]
    labels: Labels

    @property
    def has_emotion(self) -> bool:
        """Whether any clip has a true emotion to compare with the predicted one."""
        return self.predictions.emotion is not None and bool(self.labels.emotion_mask.any())

    @property
    def has_valence(self) -> bool:
        """Whether any clip has a true valence to compare with the predicted one."""
        return self.predictions.valence is not None and bool(self.labels.valence_mask.any())

    @property
    def probability(self) -> np.ndarray:
        """Softmax of the mean logits: float32 [N, C]."""
        return ensemble.probabilities(self.predictions)

    def with_emotion(self) -> "Predicted":
        """The clips whose emotion is known."""
        return self.rows(self.labels.emotion_mask)

    def with_valence(self) -> "Predicted":
        """The clips whose valence is known."""
        return self.rows(self.labels.has_number)

    def of_target(self, number: int) -> "Predicted":
        """With one of several targets as the valence."""
        of_one = self.predictions.valence[:, number]
        predictions = Predictions(*self.predictions[:2])._replace(valence=of_one)
        return Predicted(self.names, predictions, self.labels.of_target(number))

    def rows(self, rows: np.ndarray) -> "Predicted":
        """Some of the clips, by a mask or by number."""
        return Predicted(self.names[rows], self.predictions.rows(rows), self.labels.rows(rows))
