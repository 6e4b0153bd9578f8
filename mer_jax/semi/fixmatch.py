"""FixMatch: clips of which the model is sure count, all alike."""

from typing import Any, ClassVar

import jax.numpy as jnp

from mer_jax.semi.method import THRESHOLD, Chosen, Method, Weak, mask


class FixMatch(Method):
    """Sohn et al., NeurIPS 2020: a clip counts where its largest probability reaches tau."""

    SETTINGS: ClassVar = (THRESHOLD,)

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Applies the mask of Eq. 4."""
        threshold_C = jnp.full(weak.probability.shape[1], settings["threshold"])
        return Chosen(mask(weak, threshold_C), threshold_C, state)
