"""Encoders, fusions and heads as pure functions of their parameters."""

from mer_jax.models.load_torch import load_torch as load_torch
