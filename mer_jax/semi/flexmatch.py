"""FlexMatch: a class that is learnt slowly gets a lower threshold."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool

from mer_jax.semi.method import THRESHOLD, Chosen, Method, Weak, confidence, mask

UNUSED = -1  # a clip before it was confident of any class
NOT_OWN = -2  # one that the run never draws: it counts nowhere


class FlexMatch(Method):
    """Zhang et al., NeurIPS 2021: curriculum pseudo-labelling.

    The state is each pool clip's last confident class, UNUSED before it had one. Unused clips
    count in the warm-up (Eq. 11), those of the run's own part of the pool alone; the mapping is
    beta / (2 - beta) (Eq. 12).
    """

    SETTINGS: ClassVar = (THRESHOLD,)

    @staticmethod
    def init(classes: int, own: Bool[Array, "P"]) -> Any:
        """int32 [P], all of the run's own clips unused."""
        del classes
        return jnp.where(own, jnp.int32(UNUSED), jnp.int32(NOT_OWN))

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Masks by the counts before the step, then counts the step's confident clips."""
        classes = weak.probability.shape[1]
        used = (state[:, None] == jnp.arange(classes)[None, :]).sum(0)
        unused = (state == UNUSED).sum()
        beta_C = used / jnp.maximum(jnp.maximum(used.max(), unused), 1)
        threshold_C = settings["threshold"] * beta_C / (2 - beta_C)
        largest, predicted = confidence(weak)
        outside = state.shape[0]  # a number that no clip has: not written
        clip = jnp.where(largest >= settings["threshold"], weak.clip, outside)
        return Chosen(
            mask(weak, threshold_C), threshold_C, state.at[clip].set(predicted, mode="drop")
        )
