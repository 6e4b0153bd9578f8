"""Mixup (Zhang et al., ICLR 2018): clips of a labelled batch, and their losses, mixed in pairs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from mer_jax.data import views
from mer_jax.data.arrays import Labels
from mer_jax.models.layers import Batch
from mer_jax.training.losses import MIXUP


class Mixing(NamedTuple):
    """How the clips of a batch are mixed: one share for all, as the paper's program draws it."""

    share: Float[Array, ""]  # of a clip's own features and loss; the rest is its partner's
    partner: Int[Array, "B"]  # rows


def of_batch(
    key: Key[Array, ""], settings: dict[str, Any], batch: Batch
) -> tuple[Batch, Mixing | None]:
    """The batch with its features mixed, and how; as it is where the settings say nothing of it."""
    if MIXUP not in settings:
        return batch, None
    mixing = draw(key, settings[MIXUP], batch.row_weight)
    share_B = jnp.broadcast_to(1 - mixing.share, mixing.partner.shape)
    features = views.moved(batch.features, batch.frame_mask, share_B, mixing.partner)
    return batch._replace(features=features, sign=None), mixing  # a mixed clip is of no sign


def draw(key: Key[Array, ""], alpha: Float[Array, ""], row_weight: Float[Array, "B"]) -> Mixing:
    """A share of Beta(alpha, alpha), and a partner for each row that counts, among those.

    The partners are a permutation of the rows that count: padding mixes into no clip.
    """
    share_key, order_key = jax.random.split(key)
    counts_B = row_weight > 0
    draws_B = jnp.where(counts_B, jax.random.uniform(order_key, row_weight.shape), jnp.inf)
    order_B = jnp.argsort(draws_B)  # the rows that count, in random order, before the others
    place_B = jnp.where(counts_B, jnp.cumsum(counts_B) - 1, 0)
    return Mixing(jax.random.beta(share_key, alpha, alpha), order_B[place_B])


def loss(
    mixing: Mixing | None, of_labels: Callable[[Labels], Float[Array, ""]], labels: Labels
) -> Float[Array, ""]:
    """The loss of a batch whose features are mixed so: that of its labels and of the partners'."""
    own = of_labels(labels)
    if mixing is None:
        return own
    of_partners = of_labels(labels.rows(mixing.partner))
    return mixing.share * own + (1 - mixing.share) * of_partners
