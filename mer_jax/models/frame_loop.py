"""A loop over frames whose dense layers have their gradients computed after it, all at once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

Dense = Callable[[str, Array], Array]  # (a layer's name, x) -> x W + b


class Weights(NamedTuple):
    """A dense layer."""

    kernel: Array  # float32 [D, H]
    bias: Array | None = None  # float32 [H]


def loop(
    step: Callable[[Dense, Any, Any, Any], tuple[Any, Any]],
    layers: dict[str, Weights],
    carry: Any,
    frames: Any,
    shared: Any = None,
) -> tuple[Any, Any]:
    """`lax.scan` of `step(dense, shared, carry, frame)` over `frames`, with `dense` for `layers`.

    `dense(name, x)` applies a layer to an x of [B, D], once in a step. Autodiff would add a part of
    a kernel's gradient in every step; here it is one product over all frames. What needs a gradient
    comes through the arguments, nothing by closure; `shared` is the same in every step.
    """
    shapes = _shapes(step, layers, carry, frames, shared)

    @jax.custom_vjp
    def run(layers, carry, frames, shared):
        return _scanned(step, layers, carry, (frames, None), shared)[:2]

    def forward(layers, carry, frames, shared):
        marks = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

        def of_marks(marks, carry, frames, shared):
            *results, seen = _scanned(step, layers, carry, (frames, marks), shared)
            return tuple(results), seen

        results, back, seen = jax.vjp(of_marks, marks, carry, frames, shared, has_aux=True)
        return results, (back, seen, layers)

    def backward(kept, gradient):
        back, seen, layers = kept
        of_products, *of_others = back(gradient)
        of_layers = {
            name: _gradient(weights, seen[name], of_products[name])
            if name in seen
            else jax.tree.map(jnp.zeros_like, weights)
            for name, weights in layers.items()
        }
        return of_layers, *of_others

    run.defvjp(forward, backward)
    return run(layers, carry, frames, shared)


def _gradient(weights: Weights, x: Array, of_product: Array) -> Weights:
    """The gradient of a layer by its inputs and its product's gradients at all frames."""
    x, of_product = (each.reshape(-1, each.shape[-1]) for each in (x, of_product))
    return Weights(x.T @ of_product, None if weights.bias is None else of_product.sum(0))


def _shapes(step, layers, carry, frames, shared) -> dict[str, Any]:
    """The shapes of the layers' products in all steps."""
    shapes = {}
    length = len(jax.tree.leaves(frames)[0])

    def dense(name, x):
        if name in shapes:
            raise ValueError(f"the layer {name!r} is used twice in a step")
        y = _dense(layers[name], x)
        shapes[name] = jax.ShapeDtypeStruct((length, *y.shape), y.dtype)
        return y

    first = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), frames)
    jax.eval_shape(lambda *taken: step(dense, *taken), shared, carry, first)
    return shapes


def _dense(weights: Weights, x: Array) -> Array:
    y = x @ weights.kernel
    return y if weights.bias is None else y + jnp.broadcast_to(weights.bias, y.shape)


def _scanned(step, layers, carry, frames, shared):
    def body(carry, frame):
        frame, mark = frame
        seen = {}

        def dense(name, x):
            if mark is None:
                return _dense(layers[name], x)
            seen[name] = x
            return _marked(layers[name], x, mark[name])

        carry, output = step(dense, shared, carry, frame)
        return carry, (output, seen)

    carry, (outputs, seen) = lax.scan(body, carry, frames)
    return carry, outputs, seen


@jax.custom_vjp
def _marked(weights, x, mark):
    """The layer; `mark`, which is not read, is what receives the product's gradient."""
    return _dense(weights, x)


def _marked_backward(weights, gradient):
    return jax.tree.map(jnp.zeros_like, weights), gradient @ weights.kernel.T, gradient


_marked.defvjp(lambda weights, x, mark: (_dense(weights, x), weights), _marked_backward)
