"""Metrics of predicted valences, on arrays of JAX or NumPy with a weight for each clip.

The classes that sentiment papers make of a valence are those of MMSA (Mao et al. 2022), whose
evaluation of CMU-MOSI, CMU-MOSEI and CH-SIMS the later papers share.
"""

from typing import Any

from jaxtyping import Float

from mer_jax.metrics.emotion import accuracy, mean, weighted_f1


def mean_squared_error(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Eq. 11."""
    return mean((true - predicted) ** 2, weight)


def mean_absolute_error(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """The mean distance of the predictions, in units of the valence."""
    return mean(abs(true - predicted), weight)


def correlation(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Pearson's correlation; NaN where either side is constant, as SciPy gives."""
    xp = weight.__array_namespace__()
    root = xp.sqrt(weight)  # of both sides' product each clip counts by its weight
    a = root * (true - mean(true, weight))
    b = root * (predicted - mean(predicted, weight))
    # Normalised one by one: the product of two small sums of squares would underflow.
    return ((a / xp.sqrt((a**2).sum())) * (b / xp.sqrt((b**2).sum()))).sum()


def concordance(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Lin's concordance correlation coefficient, with moments over the samples, not samples - 1.

    NaN where both sides are the same constant.
    """
    true_mean, predicted_mean = mean(true, weight), mean(predicted, weight)
    together = mean((true - true_mean) * (predicted - predicted_mean), weight)
    spread = mean((true - true_mean) ** 2, weight) + mean((predicted - predicted_mean) ** 2, weight)
    return 2 * together / (spread + (true_mean - predicted_mean) ** 2)


def sign_f1(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Weighted F1 of `valence > 0` over the samples whose true valence is not zero."""
    return weighted_f1(*_positive(true, predicted, weight * (true != 0)), 2)


def sign_accuracy(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Accuracy of `valence > 0` over the samples whose true valence is not zero."""
    return accuracy(*_positive(true, predicted, weight * (true != 0)))


def non_negative_f1(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Weighted F1 of `valence >= 0` over all samples."""
    return weighted_f1(*_non_negative(true, predicted, weight), 2)


def non_negative_accuracy(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Accuracy of `valence >= 0` over all samples."""
    return accuracy(*_non_negative(true, predicted, weight))


def rounded_accuracy(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"], limit: int
) -> Float[Any, ""]:
    """Accuracy of the nearest whole number in [-limit, limit], halves to the even one.

    Acc-7 with a limit of 3, Acc-5 with 2.
    """
    xp = weight.__array_namespace__()
    rounded = (xp.round(xp.clip(x, -limit, limit)).astype("int32") for x in (true, predicted))
    return accuracy(*rounded, weight)


def binned_accuracy(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"], edges: tuple
) -> Float[Any, ""]:
    """Accuracy of the interval that holds a valence; each holds its upper edge.

    CH-SIMS (Yu et al. 2020): Acc-2 with the edge 0, so that zero is negative, Acc-3 with
    -0.1 and 0.1, Acc-5 with -0.7, -0.1, 0.1 and 0.7.
    """
    return accuracy(_bin(true, edges), _bin(predicted, edges), weight)


def positive_f1(
    true: Float[Any, "B"], predicted: Float[Any, "B"], weight: Float[Any, "B"]
) -> Float[Any, ""]:
    """Weighted F1 of `valence > 0` over all samples: zero is negative."""
    return weighted_f1(*_positive(true, predicted, weight), 2)


def _positive(true, predicted, weight):
    return _bin(true, (0.0,)), _bin(predicted, (0.0,)), weight


def _non_negative(true, predicted, weight):
    return (true >= 0).astype("int32"), (predicted >= 0).astype("int32"), weight


def _bin(values, edges):
    return sum((values > edge).astype("int32") for edge in edges)
