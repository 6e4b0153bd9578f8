"""Additive attention whose backward pass is written out, against autodiff of its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.models.additive_attention import attended


def plain(asked, keys, score, values, mask):
    rated = (jnp.tanh(asked[:, None] + keys) * score[None, None]).sum(-1)
    if mask is not None:
        rated = jnp.where(mask, rated, -jnp.inf)
    return (jax.nn.softmax(rated, axis=1)[..., None] * values).sum(1)


@pytest.mark.parametrize("is_masked", [False, True])
def test_sums_and_gradients_are_those_of_the_definition(is_masked):
    rng = np.random.default_rng(0)
    shapes = (2, 3), (2, 4, 3), (3,), (2, 4, 3)
    given = [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]
    mask = jnp.asarray([[1, 1, 0, 1], [0, 1, 0, 0]], bool) if is_masked else None

    def total(attend, *given):
        return (attend(*given, mask) ** 3).sum()

    def both(attend):
        of = jax.value_and_grad(lambda *given: total(attend, *given), argnums=(0, 1, 2, 3))
        return jax.tree.leaves(jax.jit(of)(*given))

    for found, expected in zip(both(attended), both(plain), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_where_no_place_counts_nothing_is_nan():
    ones = jnp.ones((1, 2, 3))
    given = ones[:, 0], ones, ones[0, 0], ones
    gradient = jax.grad(
        lambda *given: attended(*given, jnp.zeros((1, 2), bool)).sum(), (0, 1, 2, 3)
    )
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient(*given)))
