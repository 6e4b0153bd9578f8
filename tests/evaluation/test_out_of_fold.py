"""What runs predict of the clips that they validated on, by hand."""

import numpy as np

from mer_jax.evaluation import out_of_fold
from mer_jax.training.state import Fold


def fold_of(*rows):
    """A fold that validates on `rows`, padded."""
    index = np.array([*rows, 0], np.int32)
    weight = np.array([1.0] * len(rows) + [0.0], np.float32)
    return Fold(index, weight, index, weight, {}, {})


def test_each_clip_is_judged_by_the_runs_that_did_not_train_on_it():
    folds = {(0, 0): fold_of(0, 2), (0, 1): fold_of(1), (1, 0): fold_of(1), (1, 1): fold_of(0)}
    probability = np.arange(4)[:, None, None] + np.array([0.0, 0.25, 0.5])[None, :, None]
    found, known = out_of_fold.average(
        np.broadcast_to(probability, (4, 3, 2)),
        repeat=np.array([0, 0, 1, 1]),
        fold=np.array([0, 1, 0, 1]),
        folds=folds,
    )
    # Clip 0: runs 0 and 3; clip 1: runs 1 and 2; clip 2: run 0 alone.
    np.testing.assert_allclose(found[:, 0], [1.5, 1.75, 0.5])
    assert known.all()
    tree = {"a": np.arange(12.0).reshape(4, 3), "b": None}
    of_tree, _ = out_of_fold.average(tree, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), folds)
    np.testing.assert_allclose(of_tree["a"], [(0 + 9) / 2, (4 + 7) / 2, 2])
    assert of_tree["b"] is None
    without = out_of_fold.average(np.ones((1, 3, 2)), np.array([0]), np.array([1]), folds)[1]
    np.testing.assert_array_equal(without, [False, True, False])
