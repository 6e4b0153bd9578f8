"""MulT's encoders: their attention's gradient, and that no two nets share draws or masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.models import crossmodal_layer
from mer_jax.models.crossmodal import CrossModalEncoder
from mer_jax.models.crossmodal_layer import Sight

RNG = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(RNG.standard_normal(shape, np.float32))


@pytest.mark.parametrize("has_dropout", [False, True])
def test_what_attention_gathers_has_the_gradient_of_autodiff(has_dropout):
    q, k, v, direction = (
        normal(2, 4, 3, 6),
        normal(2, 5, 3, 6),
        normal(2, 5, 3, 6),
        normal(2, 4, 3, 6),
    )
    visible = jnp.asarray(RNG.random((2, 4, 5)) > 0.4).at[0, 1].set(False)  # one frame sees none
    share = jnp.asarray(RNG.random((2, 3, 4, 5)) > 0.3) / 0.7 if has_dropout else None

    def expected(q, k, v):
        score = jnp.where(visible[:, None], jnp.einsum("bqhd,bkhd->bhqk", q, k), -1e30)
        kept = jax.nn.softmax(score) * (1 if share is None else share)
        return (jnp.einsum("bhqk,bkhd->bqhd", kept, v) * direction).sum()

    def found(q, k, v):
        return (crossmodal_layer._gathered(q, k, v, visible, share)[0] * direction).sum()

    for a, b in zip(
        jax.jit(jax.grad(found, (0, 1, 2)))(q, k, v),
        jax.jit(jax.grad(expected, (0, 1, 2)))(q, k, v),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_every_layer_has_weights_of_its_own():
    encoder, x = CrossModalEncoder(layers=3, heads=2, twice=False), normal(2, 3, 4)
    sight = Sight(jnp.ones((1, 3, 3), bool))
    init = jax.jit(lambda key: encoder.init(key, x, x, sight, None, 0.0, False)["params"])
    params = init(jax.random.key(0))
    kernels = [np.asarray(params[f"layers.{i}"]["fc1"]["kernel"]) for i in range(3)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.any(kernels[one] == kernels[other])
    bound = (6 / (4 + 16)) ** 0.5  # Xavier's, from 4 to 16 values
    assert np.abs(kernels).max() <= bound and np.std(kernels) == pytest.approx(
        bound / 3**0.5, rel=0.15
    )
