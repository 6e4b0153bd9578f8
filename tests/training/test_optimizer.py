"""The optimiser against NumPy transcriptions of torch.optim.Adam and torch.nn.utils.clip_grad_*."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.groups import ParameterGroup
from mer_jax.training import grid, plan, program
from mer_jax.training.optimizer import Group, make
from tests.support.configs import changed
from tests.support.plans import planned
from tests.support.runs import assert_same_bits

MODALITIES = ("audio", "video")


def torch_adam(theta, gradients, lr, weight_decay, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """The steps of its documentation, with maximize and amsgrad off."""
    m = v = np.zeros_like(theta)
    for t, gradient in enumerate(gradients, start=1):
        g = gradient + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta = theta - lr * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta


def torch_clip_grad_norm(gradients, most):
    """The gradients of all parameters by name, scaled to `most` where their norm exceeds it."""
    norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
    share = min(1, most / (norm + 1e-6))
    return {name: share * g for name, g in gradients.items()}


def run(params, gradients, settings, groups=()):
    """The parameters after a step for each of the gradients; the settings are traced."""

    @jax.jit
    def steps(params, gradients, settings):
        optimizer = make(settings, groups)
        state = optimizer.init(params)
        for gradient in gradients:
            update, state = optimizer.update(gradient, state, params)
            params = optax.apply_updates(params, update)
        return params

    as_float32 = lambda tree: jax.tree.map(jnp.float32, tree)  # noqa: E731
    return steps(as_float32(params), as_float32(gradients), as_float32(settings))


def drawn(steps):
    """Two parameters, and gradients of which half have a norm above 3."""
    rng = np.random.default_rng(1)
    shapes = {"a": (4, 3), "b": (5,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    gradients = [
        {name: size * rng.normal(size=shape) for name, shape in shapes.items()}
        for size in np.tile([0.1, 3.0], steps // 2)
    ]
    return params, gradients


def test_steps_are_those_of_torchs_adam_with_weight_decay():
    rng = np.random.default_rng(0)
    theta, gradients = rng.normal(size=20), rng.normal(size=(30, 20))
    gradients[:, :5] *= 1e-7  # where epsilon and the decay matter
    found = run(theta, list(gradients), {"learning_rate": 1e-2, "weight_decay": 0.1})
    np.testing.assert_allclose(found, torch_adam(theta, gradients, 1e-2, 0.1), rtol=2e-4)
    decoupled = torch_adam(theta, gradients, 1e-2, 0.0) - 30 * 1e-2 * 0.1 * theta
    assert np.abs(found - decoupled).max() > 0.01


CLIPS = ({"clip_value": 0.5}, {"clip_norm": 0.8}, {"clip_value": 0.5, "clip_norm": 0.8})


@pytest.mark.parametrize("clip", CLIPS)
def test_clipping_is_torchs_before_the_decay(clip):
    params, gradients = drawn(8)
    clipped = gradients
    if "clip_value" in clip:
        clipped = [{n: np.clip(g, -0.5, 0.5) for n, g in gs.items()} for gs in clipped]
    if "clip_norm" in clip:
        clipped = [torch_clip_grad_norm(gs, 0.8) for gs in clipped]
    found = run(params, gradients, {"learning_rate": 1e-2, "weight_decay": 0.3, **clip})
    for name, theta in params.items():
        expected = torch_adam(theta, [gs[name] for gs in clipped], 1e-2, 0.3)
        np.testing.assert_allclose(found[name], expected, rtol=2e-4)
        unclipped = torch_adam(theta, [gs[name] for gs in gradients], 1e-2, 0.3)
        assert np.abs(found[name] - unclipped).max() > 1e-3


def test_a_group_has_a_rate_and_a_decay_of_its_own_and_clipping_sees_all():
    params, gradients = drawn(8)
    settings = {"learning_rate": 1e-2, "weight_decay": 0.3, "clip_norm": 0.8}
    clipped = [torch_clip_grad_norm(gs, 0.8) for gs in gradients]
    own = {"learning_rate": 5e-2, "weight_decay": 0.0}
    found = run(params, gradients, settings, [Group("factors", "^b$", own)])
    of = lambda name: [gs[name] for gs in clipped]  # noqa: E731
    np.testing.assert_allclose(found["a"], torch_adam(params["a"], of("a"), 1e-2, 0.3), rtol=2e-4)
    np.testing.assert_allclose(found["b"], torch_adam(params["b"], of("b"), 5e-2, 0.0), rtol=2e-4)


def test_the_first_group_counts_and_one_without_parameters_is_told():
    params, gradients = drawn(2)
    settings = {"learning_rate": 1e-2, "weight_decay": 0.3}
    frozen = Group("frozen", "a", {"learning_rate": 0.0, "weight_decay": 0.0})
    found = run(params, gradients, settings, [frozen, Group("rest", "a|b", {})])
    np.testing.assert_array_equal(found["a"], np.float32(params["a"]))
    assert (found["b"] != np.float32(params["b"])).all()
    with pytest.raises(InputError, match="no parameter is in the group 'rest'"):
        run(params, gradients, settings, [frozen, Group("rest", "a", {})])


def test_a_fusion_brings_its_groups(monkeypatch):
    """One whose heads stay as they began, and whose audio learns by the fusion's dropout."""

    class Grouped(FUSIONS["attention"]):
        GROUPS = (
            ParameterGroup("heads", "^(emotion|valence)/", {"learning_rate": 0.0}),
            ParameterGroup("audio", "^fusion/audio", {"learning_rate": "dropout"}),
        )

    monkeypatch.setitem(FUSIONS, "grouped", Grouped)
    config = config_lib.check(changed(model__fusion="grouped", model__hidden=8))
    trial = {**config_lib.trials(config)[0], "train.learning_rate": 1e-3, "train.dropout": 0.25}
    static = program.static_of(config, trial, MODALITIES, MER2023.task)
    ones = {
        "fusion": {"audio": jnp.ones(2), "video": jnp.ones(2)},
        "emotion": {"bias": jnp.ones(2)},
        "valence": {"bias": jnp.ones(2)},
    }
    optimizer = program.make_optimizer(static, program.hparams_of(trial))
    # The first step of Adam is the rate, whatever the gradient.
    update, _ = optimizer.update(ones, optimizer.init(ones), ones)
    assert (update["emotion"]["bias"] == 0).all()
    np.testing.assert_allclose(update["fusion"]["audio"], -0.25, rtol=1e-5)
    np.testing.assert_allclose(update["fusion"]["video"], -1e-3, rtol=1e-5)


