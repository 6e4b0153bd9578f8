"""Convolutions and batch norm over padded clips, and LSTM-FCN's branches, against NumPy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.models.convolution import STATISTICS, BatchNorm, Convolution, FullyConvolutional
from mer_jax.models.lstm_fcn import LSTMFCN, FrameAttention

LENGTHS = np.array([6, 3, 1])
MASK = jnp.asarray(np.arange(6)[None] < LENGTHS[:, None])


def clips(size, seed=0):
    x = np.random.default_rng(seed).normal(size=(3, 6, size)).astype(np.float32)
    return jnp.asarray(x * np.asarray(MASK)[..., None])


@partial(jax.jit, static_argnums=(0, 3))
def run(module, variables, inputs, train, rngs=None):
    """What a module gives and its state after that, compiled whole rather than step by step."""
    return module.apply(variables, *inputs, train, rngs=rngs, mutable=[STATISTICS])


@partial(jax.jit, static_argnums=0)
def begin(module, key, inputs):
    """A module's variables."""
    return module.init(key, *inputs, False)


def test_a_convolution_keeps_the_length_and_sees_zeros_beyond_the_ends():
    x = clips(2)
    for kernel in (1, 3, 8):
        module = Convolution(4, kernel)
        variables = module.init(jax.random.key(kernel), x)
        taps = np.asarray(variables["params"]["kernel"]).reshape(kernel, 2, 4)
        bound = (6 / (2 * kernel)) ** 0.5
        assert 0.8 * bound < abs(taps).max() <= bound or kernel == 1
        expected = np.zeros((3, 6, 4), np.float32)
        for t in range(6):
            for j in range(kernel):
                place = t + j - (kernel - 1) // 2
                if 0 <= place < 6:
                    expected[:, t] += x[:, place] @ taps[j]
        np.testing.assert_allclose(module.apply(variables, x), expected, atol=1e-5)


def test_batch_norm_takes_the_frames_that_count():
    x = jnp.asarray(np.random.default_rng(1).normal(2, 3, size=(3, 6, 2)), jnp.float32)
    counted = MASK.astype(jnp.float32).at[2].set(0)  # a padded row
    held = np.concatenate([x[0, :6], x[1, :3]])
    module = BatchNorm()
    variables = module.init(jax.random.key(0), x, counted, False)
    y, state = module.apply(variables, x, counted, True, mutable=[STATISTICS])
    normal = (held - held.mean(0)) / np.sqrt(held.var(0) + 1e-3)
    np.testing.assert_allclose(np.concatenate([y[0, :6], y[1, :3]]), normal, atol=1e-4)
    running = state[STATISTICS]
    np.testing.assert_allclose(running["mean"], 0.1 * held.mean(0), rtol=1e-4)
    np.testing.assert_allclose(running["var"], 0.9 + 0.1 * held.var(0), rtol=1e-4)
    params = {"scale": jnp.array([2.0, 1.0]), "bias": jnp.array([0.0, 5.0])}
    kept = {STATISTICS: {"mean": jnp.array([1.0, 0.0]), "var": jnp.array([4.0, 1.0])}}
    z = module.apply({"params": params, **kept}, x, counted, False)
    np.testing.assert_allclose(
        z[..., 0], 2 * (x[..., 0] - 1) / np.sqrt(4.001), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(z[..., 1], x[..., 1] / np.sqrt(1.001) + 5, rtol=1e-3, atol=1e-4)


def test_a_clip_alone_is_what_it_is_among_longer_ones():
    module, x, weight = FullyConvolutional(((4, 8), (5, 3))), clips(2), jnp.ones(3)
    variables = begin(module, jax.random.key(0), (x, MASK, weight))
    together, _ = run(module, variables, (x, MASK, weight), False)
    for i, length in enumerate(LENGTHS):
        own = x[i : i + 1, :length], MASK[i : i + 1, :length], weight[:1]
        alone, _ = run(module, variables, own, False)
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-4, atol=1e-5)


def test_attention_weighs_a_clips_own_frames():
    h, query = clips(4), jnp.asarray(np.random.default_rng(2).normal(size=(3, 4)), jnp.float32)
    module = FrameAttention()
    variables = module.init(jax.random.key(0), h, query, MASK)
    found, weights = module.apply(variables, h, query, MASK)
    p = jax.tree.map(np.asarray, variables["params"])
    for i, length in enumerate(LENGTHS):
        states = np.asarray(h)[i, :length] @ p["state"]["kernel"] + p["state"]["bias"][None]
        asked = np.asarray(query)[i] @ p["query"]["kernel"] + p["query"]["bias"]
        score = np.tanh(states + asked[None]) @ p["score"]["kernel"][:, 0]
        expected = np.exp(score) / np.exp(score).sum()
        np.testing.assert_allclose(weights[i], np.pad(expected, (0, 6 - length)), atol=1e-6)
        np.testing.assert_allclose(found[i], expected @ np.asarray(h)[i, :length], atol=1e-5)


def test_shuffled_columns_are_the_lstms_steps():
    x, full = clips(2), jnp.ones((3, 6), bool)
    plain, shuffled = LSTMFCN(5, has_attention=True), LSTMFCN(5, shuffled=True)
    given = (x, full, jnp.ones(3), 0.5)
    variables = begin(shuffled, jax.random.key(0), given)
    assert variables["params"]["lstm"]["kernel_ih_l0"].shape == (6, 20)
    seen, _ = run(shuffled, variables, given, False)
    assert seen.vector.shape == (3, 128 + 5)
    assert seen.frame_weight is None
    turned = (jnp.swapaxes(x, 1, 2), jnp.ones((3, 2), bool), jnp.ones(3), 0.5)
    lstm = {"lstm": variables["params"]["lstm"]}
    of_turned = begin(plain, jax.random.key(1), turned)
    of_turned["params"] |= lstm
    state = run(LSTMFCN(5), of_turned, turned, False)[0].vector[:, 128:]
    np.testing.assert_allclose(seen.vector[:, 128:], state, atol=1e-6)
    assert run(plain, of_turned, turned, False)[0].frame_weight.shape == (3, 2)


def test_dropout_meets_the_lstms_part_alone():
    x, module = clips(2), LSTMFCN(64)
    given = (x, MASK, jnp.ones(3), 0.8)
    variables = begin(module, jax.random.key(0), given)
    still = run(module, variables, given, False)[0].vector
    seen, _ = run(module, variables, given, True, {"dropout": jax.random.key(1)})
    assert 0.6 < (seen.vector[:, 128:] == 0).mean() < 0.95
    kept = seen.vector[:, 128:] != 0
    np.testing.assert_allclose(seen.vector[:, 128:][kept], 5 * still[:, 128:][kept], rtol=1e-4)
    assert (seen.vector[:, :128] != 0).mean() > 0.5
