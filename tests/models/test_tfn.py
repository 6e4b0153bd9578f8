"""Tensor fusion without its tensor: equal to the one with it, which is made where it must be."""

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.models.dropout import dropout
from mer_jax.models.fusion.tfn import Tfn
from mer_jax.models.layers import Batch
from mer_jax.models.outer_product import Dropping, dense_of_dropped_outer

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


def test_no_pass_makes_the_tensor():
    def largest(release, train):
        model = Tfn(modalities=tuple(SIZES), hidden=HIDDEN, release=release)
        variables = model.init(jax.random.key(1), batch(), {"dropout": 0.0}, False)
        program = jax.make_jaxpr(
            lambda: model.apply(
                variables, batch(), {"dropout": 0.3}, train, rngs={"dropout": jax.random.key(0)}
            )
        )()
        made = [v.aval for equation in program.eqns for v in equation.outvars]
        return max(aval.size for aval in made if jnp.issubdtype(aval.dtype, jnp.floating))

    for release in (False, True):
        for train in (False, True):
            assert largest(release, train) < ROWS * (HIDDEN + 1) ** 3


def test_single_entries_of_the_product_are_dropped_as_by_dropout():
    rows, parts, places, width = 3, 4, 5, 2
    x_key, y_key, kernel_key, key = jax.random.split(jax.random.key(4), 4)
    x = jax.random.normal(x_key, (rows, parts))
    y = jax.random.normal(y_key, (rows, places))
    kernel = jax.random.normal(kernel_key, (parts, places, width))

    def of_tensor(x, y, kernel):
        tensor = jnp.einsum("bi,bp->bip", x, y)
        return jnp.einsum("bip,iph->bh", dropout(tensor, 0.3, key), kernel)

    def in_parts(x, y, kernel):
        return dense_of_dropped_outer(x, y, kernel, Dropping(0.3, key))

    out, backward = jax.vjp(of_tensor, x, y, kernel)
    found, found_backward = jax.vjp(in_parts, x, y, kernel)
    np.testing.assert_allclose(found, out, rtol=1e-5, atol=1e-6)
    wanted = backward(out)
    for gradient, expected in zip(found_backward(out), wanted, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5)