def trained(**changes):
    grid_plan = planned(data__labelled_fraction=1.0, repeats=1, folds=2, **changes)
    groups = plan.group(grid_plan.config, grid_plan.trials, MODALITIES, MER2023.task)
    chunks = plan.cut(groups, [2] * len(groups))
    feed = grid.Feed(grid_plan)
    states = []
    for chunk in chunks:
        advance, state = grid.start(grid_plan, feed, chunk)
        states.append(advance(state, 0, 2))
    return groups, states


def test_clipping_that_is_off_is_not_there():
    """A trial without it, and beside it one with: the first is as if clipping were unheard of."""
    (without, with_norm), (off, on) = trained(train__clip_norm=(0.0, 1e-3))
    assert without.optimizer == ("learning_rate", "weight_decay")
    assert with_norm.optimizer == ("learning_rate", "weight_decay", "clip_norm")
    _, (plain,) = trained()
    assert_same_bits(off.params, plain.params)
    assert not np.array_equal(*(jax.tree.leaves(state.params)[0] for state in (on, off)))


def test_values_of_clipping_share_a_program():
    (_,), states = trained(train__clip_value=(1e-4, 10.0))
    assert len(states) == 2
    assert not np.array_equal(*(jax.tree.leaves(state.params)[0] for state in states))
