"""The optimiser against a NumPy transcription of the algorithm in torch.optim.Adam's manual."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mer_jax.training.optimizer import l2_adam


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


def test_steps_are_those_of_torchs_adam_with_weight_decay():
    rng = np.random.default_rng(0)
    theta, gradients = rng.normal(size=20), rng.normal(size=(30, 20))
    gradients[:, :5] *= 1e-7  # where epsilon and the decay matter

    @jax.jit  # rates are traced, as in a vmapped grid
    def run(params, gradients, lr, weight_decay):
        optimizer = l2_adam(lr, weight_decay)
        state = optimizer.init(params)
        for gradient in gradients:
            update, state = optimizer.update(gradient, state, params)
            params = optax.apply_updates(params, update)
        return params

    found = run(jnp.float32(theta), jnp.float32(gradients), 1e-2, 0.1)
    np.testing.assert_allclose(found, torch_adam(theta, gradients, 1e-2, 0.1), rtol=2e-4)
    decoupled = torch_adam(theta, gradients, 1e-2, 0.0) - 30 * 1e-2 * 0.1 * theta
    assert np.abs(found - decoupled).max() > 0.01
