"""The metrics of section 3.7 and the field's further ones, masked and in JAX.

Each takes a weight of 1 for the samples that count and 0 for the others, so that padding and
missing labels leave no trace; a sample of weight 2 counts as two. Without any sample it is NaN.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mer_jax.task import Task

COM_DIM_WEIGHT = 0.25  # Eq. 12
LOWER_IS_BETTER = ("dim", "mae")


def weighted_f1(
    true: Int[Array, "B"], predicted: Int[Array, "B"], weight: Float[Array, "B"], classes: int
) -> Float[Array, ""]:
    """F1 by class, averaged by the classes' sample counts (Eq. 9 and 10).

    A class without samples or predictions has F1 0, as scikit-learn's `f1_score` gives with
    `average="weighted", zero_division=0`.
    """
    index_1xC = jnp.arange(classes)[None, :]
    true_BxC = weight[:, None] * (true[:, None] == index_1xC)
    predicted_BxC = weight[:, None] * (predicted[:, None] == index_1xC)
    both_C = (true_BxC * (predicted[:, None] == index_1xC)).sum(0)
    n_true_C, n_predicted_C = true_BxC.sum(0), predicted_BxC.sum(0)
    f1_C = 2 * both_C / jnp.maximum(n_true_C + n_predicted_C, 1)
    return (n_true_C * f1_C).sum() / n_true_C.sum()


def mean(values: Float[Array, "B"], weight: Float[Array, "B"]) -> Float[Array, ""]:
    """The mean of the values that count."""
    return (weight * values).sum() / weight.sum()


def accuracy(
    true: Int[Array, "B"], predicted: Int[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """The share of correct predictions."""
    return mean((true == predicted).astype(weight.dtype), weight)


def mean_squared_error(
    true: Float[Array, "B"], predicted: Float[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """Eq. 11."""
    return mean((true - predicted) ** 2, weight)


def mean_absolute_error(
    true: Float[Array, "B"], predicted: Float[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """The mean distance of the predictions, in units of the valence."""
    return mean(jnp.abs(true - predicted), weight)


def correlation(
    true: Float[Array, "B"], predicted: Float[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """Pearson's correlation; NaN where either side is constant, as SciPy gives."""
    root = jnp.sqrt(weight)  # of both sides' product each clip counts by its weight
    a = root * (true - mean(true, weight))
    b = root * (predicted - mean(predicted, weight))
    # Normalised one by one: the product of two small sums of squares would underflow.
    return ((a / jnp.sqrt((a**2).sum())) * (b / jnp.sqrt((b**2).sum()))).sum()


def sign_f1(
    true: Float[Array, "B"], predicted: Float[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """Weighted F1 of `valence > 0` over the samples whose true valence is not zero."""
    counted = weight * (true != 0)
    return weighted_f1((true > 0).astype(jnp.int32), (predicted > 0).astype(jnp.int32), counted, 2)


def names(task: Task) -> tuple[str, ...]:
    """The metrics of a task, in the order of reports."""
    found: tuple[str, ...] = ()
    if task.classes:
        found += ("dis", "acc")
    if task.valence_range:
        found += ("dim", "mae", "corr")
    if task.classes and task.valence_range:
        found += ("com",)
    return found + (("sign_f1",) if task.signed else ())


def compute(
    task: Task,
    emotion_logits: Float[Array, "B C"] | None,
    valence: Float[Array, "B"] | None,
    labels,
    weight: Float[Array, "B"],
) -> dict[str, Float[Array, ""]]:
    """Every metric of `names(task)`; `labels` has the fields of `mer_jax.data.arrays.Labels`."""
    found = {}
    if task.classes:
        counted = weight * labels.emotion_mask
        predicted = emotion_logits.argmax(-1).astype(labels.emotion.dtype)
        found["dis"] = weighted_f1(labels.emotion, predicted, counted, len(task.classes))
        found["acc"] = accuracy(labels.emotion, predicted, counted)
    if task.valence_range:
        counted = weight * labels.valence_mask
        for name, metric in (
            ("dim", mean_squared_error),
            ("mae", mean_absolute_error),
            ("corr", correlation),
        ):
            found[name] = metric(labels.valence, valence, counted)
        if task.signed:
            found["sign_f1"] = sign_f1(labels.valence, valence, counted)
    if task.classes and task.valence_range:
        found["com"] = found["dis"] - COM_DIM_WEIGHT * found["dim"]
    return found
