"""The entropy of positive and of negative clips, the term of MMIM that looks at labels."""

import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from mer_jax.models.layers import TorchDense

MEMORY = "memory"  # Flax's collection of the last batch's moments: model state, not parameters
# Added to the covariances' diagonals: with fewer clips of a sign than columns they are singular.
_LEAST_VARIANCE = 1e-2


class SignedEntropy(nn.Module):
    """(logdet cov(positive) + logdet cov(negative)) / 4 of a projection of y to H // 4 columns.

    MMIM's Eq. 8, after the first batch: a sign's clips are those of this batch and the last one,
    which has no gradient. Only their number, sum and second moment are kept, so that batches may
    differ in size. 0 where a sign has no clip in either batch.
    """

    @nn.compact
    def __call__(
        self, y: Float[Array, "B H"], sign: Float[Array, "B"] | None, train: bool
    ) -> Float[Array, ""]:
        """The term; `sign` is 1, -1, or 0 for clips that do not count. None: nothing is known."""
        width = max(y.shape[-1] // 4, 1)
        projected_BxE = jnp.tanh(TorchDense(width, name="projection")(y))
        shapes = {"count": (2,), "total": (2, width), "product": (2, width, width)}
        memory = {
            name: self.variable(MEMORY, name, jnp.zeros, shape, y.dtype)
            for name, shape in shapes.items()
        }
        if not train or sign is None or self.is_initializing():
            return jnp.zeros((), y.dtype)
        own_2xB = jnp.stack([sign > 0, sign < 0]).astype(y.dtype)
        seen = {
            "count": own_2xB.sum(-1),
            "total": own_2xB @ projected_BxE,
            "product": jnp.einsum("sb,bi,bj->sij", own_2xB, projected_BxE, projected_BxE),
        }
        count_2, total_2xE, product_2xExE = (memory[name].value + seen[name] for name in shapes)
        is_known = (memory["count"].value > 0).any() & (count_2 > 0).all()
        for name in shapes:
            memory[name].value = lax.stop_gradient(seen[name])
        count_2 = jnp.maximum(count_2, 1)
        mean_2xE = total_2xE / count_2[:, None]
        outer_2xExE = mean_2xE[:, :, None] * mean_2xE[:, None]
        floor_ExE = _LEAST_VARIANCE * jnp.eye(width, dtype=y.dtype)
        covariance = product_2xExE / count_2[:, None, None] - outer_2xExE + floor_ExE[None]
        root = jnp.linalg.cholesky(covariance)
        logdet_2 = 2 * jnp.log(jnp.diagonal(root, axis1=1, axis2=2)).sum(-1)
        return jnp.where(is_known, logdet_2.sum() / 4, 0)
