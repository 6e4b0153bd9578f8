"""What runs predict of the clips that they validated on, by hand."""

import numpy as np

from mer_jax.corpora import CMUMOSI
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import out_of_fold
from mer_jax.evaluation.ensemble import Predictions
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


def test_metrics_of_the_end_are_a_repeats_mean_over_its_folds():
    true = np.array([-3.0, -1.0, 1.0, 3.0], np.float32)
    known = np.ones(4, bool)
    labels = Labels((true > 0).astype(np.int32), known, true, known)
    folds = {(0, 0): fold_of(0, 1, 2), (0, 1): fold_of(3), (1, 0): fold_of(0, 3)}
    valence = np.stack([
        np.array([-3.0, 1.4, 0.6, 9.0]),  # right on 0 and 2 of its three: 2/3
        np.array([9.0, 9.0, 9.0, -2.0]),  # wrong on its one
        np.array([-2.6, 9.0, 9.0, 2.4]),  # signs right; rounded, -3 is right and 2 is not
    ]).astype(np.float32)  # fmt: skip
    emotion = np.stack([valence < 0, valence > 0], -1).astype(np.float32)
    found = out_of_fold.scores(
        CMUMOSI.task, Predictions(emotion, valence), np.array([0, 0, 1]), np.array([0, 1, 0]),
        folds, labels,
    )  # fmt: skip
    of_emotion, of_valence = {"macro_f1", "uar"}, {"ccc", "sign_acc", "acc2", "f1", "acc5", "acc7"}
    assert set(found) == of_emotion | of_valence
    np.testing.assert_allclose(found["uar"], [(3 / 4 + 0) / 2, 1])
    np.testing.assert_allclose(found["macro_f1"], [(2 / 3 + 0) / 2, 1])
    np.testing.assert_allclose(found["acc2"], [(2 / 3 + 0) / 2, 1])
    np.testing.assert_allclose(found["sign_acc"], [(2 / 3 + 0) / 2, 1])
    np.testing.assert_allclose(found["acc7"], [(2 / 3 + 0) / 2, 1 / 2])
