"""MMIM's entropy term against NumPy's covariances, and what it remembers of the last batch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.config.kinds import as_tuple
from mer_jax.corpora import MER2023
from mer_jax.errors import InputError
from mer_jax.models.entropy import MEMORY, SignedEntropy
from mer_jax.models.fusion import FUSIONS, check_task
from mer_jax.task import Task
from mer_jax.training.program import Static
from tests.support.runs import Group

SIGNS = np.array([1, -1, 1, 0, -1, 1, -1, 1], np.float32), np.array([-1, 1, 1, 0, -1], np.float32)
MODULE = SignedEntropy()


@partial(jax.jit, static_argnums=3)
def applied(variables, y, sign, train):
    """The module's term, and what it remembers."""
    return MODULE.apply(variables, y, sign, train, mutable=[MEMORY])


def of_two_batches():
    """Two batches [B, 8] of unlike size, the parameters, and the memory after the first."""
    rng = np.random.default_rng(0)
    first, second = (jnp.asarray(rng.normal(size=(len(s), 8)), jnp.float32) for s in SIGNS)
    made = jax.jit(lambda key: MODULE.init(key, first, None, True))(jax.random.key(0))
    term, memory = applied(made, first, jnp.asarray(SIGNS[0]), True)
    assert term == 0
    return first, second, {"params": made["params"], **memory}


def test_the_term_is_that_of_both_batches_covariances_and_the_last_one_has_no_gradient():
    first, second, variables = of_two_batches()
    dense = variables["params"]["projection"]

    def term(y):
        return applied(variables, y, jnp.asarray(SIGNS[1]), True)[0]

    def defined(y):
        projected = jnp.tanh(y @ dense["kernel"] + dense["bias"][None])
        before = jnp.tanh(first @ dense["kernel"] + dense["bias"][None])
        total = 0.0
        for sign in (1, -1):
            rows = jnp.concatenate([before[SIGNS[0] == sign], projected[SIGNS[1] == sign]])
            total += jnp.linalg.slogdet(jnp.cov(rows.T, bias=True) + 0.01 * jnp.eye(2))[1]
        return total / 4

    value, gradient = jax.jit(jax.value_and_grad(term))(second)
    expected, of_defined = jax.jit(jax.value_and_grad(defined))(second)
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    np.testing.assert_allclose(gradient, of_defined, rtol=1e-3)


def test_it_says_nothing_without_labels_or_outside_training():
    _, second, variables = of_two_batches()
    for sign, train in ((None, True), (jnp.asarray(SIGNS[1]), False), (jnp.zeros(5), True)):
        term, memory = applied(variables, second, sign, train)
        assert term == 0 or (sign == 0).all()  # of no sign: the last batch's alone
        assert np.isfinite(term)
        kept = jnp.array_equal(memory[MEMORY]["total"], variables[MEMORY]["total"])
        assert kept == (sign is None or not train)


def test_a_training_carries_the_memory_and_the_term_changes_it():
    def trained(entropy):
        declared = FUSIONS["mmim"].SETTINGS
        values = {s.name: as_tuple(s.default)[0] for s in declared}
        values |= {"hidden": 8, "entropy": entropy, "dropout": 0.0, "beta": 1.0}
        static = tuple((s.name, values[s.name]) for s in declared if not s.traced)
        of = Static("mmim", static, ("audio", "video"), MER2023.task, epochs=1, batch_size=8)
        traced = {s.name: values[s.name] for s in declared if s.traced}
        return Group([(0, 0, 1e-2)], of, model=traced, folds=2, repeats=1).advance(0, 1)

    without, state = trained(False), trained(True)
    assert (without.failed < 0).all() and (state.failed < 0).all() and not without.model_state
    (memory,) = state.model_state[MEMORY]["fusion"].values()
    assert (memory["count"] > 0).all() and (memory["count"] < 8).all()
    kernels = [s.params["fusion"]["audio_encoder"]["linear_1"]["kernel"] for s in (without, state)]
    assert np.isfinite(kernels[1]).all() and not np.array_equal(*kernels)


def test_a_task_without_valences_is_refused():
    with pytest.raises(InputError, match=r"model\.entropy=True tells clips apart"):
        check_task("mmim", {"entropy": True}, Task(("happy", "sad"), None))
    with pytest.raises(InputError, match="sign of their valence"):
        check_task("mmim", {"entropy": True}, Task((), (-1.0, 1.0), targets=("calm", "warm")))
    check_task("mmim", {"entropy": False}, Task(("happy", "sad"), None))
