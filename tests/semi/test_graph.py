"""Labels that spread over a graph of neighbours, against scikit-learn and by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from mer_jax import semi
from mer_jax.data.arrays import Split
from mer_jax.data.rows import Frames
from mer_jax.errors import InputError
from mer_jax.semi import neighbours
from mer_jax.training import devices, spreading
from mer_jax.training.plan import Run
from mer_jax.training.spreading import Spreading
from tests.support.plans import NAMES, planned
from tests.support.runs import samples_of

DIGITS, OF_EACH = 6, 5


def digits():
    """700 images of 0 to 5, and the rows that keep their labels."""
    x, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(y < DIGITS))[:700]
    x, y = x[rows].astype(np.float32), y[rows]
    return x, y, np.concatenate([np.flatnonzero(y == c)[:OF_EACH] for c in range(DIGITS)])


def one_hot(y, rows):
    label = np.zeros((len(y), DIGITS))
    label[rows, y[rows]] = 1
    return label


def joined_of(x, k):
    return neighbours.join(neighbours.nearest(x, k))


def weights_of(x, k):
    """W by its definition, from all distances."""
    distance = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    nearest = np.zeros_like(distance)
    np.put_along_axis(nearest, np.argsort(distance, axis=1)[:, :k], 1, axis=1)
    return nearest + nearest.T


@pytest.mark.parametrize("alpha", [0.2, 0.99])
def test_labels_spread_as_scikit_learns_do(alpha):
    x, y, labelled = digits()
    x, y, labelled = x[:200], y[:200], labelled[labelled < 200]
    x += 0.1 * np.random.default_rng(1).random(x.shape).astype(np.float32)  # no two alike far away
    found = neighbours.spread(joined_of(x, 6), one_hot(y, labelled), alpha)
    known = np.full(len(y), -1)
    known[labelled] = y[labelled]
    kernel = lambda a, b: weights_of(x.astype(np.float64), 6)  # noqa: E731
    model = LabelSpreading(kernel=kernel, alpha=alpha, max_iter=100, tol=0)
    with pytest.warns(ConvergenceWarning):  # asked for exactly as many steps
        model.fit(x, known)
    np.testing.assert_allclose(found, model.label_distributions_, atol=1e-4)


def test_targets_are_as_good_as_scikit_learns():
    x, y, labelled = digits()
    known = np.full(len(y), -1)
    known[labelled] = y[labelled]
    model = LabelSpreading(kernel="knn", n_neighbors=7, alpha=0.2, max_iter=100).fit(x, known)
    halves = {"upper": x[:, :32], "lower": x[:, 32:]}
    joined = joined_of(neighbours.side_by_side([halves], False), 7)
    found = neighbours.spread(joined, one_hot(y, labelled), 0.99).argmax(1)
    rest = np.setdiff1d(np.arange(len(y)), labelled)
    ours, theirs = ((of == y)[rest].mean() for of in (found, model.transduction_))
    assert ours > theirs > 0.85


def test_a_clip_that_no_label_reaches_is_of_all_classes_alike():
    x = np.array([[0.0], [0.1], [9.0], [9.1]], np.float32)
    label = np.array([[1.0, 0.0], [0, 0], [0, 0], [0, 0]])
    found = neighbours.spread(joined_of(x, 1), label, 0.5)
    np.testing.assert_allclose(found, [[1, 0], [1, 0], [0.5, 0.5], [0.5, 0.5]])
    # Of clips fewer than neighbours each is joined to all others.
    assert (joined_of(x, 7) > 0).sum() == 12


def test_the_nearest_clips_come_first():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    distance = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_array_equal(neighbours.nearest(x, 5), np.argsort(distance, axis=1)[:, :5])


def test_modalities_have_the_same_share_in_distances():
    rng = np.random.default_rng(0)
    narrow = rng.normal(3, 50, (40, 2)).astype(np.float32)
    wide = np.concatenate([rng.normal(0, 1, (40, 8)), np.full((40, 1), 7)], 1).astype(np.float32)
    wide[:, 0] *= 100
    parts = [{"audio": narrow[:10], "text": wide[:10]}]
    frames = Frames.of_clips(
        [np.repeat(row[None], n % 3 + 1, 0) for n, row in enumerate(wide[10:])]
    )
    parts.append({"audio": narrow[10:], "text": frames})
    for standardised in (False, True):
        x = neighbours.side_by_side(parts, standardised)
        assert x.shape == (40, 11)
        of_columns = x.var(0)
        np.testing.assert_allclose([of_columns[:2].sum(), of_columns[2:].sum()], 1, rtol=1e-3)
        share = of_columns[2:10] / of_columns[2:10].sum()
        assert (share[0] > 0.9) == (not standardised)
        assert of_columns[-1] == 0


def test_clips_count_by_the_certainty_of_what_reaches_them():
    spread = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3] * 3], np.float32)
    weak = semi.Weak(jnp.full((3, 3), 1 / 3), jnp.arange(3), jnp.asarray(spread))
    chosen = semi.METHODS["graph"].choose((), weak, {})
    np.testing.assert_allclose(chosen.weight, [1, 1 - np.log(2) / np.log(3), 0], atol=1e-6)
    np.testing.assert_array_equal(chosen.target, np.eye(3)[[0, 0, 0]])  # the first of equals
    weak = weak._replace(spread=jnp.asarray([[0.2, 0.5, 0.3]]))
    np.testing.assert_array_equal(semi.METHODS["graph"].choose((), weak, {}).target, [[0, 1, 0]])


def test_each_class_gets_its_share_of_the_labels():
    share = np.array([[0.8, 0.2], [0.6, 0.4], [0.7, 0.3], [0.5, 0.5]], np.float32)
    label = np.array([[1.0, 0], [0, 0], [0, 1], [0, 0]])
    found = neighbours.balanced(share, label)
    # One label of each: both classes count alike, and 2.6 of the first are as many as 1.4.
    expected = share / share.sum(0)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(found[:3], expected[:3], rtol=1e-5)
    assert found[1].argmax() == 1, "less than other clips have of the first class"
    np.testing.assert_array_equal(found[3], share[3])
    more = neighbours.balanced(share, np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]]))
    np.testing.assert_allclose(
        more[1, 0] / more[1, 1], 4 / 2 * found[1, 0] / found[1, 1], rtol=1e-5
    )
    nothing = np.array([[1.0, 0], [1, 0]], np.float32)  # a class that no label has
    np.testing.assert_array_equal(neighbours.balanced(nothing, nothing), nothing)


def spread_of(samples, **changes):
    grid_plan = planned(samples, semi__method="graph", semi__neighbours=3, **changes)
    return grid_plan, Spreading(grid_plan).targets(Run(0, 0, 1), 6)


def test_the_labels_of_a_folds_training_clips_alone_spread():
    samples = samples_of(len(NAMES))
    before, found = spread_of(samples, data__labelled_fraction=0.7)
    assert found.shape == (len(NAMES), 6)
    fold = before.folds[0, 1]
    trains = np.isin(np.arange(len(NAMES)), fold.train_index[fold.train_weight > 0])
    for turned, changes in ((~trains, False), (trains, True)):
        emotion = np.where(turned, (samples.labels.emotion + 1) % 6, samples.labels.emotion)
        others = samples._replace(labels=samples.labels._replace(emotion=emotion))
        # The folds are those of before: which clips are labelled is drawn by class.
        after = before._replace(samples=others._replace(pool=before.samples.pool))
        again = Spreading(after).targets(Run(0, 0, 1), 6)
        assert np.array_equal(found, again) != changes


def test_a_pool_of_its_own_gets_the_labels_of_its_neighbours():
    samples = samples_of(len(NAMES))
    order = np.random.default_rng(0).permutation(len(NAMES))
    features = {m: x[order] + np.float32(1e-4) for m, x in samples.features.items()}
    pool = Split(NAMES[order], features, samples.labels.rows(order))
    grid_plan = planned(
        samples, pool, semi__method="graph", data__labelled_fraction=1.0, semi__neighbours=1,
        semi__alpha=0.5,
    )  # fmt: skip
    fold = grid_plan.folds[0, 1]
    trains = np.isin(order, fold.train_index[fold.train_weight > 0])
    trains &= samples.labels.emotion_mask[order]
    found = Spreading(grid_plan).targets(Run(0, 0, 1), 6)
    assert found.shape == (len(order), 6)
    same = found.argmax(1) == samples.labels.emotion[order]
    assert same[trains].all()


def test_a_graph_that_does_not_fit_is_refused(monkeypatch):
    samples = samples_of(len(NAMES))
    grid_plan = planned(samples, semi__method=("fixmatch", "graph"))
    spreading.check_memory(grid_plan)
    monkeypatch.setattr(devices, "host_bytes", lambda: 10_000)
    spreading.check_memory(planned(samples, semi__method="fixmatch"))
    with pytest.raises(InputError, match=r"^config\.semi\.method: the graph of 60 clips with 10 v"):
        spreading.check_memory(grid_plan)


VIEW = "neighbours 0.5, noise 0.1"


def nearest_of(features, k):
    """The rows of the nearest clips, from all distances; modalities count alike."""
    x = np.concatenate([x / np.sqrt(x.var(0).sum()) for x in features.values()], 1)
    distance = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1)[:, :k]


def test_clips_of_the_pool_know_their_nearest_clips():
    samples = samples_of(len(NAMES))
    hidden = planned(samples, semi__method="freematch", semi__strong=VIEW, semi__neighbours=(2, 3))
    near = Spreading(hidden).near()
    np.testing.assert_array_equal(near, nearest_of(samples.features, 3))
    assert Spreading(planned(samples, semi__method="graph")).near() is None


def test_labelled_clips_are_near_those_of_a_pool_of_its_own(monkeypatch):
    samples, others = samples_of(len(NAMES)), samples_of(30, seed=1)
    pool = Split(NAMES[:30], others.features, others.labels)
    grid_plan = planned(
        samples, pool, semi__method="freematch", data__labelled_fraction=1.0, semi__strong=VIEW
    )
    together = {m: np.concatenate([x, others.features[m]]) for m, x in samples.features.items()}
    expected = nearest_of(together, 7)[len(NAMES) :]
    found = Spreading(grid_plan).near()
    is_labelled = expected < len(NAMES)
    assert is_labelled.any() and not is_labelled.all()
    np.testing.assert_array_equal(found[~is_labelled], expected[~is_labelled] - len(NAMES))
    np.testing.assert_array_equal(found[is_labelled], expected[is_labelled] + 30)
    with_graph = planned(samples, semi__method="freematch", semi__strong=VIEW)
    monkeypatch.setattr(devices, "host_bytes", lambda: 10_000)
    with pytest.raises(InputError, match="a method and views without a graph"):
        spreading.check_memory(with_graph)
