"""The optimiser: Adam with L2, as `torch.optim.Adam(weight_decay=...)` does it."""

import optax


def l2_adam(learning_rate, weight_decay) -> optax.GradientTransformation:
    """Adds `weight_decay * parameter` to the gradient before Adam; both numbers may be traced.

    Not decoupled, unlike AdamW. Betas 0.9 and 0.999, epsilon 1e-8: PyTorch's and optax's
    defaults. A group of parameters with a rate of its own is `optax.partition` over two of these.
    """
    return optax.chain(
        optax.add_decayed_weights(weight_decay),
        optax.scale_by_adam(),
        optax.scale_by_learning_rate(learning_rate),
    )
