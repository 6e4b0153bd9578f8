"""Mixup of a labelled batch: who is mixed with whom, by what share, and the loss of it."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from mer_jax.data.arrays import Labels
from mer_jax.models.layers import Batch
from mer_jax.training import mixup

WEIGHT = jnp.array([1.0, 0, 1, 1, 0, 1])
KEYS = jax.random.split(jax.random.key(0), 400)


def drawn(alpha):
    return jax.vmap(lambda key: mixup.draw(key, jnp.float32(alpha), WEIGHT))(KEYS)


def test_partners_are_a_permutation_of_the_rows_that_count():
    found = drawn(0.4)
    real = np.flatnonzero(WEIGHT)
    partners = np.asarray(found.partner)[:, real]
    assert (np.sort(partners, 1) == real).all()
    share_of_each = [(partners[:, 0] == row).mean() for row in real]
    np.testing.assert_allclose(share_of_each, 1 / 4, atol=0.08)


def test_shares_are_of_the_beta_distribution():
    for alpha in (0.4, 2.0):
        shares = np.asarray(drawn(alpha).share)
        assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-3


def test_features_and_losses_are_mixed_by_the_same_share():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 3)).astype(np.float32)
    frames = rng.normal(size=(6, 4, 2)).astype(np.float32)
    mask = np.arange(4)[None, :] < np.array([4, 1, 2, 3, 4, 1])[:, None]
    frames = np.where(mask[..., None], frames, 0)
    batch = Batch(
        {"audio": jnp.asarray(x), "text": jnp.asarray(frames)}, {"text": jnp.asarray(mask)}, WEIGHT
    )
    settings = {mixup.MIXUP: jnp.float32(1.0)}
    mixed, mixing = mixup.of_batch(jax.random.key(3), settings, batch)
    share, partner = float(mixing.share), np.asarray(mixing.partner)
    assert 0 < share < 1 and (partner != np.arange(6)).any()
    np.testing.assert_allclose(
        mixed.features["audio"], share * x + (1 - share) * x[partner], rtol=1e-5
    )
    both = mask & mask[partner]
    expected = np.where(both[..., None], share * frames + (1 - share) * frames[partner], frames)
    np.testing.assert_allclose(mixed.features["text"], expected, rtol=1e-5, atol=1e-6)

    labels = Labels(*(jnp.asarray(rng.normal(size=6)) for _ in range(4)))
    by_row = WEIGHT * jnp.arange(6.0)  # unlike rows: partners are a permutation
    found = mixup.loss(mixing, lambda of: (by_row * of.valence).sum(), labels)
    valence, weight = np.asarray(labels.valence), np.asarray(by_row)
    expected = share * weight @ valence + (1 - share) * weight @ valence[partner]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_off_leaves_the_batch_and_the_loss_as_they_are():
    batch = Batch({"audio": jnp.ones((6, 3))}, {}, WEIGHT)
    assert mixup.of_batch(jax.random.key(0), {}, batch) == (batch, None)
    labels = Labels(*(jnp.arange(6.0) + i for i in range(4)))
    assert mixup.loss(None, lambda of: of.valence.sum(), labels) == labels.valence.sum()
