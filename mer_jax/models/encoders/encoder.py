"""An encoder made of parts: a front, layers that are alike, and what comes after the last.

Each part is compiled for itself, so a model of 24 equal layers compiles one of them.
"""

import dataclasses
import functools
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

Params = Mapping[str, Any]  # a module's parameters; keys are dotted names of a checkpoint


class Part(NamedTuple):
    """A module with what its weights' names begin with in a checkpoint."""

    module: nn.Module
    prefix: str = ""


class Plan(NamedTuple):
    """The parts of an encoder. The front gives the first state and what every layer takes."""

    front: Part
    layers: tuple[Part, ...]
    example: tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]  # of inputs and mask
    size: int  # of a hidden state
    last: Part | None = None  # turns the last layer's output into the last hidden state
    pooled: Part | None = None  # of the last hidden state: one vector a row
    pooled_size: int = 0  # 0: as the hidden state's
    least: int = 1  # the length of the shortest input that makes a frame
    longest: int = sys.maxsize  # of the longest
    frames: Callable[[np.ndarray], np.ndarray] = (
        np.asarray
    )  # lengths of inputs to lengths of states

    def parts(self) -> list[Part]:
        """All parts, in the order in which they run."""
        return [
            part for part in (self.front, *self.layers, self.last, self.pooled) if part is not None
        ]


def example(*sizes: int) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    """The shapes of a row of numbers [1, *sizes] and of its mask, [1, the last of the sizes]."""
    return (
        jax.ShapeDtypeStruct((1, *sizes), jnp.float32),
        jax.ShapeDtypeStruct((1, sizes[-1]), jnp.bool_),
    )


@functools.partial(jax.jit, static_argnums=0)
def _run(module: nn.Module, params: Params, *inputs):
    return module.apply({"params": params}, *inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class Encoder:
    """A pretrained encoder: pure functions of its inputs, over weights that are loaded."""

    model_type: str  # transformers' name of the architecture, such as hubert
    settings: Any  # what its config.json says: the family's NamedTuple
    plan: Plan
    params: tuple[Params, ...]  # of the plan's parts, in their order
    folder: pathlib.Path
    files: tuple[pathlib.Path, ...]  # that the weights were read from
    packages: tuple[str, ...] = ("jax", "flax")  # what it is computed by
    after_norm: bool = True  # whether the last hidden state comes after the final layer norm

    def hidden_states(self, inputs: Any, mask: Any = None) -> tuple[jax.Array, ...]:
        """Every hidden state, the first layer's input first, as transformers gives them.

        `inputs` are what transformers' model takes first: float32 [B, S] samples, [B, M, T]
        log-mel, int32 [B, T] tokens or float32 [B, 3, H, W] images. `mask` is true for what is
        not padding; padding stands at the end of [B, S] or [B, T], and the states there are no
        numbers of any clip. ResNet's states are maps [B, C, H, W].
        """
        states = self._states(inputs, mask)
        if self.plan.last is not None and self.after_norm:
            states[-1] = self._final(states[-1])
        return tuple(states)

    def pooled(self, inputs: Any) -> jax.Array:
        """The vector [B, D] that the model itself makes of each row."""
        state = self._states(inputs, None)[-1]
        if self.plan.pooled is None:
            raise ValueError(f"{self.model_type} has no pooled vector; take a mean of its states")
        return _run(self.plan.pooled.module, self.params[-1], state)

    @property
    def size(self) -> int:
        """D, the size of a hidden state; of ResNet's last map, its channels."""
        return self.plan.size

    @property
    def pooled_size(self) -> int:
        """The size of the pooled vector."""
        return self.plan.pooled_size or self.plan.size

    @property
    def least(self) -> int:
        """The shortest input that makes a frame."""
        return self.plan.least

    @property
    def longest(self) -> int:
        """The longest input that has positions for all its frames."""
        return self.plan.longest

    def frames(self, lengths: Any) -> np.ndarray:
        """The frames of the hidden states for inputs of these lengths."""
        return np.asarray(self.plan.frames(np.asarray(lengths)))

    def _states(self, inputs, mask) -> list[jax.Array]:
        inputs = jnp.asarray(inputs, self.plan.example[0].dtype)
        if mask is None:
            shape = inputs.shape if inputs.ndim == 2 else (inputs.shape[0], inputs.shape[-1])
            mask = np.ones(shape, bool)
        mask = jnp.asarray(mask).astype(bool)
        state, *context = _run(self.plan.front.module, self.params[0], inputs, mask)
        states = [state]
        layers = zip(self.plan.layers, self.params[1:], strict=False)
        for part, params in layers:
            states.append(_run(part.module, params, states[-1], *context))
        return states

    def _final(self, state):
        return _run(self.plan.last.module, self.params[1 + len(self.plan.layers)], state)


def declared(plan: Plan) -> list[Params]:
    """The shapes of the weights of a plan's parts, found without computing anything."""
    key = jax.random.key(0)
    known: dict[nn.Module, Any] = {}

    def shapes(module, *inputs):
        if module not in known:
            outputs, variables = jax.eval_shape(module.init_with_output, key, *inputs)
            known[module] = outputs, variables.get("params", {})
        return known[module]

    (state, *context), params = shapes(plan.front.module, *plan.example)
    found = [params]
    for part in plan.layers:
        state, params = shapes(part.module, state, *context)
        found.append(params)
    found += [
        shapes(part.module, state)[1] for part in (plan.last, plan.pooled) if part is not None
    ]
    return found


def names(params: Params, prefix: str) -> Params:
    """The checkpoint's name of each weight of a part, in the form of its parameters."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: prefix + ".".join(step.key for step in path), params
    )
