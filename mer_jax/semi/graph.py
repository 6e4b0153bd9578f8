"""Labels spread over a graph of neighbours: a clip's target is what reaches it, not the model's."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from mer_jax.semi.method import Chosen, Method, Weak, traced_setting
from mer_jax.settings import AT_LEAST_1, BELOW_1

NEIGHBOURS = traced_setting(
    "neighbours",
    7,
    AT_LEAST_1,
    "nearest clips that each clip is joined to: graph, and the view neighbours",
)
ALPHA = traced_setting(
    "alpha", 0.99, BELOW_1, "graph: share that a clip takes from its neighbours when labels spread"
)


class Graph(Method):
    """Iscen et al., CVPR 2019, "Label propagation for deep semi-supervised learning".

    The labels of a fold's training clips spread over the nearest neighbours of the features as they
    are given (mer_jax/semi/neighbours.py), once before training. Each clip's target is the class
    that reaches it most, and its weight the certainty 1 - H / log C of Eq. 11, H being the entropy
    of what reaches it. The shares of the classes themselves are no targets: far from the labels
    they are nearly even, and of digits' pool a model that learnt them had 93 % right where the
    likeliest classes had 96 %.
    """

    SETTINGS: ClassVar = (NEIGHBOURS, ALPHA)
    SPREADS = True

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Weighs by certainty; the threshold for the log is 0, since every clip counts."""
        del settings
        classes = weak.spread.shape[1]
        share = weak.spread
        log = jnp.log(jnp.where(share > 0, share, 1))
        certainty = 1 + (share * log).sum(-1) / jnp.log(jnp.float32(classes))
        target = jax.nn.one_hot(share.argmax(-1), classes)
        return Chosen(jnp.maximum(certainty, 0), jnp.zeros(classes), state, target)
