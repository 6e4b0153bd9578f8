"""LSTMs: against the formula step by step, its numeric gradient, PyTorch, and padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.models import recurrent
from mer_jax.models.load_torch import as_torch, load_torch
from mer_jax.models.recurrent import LSTM, LSTMCell

BATCH, FRAMES, SIZE, HIDDEN = 3, 5, 4, 2


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(gates, h, c):
    """One step of one clip, gates in PyTorch's order."""
    i, f, g, o = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def one_by_one(x_TxD, weights, suffix, reverse):
    """The hidden states of one clip without padding, a frame at a time."""
    h = c = np.zeros(HIDDEN)
    states = np.zeros((len(x_TxD), HIDDEN))
    for t in range(len(x_TxD))[:: -1 if reverse else 1]:
        gates = weights[f"bias_ih{suffix}"] + weights[f"bias_hh{suffix}"]
        gates = gates + weights[f"weight_ih{suffix}"] @ x_TxD[t] + weights[f"weight_hh{suffix}"] @ h
        h, c = step(gates, h, c)
        states[t] = h
    return states


def stacked(x_TxD, weights, layers, bidirectional):
    """The top layer's states of one clip and its last ones, by `one_by_one`."""
    directions = ("", "_reverse")[: 1 + bidirectional]
    for layer in range(layers):
        each = [one_by_one(x_TxD, weights, f"_l{layer}{d}", bool(d)) for d in directions]
        x_TxD = np.concatenate(each, axis=1)
    return x_TxD, np.concatenate([s[0 if d else -1] for s, d in zip(each, directions, strict=True)])


@pytest.fixture
def clips():
    """Frames, and a mask with padding in front, behind and within."""
    mask = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 0], [1, 0, 1, 0, 0]], bool)
    x = np.random.default_rng(0).standard_normal((BATCH, FRAMES, SIZE)).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(mask)


@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
def test_states_are_those_of_the_formula_over_each_clips_own_frames(clips, layers, bidirectional):
    x, mask = clips
    lstm = LSTM(HIDDEN, layers, bidirectional)
    params = lstm.init(jax.random.key(0), x, mask)
    states, last = lstm.apply(params, x, mask)
    weights = as_torch(params["params"])
    for row in range(BATCH):
        expected, end = stacked(np.asarray(x)[row, mask[row]], weights, layers, bidirectional)
        np.testing.assert_allclose(states[row, mask[row]], expected, atol=1e-6)
        np.testing.assert_allclose(last[row], end, atol=1e-6)


def test_the_gradient_is_that_of_differences(clips):
    _, mask = clips
    weight = np.random.default_rng(1).standard_normal((2, FRAMES, BATCH, HIDDEN))
    for reverse in (False, True):
        with jax.enable_x64(True):

            def loss(gates, kernel, reverse=reverse):
                states = recurrent.run(gates, kernel, mask.T, reverse)
                return (weight[0] * states.hidden + weight[1] * states.cell).sum()

            gates = np.random.default_rng(2).standard_normal((FRAMES, BATCH, 4 * HIDDEN))
            kernel = np.random.default_rng(3).standard_normal((HIDDEN, 4 * HIDDEN))
            found = jax.jit(jax.grad(loss, argnums=(0, 1)))(gates, kernel)
            compiled = jax.jit(loss)
            for which, at in enumerate((gates, kernel)):
                expected = np.zeros_like(at)
                for index in np.ndindex(at.shape):
                    around = []
                    for side in (1e-5, -1e-5):
                        moved = [gates.copy(), kernel.copy()]
                        moved[which][index] += side
                        around.append(float(compiled(*moved)))
                    expected[index] = (around[0] - around[1]) / 2e-5
                np.testing.assert_allclose(found[which], expected, atol=1e-8)


def test_without_a_mask_every_frame_counts(clips):
    x, _ = clips
    lstm = LSTM(HIDDEN)
    params = lstm.init(jax.random.key(0), x)
    every = jnp.ones((BATCH, FRAMES), bool)
    states, _ = lstm.apply(params, x)
    np.testing.assert_allclose(states, lstm.apply(params, x, every)[0], atol=1e-6)


def test_several_run_together_as_each_alone(clips):
    x, mask = clips
    cell = LSTMCell(HIDDEN)
    each = [cell.apply(cell.init(jax.random.key(n), SIZE), SIZE) for n in range(3)]
    x, mask = recurrent.time_first(x), mask.T
    gates = [recurrent.gates(x, weights) for weights in each]
    together = recurrent.run_together(gates, [w.hidden for w in each], [mask] * 3)
    for n, weights in enumerate(each):
        alone = recurrent.run(gates[n], weights.hidden, mask)
        np.testing.assert_allclose(together.hidden[n], alone.hidden, atol=1e-6)
        np.testing.assert_allclose(together.cell[n], alone.cell, atol=1e-6)


def test_weights_start_as_pytorchs_by_the_width_of_the_state():
    params = LSTM(64, layers=2).init(jax.random.key(0), jnp.zeros((1, 1, 400)))["params"]
    shapes = {name: leaf.shape for name, leaf in params.items()}
    assert shapes == {
        "kernel_ih_l0": (400, 256), "kernel_hh_l0": (64, 256), "bias_ih_l0": (256,),
        "bias_hh_l0": (256,), "kernel_ih_l1": (64, 256), "kernel_hh_l1": (64, 256),
        "bias_ih_l1": (256,), "bias_hh_l1": (256,),
    }  # fmt: skip
    for leaf in params.values():
        largest, spread = np.abs(leaf).max(), np.std(leaf)
        assert 0.95 / 8 < largest <= 1 / 8
        np.testing.assert_allclose(spread, 1 / 8 / 3**0.5, rtol=0.1)


def test_dropout_acts_between_layers_alone():
    x = jnp.ones((2, 3, 4))
    states = {}
    for layers in (1, 2):
        lstm = LSTM(64, layers)
        params = lstm.init(jax.random.key(0), x)
        key = {"dropout": jax.random.key(1)}
        dropped, _ = lstm.apply(params, x, None, 0.5, True, rngs=key)
        states[layers] = np.abs(dropped - lstm.apply(params, x)[0]).max()
    assert states[1] == 0 < states[2]


@pytest.mark.parametrize(("layers", "bidirectional"), [(2, False), (1, True)])
def test_pytorch_agrees_in_states_and_gradients(clips, layers, bidirectional):
    torch = pytest.importorskip("torch", reason="PyTorch is what this is compared to")
    x, _ = clips
    theirs = torch.nn.LSTM(SIZE, HIDDEN, layers, batch_first=True, bidirectional=bidirectional)
    expected, _ = theirs(torch.tensor(np.asarray(x)))
    (expected**2).sum().backward()
    ours = LSTM(HIDDEN, layers, bidirectional)
    params = load_torch(theirs.state_dict(), ours.init(jax.random.key(0), x)["params"])

    def loss(params):
        states, _ = ours.apply({"params": params}, x)
        return (states**2).sum(), states

    gradient, states = jax.grad(loss, has_aux=True)(params)
    np.testing.assert_allclose(states, expected.detach(), atol=1e-6)
    found = as_torch(gradient)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(found[name], parameter.grad, atol=1e-5, err_msg=name)
