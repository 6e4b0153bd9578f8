"""Layers: PyTorch's initialisation, products, averaging over frames."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from mer_jax.models.layers import (
    Batch,
    Encoder,
    TorchDense,
    mean_over_frames,
    product,
    utterance_vectors,
)


def test_dense_starts_as_pytorchs_linear():
    fan_in, bound = 400, 400**-0.5
    params = TorchDense(50).init(jax.random.key(0), jnp.zeros((1, fan_in)))["params"]
    kernel = np.asarray(params["kernel"]).ravel()
    uniform = scipy.stats.uniform(-bound, 2 * bound)
    assert scipy.stats.kstest(kernel, uniform.cdf).pvalue > 0.01
    many = TorchDense(5000).init(jax.random.key(1), jnp.zeros((1, fan_in)))["params"]["bias"]
    assert scipy.stats.kstest(np.asarray(many), uniform.cdf).pvalue > 0.01


def test_dense_is_affine():
    x = jax.random.normal(jax.random.key(3), (3, 4))
    params = TorchDense(2).init(jax.random.key(0), x)
    expected = (
        np.asarray(x) @ params["params"]["kernel"] + np.asarray(params["params"]["bias"])[None]
    )
    np.testing.assert_allclose(TorchDense(2).apply(params, x), expected, atol=1e-6)


def test_products_gradients_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    x, kernel, weight = (
        rng.standard_normal(shape, np.float32) for shape in ((2, 3, 4), (4, 5), (2, 3, 5))
    )
    value, (dx, dkernel) = jax.value_and_grad(
        lambda x, kernel: (weight * product(x, kernel)).sum(), argnums=(0, 1)
    )(x, kernel)
    np.testing.assert_allclose(value, np.einsum("abd,dh,abh", x, kernel, weight), rtol=1e-5)
    np.testing.assert_allclose(dx, np.einsum("abh,dh->abd", weight, kernel), atol=1e-5)
    np.testing.assert_allclose(dkernel, np.einsum("abd,abh->dh", x, weight), atol=1e-5)


def encode(widths, train):
    x = jnp.ones((16, 8))
    encoder = Encoder(widths)
    variables = encoder.init(jax.random.key(0), x, 0.5, False)
    rngs = {"dropout": jax.random.key(1)} if train else {}
    return np.asarray(encoder.apply(variables, x, 0.5, train, rngs=rngs))


def test_encoder_drops_hidden_units_in_training_alone():
    still, trained = encode((64,), train=False), encode((64,), train=True)
    alive = still > 0
    ratio = trained[alive] / still[alive]
    np.testing.assert_allclose(np.unique(ratio.round(5)), [0, 2])
    assert abs((ratio == 0).mean() - 0.5) < 0.1


def test_encoder_drops_after_every_layer():
    still, trained = encode((64, 32), train=False), encode((64, 32), train=True)
    alive = (still > 0) & (trained > 0)
    # With dropout after the last layer alone every surviving unit would be exactly doubled.
    assert (abs(trained[alive] / still[alive] - 2) > 0.01).mean() > 0.9
    assert 0.3 < (trained[still > 0] == 0).mean() < 0.7


def test_mean_over_frames_ignores_padding():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 5, 2)).astype(np.float32)
    lengths = [5, 2, 0]
    mask = np.arange(5)[None, :] < np.array(lengths)[:, None]
    expected = [x[0].mean(0), x[1, :2].mean(0), np.zeros(2)]
    found = mean_over_frames(jnp.asarray(x), jnp.asarray(mask))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    x[~mask] = 1e9
    found = mean_over_frames(jnp.asarray(x), jnp.asarray(mask))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_utterance_vectors_pass_through():
    x = jnp.arange(6.0).reshape(2, 3)
    vectors = utterance_vectors(Batch({"text": x}, {}, jnp.ones(2)))
    np.testing.assert_array_equal(vectors["text"], x)
