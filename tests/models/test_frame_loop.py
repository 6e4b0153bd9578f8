"""A loop whose dense layers get their gradients after it: all is as of a plain scan."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from mer_jax.models.frame_loop import Weights, loop

STEPS, BATCH, WIDTH = 5, 3, 4


def arrays():
    rng = np.random.default_rng(0)

    def draw(*shape):
        return jnp.asarray(rng.standard_normal(shape, np.float32))

    layers = {
        "state": Weights(draw(WIDTH, WIDTH), draw(WIDTH)),
        "gate": Weights(draw(WIDTH, WIDTH)),
        "idle": Weights(draw(WIDTH, 2)),
    }
    mask = jnp.asarray(rng.random((STEPS, BATCH)) < 0.6)
    return layers, draw(BATCH, WIDTH), (draw(STEPS, BATCH, WIDTH), mask), draw(BATCH, WIDTH)


def step(dense, shared, carry, frame):
    x, mask = frame
    new = jnp.tanh(dense("state", carry) + x * shared)
    new = new * jax.nn.sigmoid(dense("gate", new))
    return jnp.where(mask[:, None], new, carry), new


def plain(layers, carry, frames, shared):
    def dense(name, x):
        kernel, bias = layers[name]
        return x @ kernel + (0 if bias is None else bias[None])

    return lax.scan(lambda c, f: step(dense, shared, c, f), carry, frames)


def test_values_and_all_gradients_are_those_of_a_plain_scan():
    layers, carry, (x, mask), shared = arrays()

    def total(run):
        def of(layers, carry, x, shared):
            end, outputs = run(layers, carry, (x, mask), shared)
            return (end**2).sum() + (outputs**3).sum()

        return jax.jit(jax.value_and_grad(of, argnums=(0, 1, 2, 3)))(layers, carry, x, shared)

    found = total(lambda *given: loop(step, *given))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(total(plain)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert not np.any(found[1][0]["idle"].kernel)


def test_a_loop_over_nothing_gives_its_start():
    layers, carry, frames, shared = arrays()
    none = jax.tree.map(lambda x: x[:0], frames)
    end, outputs = loop(step, layers, carry, none, shared)
    np.testing.assert_array_equal(end, carry)
    assert outputs.shape == (0, BATCH, WIDTH)


def test_a_layer_that_is_used_twice_is_refused():
    layers, carry, frames, _ = arrays()

    def twice(dense, _, carry, frame):
        return dense("state", dense("state", carry)), None

    with pytest.raises(ValueError, match="'state' is used twice"):
        loop(twice, layers, carry, frames)
