"""Variables of models for tests, drawn by NumPy: initialising a model would be compiled first."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

_DEVIATION = 0.3
_STATISTICS = {"mean": 0.0, "var": 1.0}  # of a batch norm that has seen nothing


def drawn(model: nn.Module, *inputs: Any) -> Any:
    """A model's variables with normal weights, of the shapes that it takes for `inputs`."""
    rng = np.random.default_rng(1)

    def draw(path: tuple[Any, ...], shape: jax.ShapeDtypeStruct) -> jax.Array:
        if path[0].key == "batch_stats":
            return jnp.full(shape.shape, _STATISTICS[path[-1].key], shape.dtype)
        return jnp.asarray(rng.normal(0, _DEVIATION, shape.shape), shape.dtype)

    shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)
    return jax.tree.map_with_path(draw, shapes)
