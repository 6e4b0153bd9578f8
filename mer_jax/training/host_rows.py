"""Features that stay on the host: loops fetch the rows of several steps from the built dataset."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from mer_jax.data.rows import Vectors

# Of each run: the most rows that come to the device at once. A call to Python costs about a
# millisecond beside the rows that it copies, so that larger blocks hardly gain anything.
_BLOCK_BYTES = 8 << 20


@jax.tree_util.register_pytree_node_class
class HostRows:
    """Vectors [N, D] on the host, memory-mapped or not, indexed as one on the device is.

    `rows[index]` inside a compiled program calls back for those rows alone, once for all runs of
    a chunk; `scan` does so for many steps at once. It has no leaves: programs take it as part of
    their structure, so nothing of it is copied to a device, and one program belongs to one array.
    """

    def __init__(self, array: np.ndarray | Vectors):
        self._array = array

    def tree_flatten(self):
        """No leaves; itself as structure."""
        return (), self

    @classmethod
    def tree_unflatten(cls, rows, _):
        """The structure is the array."""
        return rows

    def __getitem__(self, index: Int[Array, "*batch"] | slice) -> Float[Array, "*batch D"]:
        """The rows as float32; a slice is read at once."""
        if isinstance(index, slice):
            return jnp.asarray(self._array[index])
        return fetch({"": self}, index)[""]

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self._array.shape

    def _read(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self._array[index], np.float32)


def fetch(features: dict[str, Any], index: Int[Array, "*batch"]) -> dict[str, Array]:
    """The rows, float32 [*batch, D], of every modality that is HostRows: by one call to Python."""
    rows = {modality: x for modality, x in features.items() if isinstance(x, HostRows)}
    if not rows:
        return {}

    def read(index) -> dict[str, np.ndarray]:
        index = np.asarray(index)
        return {modality: x._read(index) for modality, x in rows.items()}

    shapes = {
        modality: jax.ShapeDtypeStruct((*index.shape, x.shape[-1]), jnp.float32)
        for modality, x in rows.items()
    }
    return jax.pure_callback(read, shapes, index, vmap_method="broadcast_all")


def at_once(features: dict[str, Any]) -> int | None:
    """How many rows of all modalities a run fetches at once at most; None: none is HostRows."""
    size = sum(4 * x.shape[-1] for x in features.values() if isinstance(x, HostRows))
    return max(_BLOCK_BYTES // size, 1) if size else None


def scan(
    body: Callable[[Any, Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: Any,
    fetched: Callable[[Any], Any],
) -> tuple[Any, Any]:
    """As `lax.scan` of steps `body(carry, x, fetched(x))`, but many steps fetch by one call.

    `fetched(x)` gives what a step fetches by its x alone: arrays of at least one axis, or none at
    all. Before each block of steps, of `_BLOCK_BYTES` at most, it is called for all of them.
    """
    steps = len(jax.tree.leaves(xs)[0])

    def alone(carry: Any, x: Any) -> tuple[Any, Any]:
        return body(carry, x, fetched(x))

    of_one = jax.eval_shape(lambda xs: jax.tree.map(lambda x: x[0], xs), xs)
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(jax.eval_shape(fetched, of_one)))
    if not size:
        return lax.scan(alone, carry, xs)
    blocks = math.ceil(steps / max(_BLOCK_BYTES // size, 1))
    length = math.ceil(steps / blocks)  # of each block but the last, which may be shorter

    def block(number: Int[Array, ""], carried: Any) -> Any:
        start = number * length
        own = jnp.minimum(start + jnp.arange(length), steps - 1)
        of_block = jax.vmap(fetched)(jax.tree.map(lambda x: x[own], xs))

        def step(at: Int[Array, ""], carried: Any) -> Any:
            carry, ys = carried
            x = jax.tree.map(lambda x: x[at], xs)
            of_step = jax.tree.map(functools.partial(_of_step, at - start), of_block)
            carry, y = body(carry, x, of_step)
            return carry, jax.tree.map(lambda ys, y: ys.at[at].set(y), ys, y)

        # One loop inside another: the step stands once in the program, whatever the last block.
        return lax.fori_loop(start, jnp.minimum(start + length, steps), step, carried)

    _, y = jax.eval_shape(alone, carry, of_one)
    ys = jax.tree.map(lambda y: jnp.zeros((steps, *y.shape), y.dtype), y)
    return lax.fori_loop(0, blocks, block, (carry, ys))


def _of_step(number: Int[Array, ""], x_KxB: Array) -> Array:
    """The rows of a block's step: gathered, since XLA on CPUs reads a slice at each of its uses."""
    size = x_KxB.shape[1]
    rows = number * size + jnp.arange(size)
    return x_KxB.reshape(-1, *x_KxB.shape[2:]).at[rows].get(mode="promise_in_bounds")
