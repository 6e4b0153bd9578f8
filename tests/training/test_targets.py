"""Several targets in a model and its loss: each counts alike, whatever its unit."""

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.data.arrays import Labels
from mer_jax.models import multitask
from mer_jax.models.layers import Batch
from mer_jax.models.multitask import Output
from mer_jax.task import of_bounds
from mer_jax.training import losses
from mer_jax.training.losses import Objective

RANGES = (1.0, 7.0, 0.0, 100.0)
TASK = of_bounds((), ("openness", "warmth"), RANGES)


def labels_and_output(seed=0, rows=9):
    rng = np.random.default_rng(seed)
    true = rng.uniform(0, 1, (rows, 2)).astype(np.float32) * np.float32([6, 100])
    guess = rng.uniform(0, 1, (rows, 2)).astype(np.float32) * np.float32([6, 100])
    mask = rng.random((rows, 2)) < 0.7
    nothing = np.zeros(rows, np.int32), np.zeros(rows, bool)
    weight = (np.arange(rows) < 7).astype(np.float32)
    return Labels(*nothing, true, mask), guess, weight


def loss_of(labels, guess, weight, objective):
    labels, guess, weight = jax.tree.map(jnp.asarray, (labels, guess, weight))
    return losses.supervised(Output(None, guess, {}), labels, weight, {}, objective)


def test_the_loss_is_the_mean_over_targets_in_halves_of_their_ranges():
    labels, guess, weight = labels_and_output()
    expected = []
    for at, half in enumerate((3, 50)):
        rows = labels.valence_mask[:, at] & (weight > 0)
        expected.append(np.mean(((labels.valence - guess)[rows, at] / half) ** 2))
    found = loss_of(labels, guess, weight, Objective(halves=TASK.halves))
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-5)
    huber = Objective({"huber_delta": jnp.float32(0.2)}, halves=TASK.halves)
    assert 0 < loss_of(labels, guess, weight, huber) < found


def test_one_target_has_the_loss_of_a_valence():
    labels, guess, weight = labels_and_output(1)
    one = labels._replace(valence=labels.valence[:, :1], valence_mask=labels.valence_mask[:, :1])
    ours = loss_of(one, guess[:, :1], weight, Objective(halves=(1.0,)))
    theirs = loss_of(labels.of_target(0), guess[:, 0], weight, Objective())
    np.testing.assert_array_equal(ours, theirs)


def test_a_head_gives_units_and_begins_in_the_middle():
    batch = Batch({"audio": jnp.ones((4, 3))}, {}, jnp.ones(4))
    settings = {"dropout": 0.0}
    found = {}
    for name, task in (("valence", of_bounds((), (), (-5, 5))), ("targets", TASK)):
        model = multitask.build("unimodal", {"hidden": 5}, ("audio",), task)
        found[name] = model.init(jax.random.key(0), batch, settings)
        head = found[name]["params"]["valence"]
        assert jax.tree.map(jnp.shape, head) == {
            "kernel": (5, len(task.numbers)), "bias": (len(task.numbers),)
        }  # fmt: skip
        output = model.apply(found[name], batch, settings).valence
        assert output.shape == ((4,) if name == "valence" else (4, 2))
        silent = jax.tree.map(jnp.zeros_like, found[name])
        at_zero = model.apply(silent, batch, settings).valence
        expected = np.zeros(4) if name == "valence" else np.tile([4.0, 50.0], (4, 1))
        np.testing.assert_array_equal(at_zero, expected)
        ones = jax.tree.map(jnp.zeros_like, found[name])
        ones["params"]["valence"]["bias"] = jnp.ones_like(head["bias"])
        at_one = model.apply(ones, batch, settings).valence[0]
        np.testing.assert_array_equal(at_one, 1.0 if name == "valence" else [7.0, 100.0])


def test_differences_of_the_pool_are_in_the_units_of_the_loss():
    output = Output(None, jnp.array([[3.0, 50.0]]), {})
    np.testing.assert_array_equal(losses.in_halves(output, TASK.halves).valence, [[1.0, 1.0]])
    assert losses.in_halves(output, ()) is output
