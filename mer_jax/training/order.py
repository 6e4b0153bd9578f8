"""In which order an epoch takes its clips: labelled ones in batches, and those of the pool."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from mer_jax import random_bits
from mer_jax.training.buckets import Buckets
from mer_jax.training.state import Fold, Given

_AGAIN = 1 << 16  # beyond the numbers that draw anything else of an epoch
# Of fewer validation clips the best of a hundred epochs is the luckiest one: its score says nothing
# of other clips, and all runs and methods look alike. Digits, six clips: 97 to 100 % for each.
_ENOUGH_TO_CHOOSE = 50


class Step(NamedTuple):
    """What a step takes of its epoch; with a leading axis S the steps of an epoch."""

    index: Int[Array, "*S B"]  # rows of the samples
    weight: Float[Array, "*S B"]  # 0 for padding
    key: Key[Array, "*S"]
    pool_rows: Int[Array, "*S U"] | None  # None: supervised
    bucket: Int[Array, "*S"] | None  # whose length the batch has; None: there is one at most


def steps_of_epoch(least: int, epochs: int, batches: int) -> int:
    """How many steps an epoch has whose labelled clips are so many batches.

    As many, or what makes `least` steps of a whole run.
    """
    return max(batches, math.ceil(least / epochs))


def steps_of(given: Given, key: Key[Array, ""], epoch: Int[Array, ""]) -> Step:
    """The steps of an epoch."""
    static, fold = given.static, given.fold
    order_key, step_key = jax.random.split(key)
    batches = len(fold.train_weight) // static.batch_size
    steps = steps_of_epoch(static.steps, static.epochs, batches)
    order_SxB, bucket_S = _labelled(given, order_key, epoch, steps)
    pool_rows = None
    if static.semi is not None:
        pool_key, clips = jax.random.fold_in(order_key, 1), static.semi.mu * static.batch_size
        pool_rows = pool_order(pool_key, fold.pool_index, steps, clips)
    return Step(
        fold.train_index[order_SxB],
        fold.train_weight[order_SxB],
        jax.random.split(step_key, steps),
        pool_rows,
        bucket_S,
    )


def is_kept(
    given: Given, steps: Step, score: Float[Array, ""], best: Float[Array, ""]
) -> Bool[Array, ""]:
    """Whether an epoch of that score is kept in place of the best one before; never of NaN.

    The better one, and of equals the first. But where labelled clips are so few that an epoch takes
    them again, the last of equals, which has seen most of the pool; and where a fold validates on
    too few clips to choose by, simply the last: what is predicted out of fold is then not chosen by
    the labels that score it.
    """
    if steps.index.size <= given.fold.train_index.size:
        return score > best
    return (score >= best) | (validates_few(given.fold) & ~jnp.isnan(score))


def validates_few(fold: Fold) -> Bool[Array, ""]:
    """Whether a fold validates on too few clips to choose an epoch, or a method by its F1."""
    return is_few(fold.validation_weight.sum())


def is_few(clips: Any) -> Any:
    """Whether so many clips of a fold, a number or an array of one, are too few to choose by."""
    return clips < _ENOUGH_TO_CHOOSE


def _labelled(
    given: Given, key: Key[Array, ""], epoch: Int[Array, ""], steps: int
) -> tuple[Int[Array, "S B"], Int[Array, "S"] | None]:
    """An epoch's positions in batches, and their buckets: all clips in an order, then in another.

    What is left of the last order when there are enough steps is left out.
    """
    weight, size = given.fold.train_weight, given.static.batch_size
    orders, buckets = [], []
    for again in range(math.ceil(steps * size / len(weight))):
        own = jax.random.fold_in(key, _AGAIN + again) if again else key
        if len(given.lengths.train) > 1:
            shuffle = epoch * _AGAIN + again if again else epoch
            order, bucket = bucketed_order(own, shuffle, weight, given.lengths.train, size)
            buckets.append(bucket)
        else:
            order = epoch_order(own, weight, size)
        orders.append(order)
    if len(orders) == 1:
        return orders[0], buckets[0] if buckets else None
    of_all = jnp.concatenate(buckets)[:steps] if buckets else None
    return jnp.concatenate(orders)[:steps], of_all


def epoch_order(
    key: Key[Array, ""], weight: Float[Array, "P"], batch_size: int
) -> Int[Array, "S B"]:
    """Positions of an epoch in batches: the samples in random order, the padding after them."""
    draw = jnp.where(weight > 0, random_bits.uniform(key, weight.shape), jnp.inf)
    return jnp.argsort(draw).reshape(-1, batch_size)


def bucketed_order(
    key: Key[Array, ""],
    epoch: Int[Array, ""],
    weight: Float[Array, "P"],
    buckets: Buckets,
    batch_size: int,
) -> tuple[Int[Array, "S B"], Int[Array, "S"]]:
    """Positions of an epoch in batches, each of one bucket, and which bucket that is.

    In which order the buckets' batches come depends on `epoch`, a number, alone: runs side
    by side then take batches of one shape in every step, and `lax.switch` stays a choice of one.
    """
    parts, start = [], 0
    for number, bucket in enumerate(buckets):
        end = start + bucket.batches * batch_size
        of_bucket = epoch_order(jax.random.fold_in(key, number), weight[start:end], batch_size)
        parts.append(start + of_bucket)
        start = end
    bucket_S = jnp.repeat(
        jnp.arange(len(buckets)), jnp.array([bucket.batches for bucket in buckets]),
        total_repeat_length=sum(bucket.batches for bucket in buckets),
    )  # fmt: skip
    shuffle = jax.random.fold_in(jax.random.key(0, impl="threefry2x32"), epoch)
    order_S = jax.random.permutation(shuffle, len(bucket_S))
    return jnp.concatenate(parts)[order_S], bucket_S[order_S]


def pool_order(
    key: Key[Array, ""], rows: Int[Array, "P"], steps: int, clips: int
) -> Int[Array, "S U"]:
    """An epoch's rows of the pool, `clips` a step: in random order, again where they end."""
    place = jnp.arange(steps * clips, dtype=jnp.uint32) % len(rows)
    return rows[random_bits.shuffled(key, len(rows), place)].reshape(steps, clips)
