"""The optimiser, Adam with L2 and clipping as PyTorch has them: the one door to optax."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from mer_jax.errors import InputError
from mer_jax.settings import AT_LEAST_0, POSITIVE, Setting

_setting = functools.partial(Setting, part="train", traced=True)
# In the order in which the axes of a grid go; all are keys of config.train. What is declared here
# reaches `make` in its settings, without further ado.
SETTINGS = (
    _setting("learning_rate", (1e-3, 1e-4, 1e-5), POSITIVE, "step size of Adam"),
    _setting("weight_decay", 1e-5, AT_LEAST_0, "L2, added to the gradient before Adam"),
    _setting("clip_value", 0.0, AT_LEAST_0, "largest size of an entry of the gradient; 0: any"),
    _setting("clip_norm", 0.0, AT_LEAST_0, "largest norm of the whole gradient; 0: any"),
)
OFF_AT_0 = ("clip_value", "clip_norm")  # not compiled where they are 0, nor an entry of a trial
_NORM_EPSILON = 1e-6  # of torch.nn.utils.clip_grad_norm_
_OTHERS = ""  # the label of parameters that are in no group


class Group(NamedTuple):
    """Parameters with settings of their own."""

    label: str
    pattern: str  # searched for in the parameter's path: fusion/audio/dense_0/kernel
    settings: Mapping[str, Any]  # in place of those of all others, by name


def make(settings: Mapping[str, Any], groups: Sequence[Group] = ()) -> optax.GradientTransformation:
    """Makes Adam, betas 0.9 and 0.999, epsilon 1e-8: PyTorch's and optax's defaults.

    `settings` has the learning rate, the weight decay, which is not decoupled, unlike AdamW's, and
    those of clipping that are on. All may be traced. Clipping looks at the gradient of all
    parameters together; each group then has a rate and a decay of its own.
    """
    steps = []
    if "clip_value" in settings:
        steps.append(_clipped_by_value(settings["clip_value"]))
    if "clip_norm" in settings:
        steps.append(_clipped_by_norm(settings["clip_norm"]))
    if not groups:
        return optax.chain(*steps, *_l2_adam(settings))
    by_label = {group.label: _l2_adam({**settings, **group.settings}) for group in groups}
    by_label[_OTHERS] = _l2_adam(settings)
    by_label = {label: optax.chain(*adam) for label, adam in by_label.items()}
    return optax.chain(*steps, optax.partition(by_label, lambda params: labels(params, groups)))


def labels(params: Any, groups: Sequence[Group]) -> Any:
    """The label of each parameter's group, the first one that it is in, as a tree like `params`.

    Raises InputError for a group without any parameter.
    """

    def label(path: tuple, _: Array) -> str:
        found = (group.label for group in groups if re.search(group.pattern, path_name(path)))
        return next(found, _OTHERS)

    tree = jax.tree.map_with_path(label, params)
    for group in groups:
        if group.label not in jax.tree.leaves(tree):
            raise InputError(
                f"no parameter is in the group {group.label!r}: {group.pattern!r} is found in none "
                "of their paths that is in no earlier group"
            )
    return tree


def path_name(path: tuple) -> str:
    """A parameter's path as groups and checkpoints name it: fusion/audio/dense_0/kernel."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _l2_adam(settings: Mapping[str, Any]) -> tuple[optax.GradientTransformation, ...]:
    return (
        optax.add_decayed_weights(settings["weight_decay"]),
        optax.scale_by_adam(),
        optax.scale_by_learning_rate(settings["learning_rate"]),
    )


def _clipped_by_value(most: Any) -> optax.GradientTransformation:
    """As torch.nn.utils.clip_grad_value_."""
    return optax.stateless(
        lambda gradient, _: jax.tree.map(lambda g: jnp.clip(g, -most, most), gradient)
    )


def _clipped_by_norm(most: Any) -> optax.GradientTransformation:
    """As torch.nn.utils.clip_grad_norm_, over all parameters together."""

    def clip(gradient: Any, _: Any) -> Any:
        share = jnp.minimum(1, most / (optax.tree.norm(gradient) + _NORM_EPSILON))
        return jax.tree.map(lambda g: share * g, gradient)

    return optax.stateless(clip)
