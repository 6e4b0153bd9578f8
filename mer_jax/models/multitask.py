"""The whole model: a fusion of the modalities, then the two heads of Eq. 2 and 3."""

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array

from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import Batch, TorchDense
from mer_jax.task import Task

LOG_VARIANCE = "log_variance"  # a parameter [2]: of emotion and valence


class Output(NamedTuple):
    """What every model gives; a head that the task lacks is None."""

    emotion: Array | None  # logits, float32 [B, C]
    valence: Array | None  # float32 [B]; of a task with targets [B, V]
    aux: dict[str, Array]  # further losses by name, each a scalar over the batch's weighted rows


class MultitaskModel(nn.Module):
    """A fusion and one linear head for each half of the task."""

    fusion: nn.Module
    task: Task
    weighs_itself: bool = False  # whether it holds the logarithms of both tasks' variances

    @nn.compact
    def __call__(self, batch: Batch, settings: dict, train: bool = False) -> Output:
        """Predicts a batch; `settings` are the fusion's traced ones, such as dropout."""
        z_BxH, aux = self.fusion(batch, settings, train)
        if self.weighs_itself:  # what the loss weighs both tasks by: no prediction depends on it
            self.param(LOG_VARIANCE, nn.initializers.zeros, (2,))
        emotion = valence = None
        if self.task.classes:
            emotion = TorchDense(len(self.task.classes), name="emotion")(z_BxH)
        if self.task.valence_range:
            number_BxV = TorchDense(len(self.task.numbers), name="valence")(z_BxH)
            valence = self._in_units(number_BxV) if self.task.targets else number_BxV[:, 0]
        return Output(emotion, valence, aux)

    def _in_units(self, number_BxV: Array) -> Array:
        """What the head gives, in the targets' units: it has -1 and 1 at the ends of each range."""
        middle_V, half_V = (
            jnp.array(of, jnp.float32) for of in (self.task.middles, self.task.halves)
        )
        return middle_V[None, :] + half_V[None, :] * number_BxV


def build(
    fusion: str,
    settings: dict,
    modalities: tuple[str, ...],
    task: Task,
    weighs_itself: bool = False,
) -> MultitaskModel:
    """The model of a fusion's name, its static settings, the modalities in order, and a task."""
    return MultitaskModel(FUSIONS[fusion](modalities=modalities, **settings), task, weighs_itself)
