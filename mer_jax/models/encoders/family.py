"""A family of encoders: how its config becomes parts, and how its checkpoints name the weights."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mer_jax.models.encoders.encoder import Plan

Tensors = Mapping[str, np.ndarray]


def _as_they_are(tensors: Tensors) -> Tensors:
    return tensors


def _whole(config: Mapping, tensors: Tensors) -> Mapping:
    return config


class Family(NamedTuple):
    """Models of one architecture that differ in sizes."""

    settings: Any  # a NamedTuple of config.json's keys with their defaults
    plan: Callable[[Any], Plan]
    prefixes: tuple[str, ...]  # of the names in a checkpoint that has heads; the first that fits
    unused: re.Pattern  # names of weights that no hidden state depends on
    beside: tuple[str, ...] = ()  # names without the prefix that are the encoder's all the same
    prepare: Callable[[Tensors], Tensors] = _as_they_are  # other spellings of the names
    config: Callable[[Mapping, Tensors], Mapping] = _whole  # the encoder's part of config.json
