"""Random numbers that are cheap inside a training step, also on a CPU and under vmap."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, UInt32

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_ROUNDS_OF_A_KEY = 4  # after which its next part is added
_PARITY = 0x1BD11BDA
_ROUNDS = 20  # jax.random's
FEWEST_ROUNDS = 13  # that pass BigCrush (Salmon et al.): for noise that nobody predicts
_MULTIPLIED, _ADDED = 1664525, 1013904223  # of pcg4d, Numerical Recipes' congruential generator
_SHUFFLED = 8  # rounds of `shuffled`'s cipher, whose functions are random: four are its theory's
_DRAWN_BITS = 24  # what a float32 holds without rounding
_NOT_MANTISSA = 9  # bits of a float32: its sign and exponent
# Of four bytes' sum, to which the word that they make is added as a fraction: no two are alike.
_MEAN, _DEVIATION = (4 * 255 + 1) / 2, math.sqrt((3 + (1 + 2**-8) ** 2) * (256**2 - 1) / 12)
# Least squares between the quantiles of that sum, standardised, and the normal distribution's, by
# their probability: of the powers 1, 3, 5, 7.
_STRAIGHTENED = (0.958839861, 0.0166710996, -0.00203199938, 0.000317700743)


def bernoulli(key: Key[Array, ""], share, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """True with probability `share`, which may be traced."""
    return bernoulli_of(random_words(key, shape), share)


def bernoulli_at(key: Key[Array, ""], share, number: UInt32[Array, "..."]) -> Bool[Array, "..."]:
    """What `bernoulli` draws for the entries of these numbers, counted in the order of rows."""
    return bernoulli_of(_threefry(key, number, jnp.zeros_like(number))[0], share)


def bernoulli_of(words: UInt32[Array, "..."], share) -> Bool[Array, "..."]:
    """True with probability `share`, which may be traced, by a random word each."""
    drawn = words >> (32 - _DRAWN_BITS)
    return drawn.astype(jnp.float32) < share * 2**_DRAWN_BITS


def normal_of(words: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """Nearly normal numbers by a random word each: a ninth of `normal`'s work on drawn words.

    The sum of a word's four bytes, its quantiles moved to the normal distribution's: up to 4.9,
    deviation 1.000, kurtosis 2.999; the distribution function is within 0.0005.
    """
    pairs = (words & 0x00FF00FF) + ((words >> 8) & 0x00FF00FF)
    total = (pairs & 0xFFFF) + (pairs >> 16)
    total = total.astype(jnp.int32).astype(jnp.float32) + words.astype(jnp.float32) * 2**-32
    x = (total - _MEAN) / _DEVIATION
    c1, c3, c5, c7 = _STRAIGHTENED
    square = x * x
    return x * (c1 + square * (c3 + square * (c5 + square * c7)))


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
        lambda carry: (carry[0] + 1, jax.tree.map(_changed, carry[1])),
        (jnp.int32(0), tree),
    )
    return tree


def _changed(x: Array) -> Array:
    return ~x if x.dtype == bool else x + x


def random_words(key: Key[Array, ""], shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """32 random bits for each element: the first word of its `word_pairs`."""
    return word_pairs(key, shape)[0]


@functools.partial(jax.jit, static_argnums=(1, 2))  # lowered once for all uses of a shape
def word_pairs(
    key: Key[Array, ""], shape: tuple[int, ...], rounds: int = _ROUNDS
) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """Twice 32 random bits for each element: Threefry-2x32 of its number in `shape` under `key`.

    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011: the function behind
    `jax.random`, which runs its rounds as a loop on CPUs. Written out they are one fused kernel:
    a quarter of a training step at the paper's sizes. A run's bits depend on its own key alone,
    also under `jax.vmap`.
    """
    number = _numbers(shape)
    return _threefry(key, number, jnp.zeros_like(number), rounds)


@functools.partial(jax.jit, static_argnums=1)
def uniform(
    key: Key[Array, ""], shape: tuple[int, ...], low: float = 0, high: float = 1
) -> Float[Array, "..."]:
    """What `jax.random.uniform` draws, to the last bit, for fewer than 2**32 numbers.

    Its rounds are a loop on CPUs, of four kernels for each use, which made a model's initial
    weights take half as long to compile as its training. Here they are one kernel. Where JAX is
    in 64 bits it is that function itself.
    """
    if jax.dtypes.canonicalize_dtype(float) != jnp.float32:
        return jax.random.uniform(key, shape, minval=low, maxval=high)
    number = _numbers(shape)
    first, second = _threefry(key, jnp.zeros_like(number), number)
    exponent_of_1 = jnp.float32(1).view(jnp.uint32)
    from_1_to_2 = ((first ^ second) >> _NOT_MANTISSA) | exponent_of_1
    drawn = from_1_to_2.view(jnp.float32) - 1
    low, high = jnp.float32(low), jnp.float32(high)
    return jnp.maximum(low, drawn * (high - low) + low)


def _numbers(shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    return jnp.arange(math.prod(shape), dtype=jnp.uint32).reshape(shape)


@functools.partial(jax.jit, static_argnums=1)
def hashed_pairs(
    key: Key[Array, ""], shape: tuple[int, ...]
) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """Twice 32 random bits for each element, in a third of `word_pairs`' operations: for noise.

    Two words of pcg4d of its number in `shape` and the key: Jarzynski and Olano, "Hash functions
    for GPU rendering", JCGT 9 (3), 2020. Unlike Threefry's its keys have to be random themselves,
    as those of `jax.random.split` are.
    """
    number = _numbers(shape)
    words = (number, *(jnp.full(shape, word) for word in jax.random.key_data(key)), 0 * number)
    a, b, c, d = _crossed(*(word * jnp.uint32(_MULTIPLIED) + jnp.uint32(_ADDED) for word in words))
    a, b, c, d = _crossed(*(word ^ (word >> 16) for word in (a, b, c, d)))
    return a, b


def _crossed(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, ...]:
    a += b * d
    b += c * a
    c += a * b
    d += b * c
    return a, b, c, d


def shuffled(key: Key[Array, ""], size: int, place: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """What stands at some places, below `size`, of a random order of 0..size-1.

    A Feistel cipher of the numbers below the next square, taken again where it leaves the range
    (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). It computes what is
    asked for, where `jax.random.permutation` sorts everything, twice if that is much.
    """
    side = math.isqrt(size - 1) + 1
    steps = random_words(key, (_SHUFFLED, side)) % side

    def moved(number: Array) -> Array:
        left, right = number // side, number % side
        for step in steps:
            left, right = right, (left + step[right]) % side
        return left * side + right

    return jax.lax.while_loop(
        lambda number: (number >= size).any(),
        lambda number: jnp.where(number >= size, moved(number), number),
        moved(place),
    )


def _threefry(
    key: Key[Array, ""],
    first: UInt32[Array, "..."],
    second: UInt32[Array, "..."],
    rounds: int = _ROUNDS,
) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """The two words that a key makes of each pair of words."""
    k0, k1 = (jnp.broadcast_to(word, first.shape) for word in jax.random.key_data(key))
    keys = (k0, k1, k0 ^ k1 ^ jnp.uint32(_PARITY))
    x0 = first + keys[0]
    x1 = second + keys[1]
    for done in range(rounds):
        rotation = _ROTATIONS[done % len(_ROTATIONS)]
        x0 += x1
        x1 = ((x1 << rotation) | (x1 >> (32 - rotation))) ^ x0
        part, more = divmod(done + 1, _ROUNDS_OF_A_KEY)
        if not more:
            x0 += keys[part % 3]
            x1 += keys[(part + 1) % 3] + jnp.uint32(part)
    return x0, x1
