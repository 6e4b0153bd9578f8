"""Metrics of predicted classes, on arrays of JAX or NumPy with a weight for each clip."""

from typing import Any

from jaxtyping import Float, Int


def weighted_f1(
    true: Int[Any, "B"], predicted: Int[Any, "B"], weight: Float[Any, "B"], classes: int
) -> Float[Any, ""]:
    """F1 by class, averaged by the classes' sample counts (Eq. 9 and 10).

    A class without samples or predictions has F1 0, as scikit-learn's `f1_score` gives with
    `average="weighted", zero_division=0`.
    """
    n_true_C, n_predicted_C, both_C = _counts(true, predicted, weight, classes)
    xp = weight.__array_namespace__()
    f1_C = 2 * both_C / xp.maximum(n_true_C + n_predicted_C, 1)
    return (n_true_C * f1_C).sum() / n_true_C.sum()


def macro_f1(
    true: Int[Any, "B"], predicted: Int[Any, "B"], weight: Float[Any, "B"], classes: int
) -> Float[Any, ""]:
    """The mean of F1 over the classes that have samples or predictions.

    As scikit-learn's `f1_score` gives with `average="macro", zero_division=0`.
    """
    n_true_C, n_predicted_C, both_C = _counts(true, predicted, weight, classes)
    xp = weight.__array_namespace__()
    f1_C = 2 * both_C / xp.maximum(n_true_C + n_predicted_C, 1)
    return f1_C.sum() / (n_true_C + n_predicted_C > 0).astype(weight.dtype).sum()


def unweighted_recall(
    true: Int[Any, "B"], predicted: Int[Any, "B"], weight: Float[Any, "B"], classes: int
) -> Float[Any, ""]:
    """The mean of recall over the classes that have samples: UAR, or balanced accuracy."""
    n_true_C, _, both_C = _counts(true, predicted, weight, classes)
    xp = weight.__array_namespace__()
    return (both_C / xp.maximum(n_true_C, 1)).sum() / (n_true_C > 0).astype(weight.dtype).sum()


def _counts(true, predicted, weight, classes):
    """By class: how many samples are of it, are predicted to be, and both."""
    xp = weight.__array_namespace__()
    index_1xC = xp.arange(classes)[None, :]
    true_BxC = weight[:, None] * (true[:, None] == index_1xC)
    predicted_BxC = weight[:, None] * (predicted[:, None] == index_1xC)
    both_C = (true_BxC * (predicted[:, None] == index_1xC)).sum(0)
    return true_BxC.sum(0), predicted_BxC.sum(0), both_C


def mean(values: Float[Any, "B"], weight: Float[Any, "B"]) -> Float[Any, ""]:
    """The mean of the values that count."""
    return (weight * values).sum() / weight.sum()


def accuracy(
    true: Int[Any, "B"], predicted: Int[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """The share of correct predictions."""
    return mean((true == predicted).astype(weight.dtype), weight)
