"""Random numbers that are cheap inside a training step, also on a CPU and under vmap."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_DRAWN_BITS = 24  # what a float32 holds without rounding


def bernoulli(key: Key[Array, ""], share, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """True with probability `share`, which may be traced."""
    return _below(random_words(key, shape), share)


def bernoulli_at(key: Key[Array, ""], share, number: UInt32[Array, "..."]) -> Bool[Array, "..."]:
    """What `bernoulli` draws for the entries of these numbers, counted in the order of rows."""
    return _below(_threefry(key, number), share)


def _below(word: UInt32[Array, "..."], share) -> Bool[Array, "..."]:
    return (word >> (32 - _DRAWN_BITS)).astype(jnp.float32) < share * 2**_DRAWN_BITS


def normal(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Standard normal numbers, by the inverse of their distribution (23 bits: within 5.3)."""
    drawn = (random_words(key, shape) >> 9).astype(jnp.float32) + 0.5
    return math.sqrt(2) * jax.lax.erf_inv(drawn / 2**22 - 1)


def materialised(key: Key[Array, ""], tree: Any) -> Any:
    """Computes `tree` once and stores it, however often it is read.

    XLA on CPUs draws random numbers again in every kernel that reads what they went into: a strong
    view three times, the last one transposed for the backward pass. It takes optimisation barriers
    away before it fuses; what stands in front of a loop it computes. The loop never runs, which no
    compiler can tell, since that follows from the key.
    """
    word = jax.random.key_data(key).ravel()[0]
    never = ((word >> 1) >> 31).astype(jnp.int32)  # 0: all bits are gone
    _, tree = jax.lax.while_loop(
        lambda carry: carry[0] < never,
        lambda carry: (carry[0] + 1, jax.tree.map(lambda x: x + x, carry[1])),
        (jnp.int32(0), tree),
    )
    return tree


@functools.partial(jax.jit, static_argnums=1)  # traced and lowered once for all uses of a shape
def random_words(key: Key[Array, ""], shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """32 random bits for each element: Threefry-2x32 of its number in `shape` under `key`.

    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011: the function behind
    `jax.random`, which runs its rounds as a loop on CPUs. Written out they are one fused kernel:
    a quarter of a training step at the paper's sizes. A run's bits depend on its own key alone,
    also under `jax.vmap`.
    """
    return _threefry(key, jnp.arange(math.prod(shape), dtype=jnp.uint32).reshape(shape))


def _threefry(key: Key[Array, ""], number: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """The first of the two words of each number under a key."""
    k0, k1 = (jnp.broadcast_to(word, number.shape) for word in jax.random.key_data(key))
    keys = (k0, k1, k0 ^ k1 ^ jnp.uint32(_PARITY))
    x0 = number + keys[0]
    x1 = keys[1]
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            x0 += x1
            x1 = ((x1 << rotation) | (x1 >> (32 - rotation))) ^ x0
        x0 += keys[(i + 1) % 3]
        x1 += keys[(i + 2) % 3] + jnp.uint32(i + 1)
    return x0
