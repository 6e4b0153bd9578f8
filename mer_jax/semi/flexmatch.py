"""FlexMatch: a class that is learnt slowly gets a lower threshold."""

from typing import Any, ClassVar

import jax.numpy as jnp

from mer_jax.semi.method import Chosen, Method, Weak, confidence, mask


class FlexMatch(Method):
    """Zhang et al., NeurIPS 2021: curriculum pseudo-labelling.

    The state is each pool clip's last confident class, -1 before it had one. Unused clips count
    in the warm-up (Eq. 11), the mapping is beta / (2 - beta) (Eq. 12).
    """

    TRACED: ClassVar = ("threshold",)

    @staticmethod
    def init(classes: int, pool: int) -> Any:
        """int32 [P], all unused."""
        del classes
        return jnp.full(pool, -1, jnp.int32)

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Masks by the counts before the step, then counts the step's confident clips."""
        classes = weak.probability.shape[1]
        used = (state[:, None] == jnp.arange(classes)[None, :]).sum(0)
        unused = (state < 0).sum()
        beta_C = used / jnp.maximum(jnp.maximum(used.max(), unused), 1)
        threshold_C = settings["threshold"] * beta_C / (2 - beta_C)
        largest, predicted = confidence(weak)
        outside = state.shape[0]  # a number that no clip has: not written
        clip = jnp.where(largest >= settings["threshold"], weak.clip, outside)
        return Chosen(
            mask(weak, threshold_C), threshold_C, state.at[clip].set(predicted, mode="drop")
        )
