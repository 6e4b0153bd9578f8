"""Scores of single-label answers in NumPy, from the pairs of true and predicted class.

JAX is not needed for them; the compiled ones of mer_jax.metrics agree to float32.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SCORES = ("accuracy", "weighted_f1", "uar", "macro_f1")


class Pairs(NamedTuple):
    """True and predicted class of N clips, as indices into `names`.

    The first `classes` names are those of the labels, in the order of reports; the others are
    predicted alone.
    """

    true: np.ndarray  # int [N]
    predicted: np.ndarray  # int [N]
    names: tuple[str, ...]
    classes: int

    def statistic(self, counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
        """The SCORES of resamples, for mer_jax.resampling."""
        return of_matrices(self.matrices(counts_RxN), self.classes)

    def matrices(self, counts_RxN: np.ndarray) -> np.ndarray:
        """The confusion matrix of each resample: float64 [R, K, K], true by predicted."""
        size = len(self.names)
        cell_N = self.true * size + self.predicted
        flat = np.zeros((len(counts_RxN), size * size))
        for cell in np.unique(cell_N):
            flat[:, cell] = counts_RxN[:, cell_N == cell].sum(1)
        return flat.reshape(-1, size, size)

    def matrix(self) -> np.ndarray:
        """The confusion matrix of all clips: float64 [K, K], true by predicted."""
        return self.matrices(np.ones((1, len(self.true))))[0]

    def scores(self) -> dict[str, float]:
        """The SCORES of all clips."""
        found = self.statistic(np.ones((1, len(self.true))))
        return {name: float(value[0]) for name, value in found.items()}

    def recalls(self) -> dict[str, float | None]:
        """Recall by class of the labels; None for a class without clips."""
        matrix = self.matrix()
        return {
            name: float(matrix[i, i] / matrix[i].sum()) if matrix[i].sum() else None
            for i, name in enumerate(self.names[: self.classes])
        }


def pairs_of(true: Sequence[str], predicted: Sequence[str], classes: Sequence[str] = ()) -> Pairs:
    """The pairs of N clips' words; `classes` orders those that occur, others follow sorted.

    Raises ValueError where there is no clip or the numbers differ.
    """
    if len(true) != len(predicted) or not len(true):
        raise ValueError(f"{len(true)} labels and {len(predicted)} predictions")
    occur = set(true)
    ours = [name for name in classes if name in occur]
    ours += sorted(occur - set(ours))
    names = (*ours, *sorted(set(predicted) - occur))
    index = {name: i for i, name in enumerate(names)}
    return Pairs(
        np.array([index[name] for name in true]),
        np.array([index[name] for name in predicted]),
        names,
        len(ours),
    )


def f1_by_class(matrices_RxKxK: np.ndarray) -> np.ndarray:
    """F1 of each class, 0 for one without clips and predictions: float64 [R, K]."""
    both = np.diagonal(matrices_RxKxK, axis1=1, axis2=2)
    total = matrices_RxKxK.sum(1) + matrices_RxKxK.sum(2)
    return 2 * both / np.maximum(total, 1)


def of_matrices(matrices_RxKxK: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """The SCORES of confusion matrices; UAR and macro F1 over the labels' first `classes`.

    In a resample a class without clips counts in neither mean.
    """
    n_true = matrices_RxKxK.sum(2)[:, :classes]
    both = np.diagonal(matrices_RxKxK, axis1=1, axis2=2)[:, :classes]
    f1 = f1_by_class(matrices_RxKxK)[:, :classes]
    occurs = n_true > 0
    n = n_true.sum(1)
    return {
        "accuracy": both.sum(1) / n,
        "weighted_f1": (n_true * f1).sum(1) / n,
        "uar": (both / np.maximum(n_true, 1)).sum(1) / occurs.sum(1),
        "macro_f1": (f1 * occurs).sum(1) / occurs.sum(1),
    }
