"""Tensor fusion without its tensor: equal to the one with it, which is made where it must be."""

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.models.fusion.tfn import Tfn
from mer_jax.models.layers import Batch

SIZES = {"audio": 5, "text": 4, "video": 3}
ROWS, HIDDEN = 6, 4


def batch():
    rng = np.random.default_rng(0)
    features = {m: jnp.asarray(rng.normal(size=(ROWS, n)), jnp.float32) for m, n in SIZES.items()}
    return Batch(features, {}, jnp.ones(ROWS))


def first_layer(release, rate, key):
    """The first fused layer's output of a training pass, [B, H]."""
    model = Tfn(modalities=tuple(SIZES), hidden=HIDDEN, release=release)
    variables = model.init(jax.random.key(1), batch(), {"dropout": 0.0}, False)

    def run(key):
        _, shown = model.apply(
            variables, batch(), {"dropout": rate}, True, rngs={"dropout": key},
            capture_intermediates=lambda module, _: module.name == "post_fusion_layer_1",
        )  # fmt: skip
        return shown["intermediates"]["post_fusion_layer_1"]["__call__"][0]

    return jax.jit(run)(key)


def test_training_without_dropout_equals_the_release():
    key = jax.random.key(2)
    np.testing.assert_allclose(first_layer(False, 0.0, key), first_layer(True, 0.0, key), atol=1e-6)


def test_the_release_needs_its_tensor_in_training_alone():
    def largest(release, train):
        model = Tfn(modalities=tuple(SIZES), hidden=HIDDEN, release=release)
        variables = model.init(jax.random.key(1), batch(), {"dropout": 0.0}, False)
        program = jax.make_jaxpr(
            lambda: model.apply(
                variables, batch(), {"dropout": 0.3}, train, rngs={"dropout": jax.random.key(0)}
            )
        )()
        made = [v.aval.size for equation in program.eqns for v in equation.outvars]
        return max(made) >= ROWS * (HIDDEN + 1) ** 3

    assert largest(release=True, train=True)
    assert not largest(release=False, train=True) and not largest(release=True, train=False)
