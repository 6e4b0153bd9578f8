"""Configurations: their keys and defaults, where they come from, their checks, their trials."""

from mer_jax.config.checking import check, check_keys, unknown_key
from mer_jax.config.keys import declared, flatten, identity
from mer_jax.config.kinds import as_tuple
from mer_jax.config.loading import CONFIGS, load_base, load_file
from mer_jax.config.saved import read_saved
from mer_jax.config.trials import (
    chooses_method,
    is_semi_supervised,
    least_steps,
    trials,
    uses_views,
    varied,
)

__all__ = [
    "CONFIGS",
    "as_tuple",
    "check",
    "check_keys",
    "chooses_method",
    "declared",
    "flatten",
    "identity",
    "is_semi_supervised",
    "least_steps",
    "load_base",
    "load_file",
    "read_saved",
    "trials",
    "unknown_key",
    "uses_views",
    "varied",
]
