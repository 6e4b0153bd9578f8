"""The paper's losses (Eq. 6 to 8) over the known labels."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from mer_jax.models.multitask import Output


def cross_entropy(
    logits: Float[Array, "B C"], emotion: Int[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """Eq. 6 averaged over the batch's weight; 0 where nothing counts."""
    loss_B = optax.softmax_cross_entropy_with_integer_labels(logits, emotion)
    return (weight * loss_B).sum() / jnp.maximum(weight.sum(), 1)


def squared_error(
    predicted: Float[Array, "B"], valence: Float[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """Eq. 7 averaged over the batch's weight; 0 where nothing counts."""
    return (weight * (predicted - valence) ** 2).sum() / jnp.maximum(weight.sum(), 1)


def supervised(output: Output, labels, row_weight: Float[Array, "B"], settings: dict):
    """Eq. 8: the unweighted sum of both, plus the model's own losses by their weights.

    `labels` has the fields of `mer_jax.data.arrays.Labels`; a row counts for a head if it is not
    padding and has that label. `settings` are the traced settings of the model.
    """
    loss = jnp.zeros(())
    if output.emotion is not None:
        counted = row_weight * labels.emotion_mask
        loss += cross_entropy(output.emotion, labels.emotion, counted)
    if output.valence is not None:
        counted = row_weight * labels.valence_mask
        loss += squared_error(output.valence, labels.valence, counted)
    return loss + own(output.aux, settings)


def own(aux: dict[str, Float[Array, ""]], settings: dict) -> Float[Array, ""]:
    """The sum of a model's own losses, each by its traced setting `<name>_weight`.

    One without such a setting is weighted already, by a setting of another name.
    """
    return sum((settings.get(f"{name}_weight", 1.0) * x for name, x in aux.items()), jnp.zeros(()))
