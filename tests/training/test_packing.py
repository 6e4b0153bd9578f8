"""Packed parameters: their way there and back, and that training with them is the same."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mer_jax.training import loop, packing
from mer_jax.training.optimizer import Group, make
from tests.support import runs
from tests.support.runs import assert_same_bits


@pytest.fixture
def few_are_packed(monkeypatch):
    monkeypatch.setattr(packing, "_LEAST", 2)


def drawn(seed):
    """A tree of which three, two and one arrays have a shape, one of those a type of its own."""
    rng = np.random.default_rng(seed)
    shapes = {"a": {"kernel": (3, 4), "bias": (4,)}, "b": {"kernel": (3, 4), "bias": (4,)}}
    tree = {name: {n: rng.normal(size=s) for n, s in of.items()} for name, of in shapes.items()}
    tree |= {"c": rng.normal(size=(3, 4)), "d": rng.normal(size=5)}
    return jax.tree.map(jnp.float32, tree)


def test_every_part_of_a_state_goes_there_and_back(few_are_packed):
    params = drawn(0)
    optimizer = make({"learning_rate": 1e-2, "weight_decay": 0.1})
    state = {"params": params, "opt": optimizer.init(params), "epoch": jnp.int32(3)}
    of = packing.of(params)
    packed = of.packed(state)
    np.testing.assert_array_equal(
        packed["params"]["a/kernel"],
        np.stack([params["a"]["kernel"], params["b"]["kernel"], params["c"]]),
    )
    assert len(jax.tree.leaves(packed)) == 3 * 3 + 2  # weights, both moments; count, epoch
    assert_same_bits(of.whole(packed), state)


def test_few_parameters_stay_as_they_are():
    state = {"params": drawn(0)}
    of = packing.of(state["params"])
    assert of.packed(state) is state and of.whole(state) is state


def test_an_optimisers_groups_stay_apart_and_its_steps_are_the_same(few_are_packed):
    """A pattern that finds `b` alone must find it in the packed tree, and nothing beside it."""
    groups = [Group("slow", "^b/", {"learning_rate": 1e-3, "weight_decay": 0.0})]
    settings = {"learning_rate": 1e-2, "weight_decay": 0.3, "clip_value": 0.5}
    params, gradients = drawn(0), [drawn(seed) for seed in range(1, 4)]
    optimizer, of = make(settings, groups), packing.of(params, groups)
    assert of.groups["b/kernel"] == (3,) and of.groups["a/kernel"] == (1, 4)

    def trained(change, back):
        theta, state = change(params), change(optimizer.init(params))
        for gradient in gradients:
            update, state = optimizer.update(change(gradient), state, theta)
            theta = optax.apply_updates(theta, update)
        return back(theta), back(state)

    def alone(tree):
        return tree

    assert_same_bits(trained(of.packed, of.whole), trained(alone, alone))


def test_a_packed_training_leaves_the_same_state(few_are_packed):
    """What a checkpoint holds, the best epoch's weights among it."""
    group, packed = (runs.Group([(0, 0, 1e-2), (0, 1, 1e-2)]) for _ in range(2))
    assert packing.of(jax.tree.map(lambda x: x[0], group.state.params)).groups
    packed.train = loop.make_train(packed.static, False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_LEAST", 10**6)
        alone = group.advance(0, 3)
    found = packed.advance(0, 3)
    assert jax.tree.structure(alone) == jax.tree.structure(found)
    for a, b in ((alone.params, found.params), (alone.best.params, found.best.params)):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)
