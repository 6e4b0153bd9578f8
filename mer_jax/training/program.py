"""Temporary."""

from typing import Any

import jax
import jax.numpy as jnp

from mer_jax.config import HParams, Static, hparams_of, static_of  # noqa: F401
from mer_jax.models import multitask
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import Batch


def build_model(static: Static) -> multitask.MultitaskModel:
    """Builds the model that `static` describes."""
    return multitask.build(static.fusion, dict(static.settings), static.modalities, static.task)


def count_parameters(static: Static, sizes: dict[str, int]) -> int:
    """The number of a model's parameters for features of these sizes; computes nothing."""
    batch = Batch({m: jnp.zeros((1, size)) for m, size in sizes.items()}, {}, jnp.ones(1))
    settings = dict.fromkeys(FUSIONS[static.fusion].TRACED, 0.0)
    variables = jax.eval_shape(build_model(static).init, jax.random.key(0), batch, settings)
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def fits(static: Static, sizes: dict[str, int], kept: dict[str, Any]) -> bool:
    """Whether a checkpoint's parameters are as many as this model has, for each of its runs."""
    if not {"params", "repeat"} <= kept.keys() or sizes.keys() != set(static.modalities):
        return False
    held = sum(leaf.size for leaf in jax.tree.leaves(kept["params"]))
    return held == kept["repeat"].size * count_parameters(static, sizes)
