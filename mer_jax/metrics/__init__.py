"""How predictions are judged: a record each metric, and what computes them (section 3.7)."""

from mer_jax.metrics.emotion import accuracy, macro_f1, mean, unweighted_recall, weighted_f1
from mer_jax.metrics.record import EMOTION, SIGN, VALENCE, Judged, Metric, Pair
from mer_jax.metrics.registry import (
    COM_DIM_WEIGHT,
    METRICS,
    at_the_end,
    compute,
    every_epoch,
    names,
    ordered,
    selecting,
    selection_sign,
    shown,
)
from mer_jax.metrics.valence import (
    concordance,
    correlation,
    mean_absolute_error,
    mean_squared_error,
    sign_f1,
)

__all__ = [
    "COM_DIM_WEIGHT",
    "EMOTION",
    "METRICS",
    "SIGN",
    "VALENCE",
    "Judged",
    "Metric",
    "Pair",
    "accuracy",
    "at_the_end",
    "compute",
    "concordance",
    "correlation",
    "every_epoch",
    "macro_f1",
    "mean",
    "mean_absolute_error",
    "mean_squared_error",
    "names",
    "ordered",
    "selecting",
    "selection_sign",
    "shown",
    "sign_f1",
    "unweighted_recall",
    "weighted_f1",
]
