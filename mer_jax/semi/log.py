"""What a semi-supervised run writes down of its pool: one row an epoch beside the validation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SHARE, ACCURACY, BALANCE, THRESHOLD = "pool_share", "pool_accuracy", "pool_balance", "threshold"


class Diagnostics(NamedTuple):
    """Sums over a step's clips."""

    clips: Float[Array, "*S"]
    weight: Float[Array, "*S"]
    known: Float[Array, "*S"]  # weight of those whose true emotion is known
    correct: Float[Array, "*S"]  # of these, weight of those with the right target
    balance: Float[Array, "*S C"]  # weight by target class
    threshold: Float[Array, "*S C"]


def summary(steps: Diagnostics) -> dict[str, Array]:
    """An epoch's row: share of the pool that counts, accuracy of its targets, and by class.

    `steps` has a leading axis of steps. Accuracy is NaN where no true emotion is known.
    """
    total = jax.tree.map(lambda x: x.sum(0), steps)
    return {
        SHARE: total.weight / total.clips,
        ACCURACY: total.correct / total.known,
        BALANCE: total.balance / total.weight,
        THRESHOLD: steps.threshold[-1],
    }


def empty(epochs: int, classes: int) -> dict[str, Array]:
    """The columns before the first epoch."""
    sizes = {SHARE: (), ACCURACY: (), BALANCE: (classes,), THRESHOLD: (classes,)}
    return {name: jnp.full((epochs, *shape), jnp.nan, jnp.float32) for name, shape in sizes.items()}
