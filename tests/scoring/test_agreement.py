"""Agreement statistics against worked examples of the literature and the textbooks' formulas."""

import numpy as np
import pytest

from mer_jax.scoring import agreement

# Fourteen raters sort ten subjects into five categories: a much-cited example of Fleiss' kappa.
COUNTS = np.array([
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
])  # fmt: skip
# Shrout and Fleiss 1979, Table 2: four judges on six targets; ICC(1,1) is .17 in Table 4.
RATINGS = np.array([
    [9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7],
])  # fmt: skip


def labels_of(counts_NxC):
    """A clip's labels, one an annotator, that have these counts."""
    return [[str(c) for c, n in enumerate(row) for _ in range(n)] for row in counts_NxC]


def valences_of(values_NxK):
    """The same by clip and annotator; each clip has annotators of its own."""
    return {
        f"c{i}": {f"v{i}{j}": int(value) for j, value in enumerate(row)}
        for i, row in enumerate(values_NxK)
    }


def reference_kappa(counts_NxC):
    """Fleiss 1971, equations 1 to 7, for n ratings of each subject."""
    subjects, n = len(counts_NxC), counts_NxC[0].sum()
    p_C = counts_NxC.sum(0) / (subjects * n)
    agree_N = ((counts_NxC**2).sum(1) - n) / (n * (n - 1))
    chance = (p_C**2).sum()
    return (agree_N.mean() - chance) / (1 - chance)


def reference_icc(values_NxK):
    """ICC(1,1) of Shrout and Fleiss, from the sums of squares."""
    n, k = values_NxK.shape
    means_N = values_NxK.mean(1)
    bms = k * ((means_N - values_NxK.mean()) ** 2).sum() / (n - 1)
    wms = ((values_NxK - means_N[:, None]) ** 2).sum() / (n * (k - 1))
    return (bms - wms) / (bms + (k - 1) * wms)


def test_worked_examples():
    assert agreement.fleiss_kappa(labels_of(COUNTS)) == pytest.approx(0.210, abs=5e-4)
    assert agreement.intraclass_correlation(valences_of(RATINGS)) == pytest.approx(0.17, abs=5e-3)


@pytest.mark.parametrize("seed", range(5))
def test_the_formulas_on_random_ratings(seed):
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(4, [0.4, 0.3, 0.2, 0.1], size=9)
    found = agreement.fleiss_kappa(labels_of(counts))
    assert found == pytest.approx(reference_kappa(counts), abs=1e-12)
    values = rng.integers(-5, 6, size=(7, 6)) + rng.integers(-2, 3, size=(7, 1))
    found = agreement.intraclass_correlation(valences_of(values))
    assert found == pytest.approx(reference_icc(values), abs=1e-12)


def test_clips_with_one_annotator_do_not_count_and_sizes_may_differ():
    clips = [["a", "a"], ["b", "b"], ["a", "b", "b"]]
    # Two clips agree wholly, the third in one of three pairs; 3 of 7 labels are a, 4 are b.
    chance = (3 / 7) ** 2 + (4 / 7) ** 2
    wanted = ((1 + 1 + 1 / 3) / 3 - chance) / (1 - chance)
    assert agreement.fleiss_kappa(clips) == pytest.approx(wanted, abs=1e-12)
    assert agreement.fleiss_kappa([*clips, ["a"]]) == pytest.approx(wanted, abs=1e-12)


def test_what_has_no_value():
    assert agreement.fleiss_kappa([["a"], []]) is None
    assert agreement.fleiss_kappa([["a", "a"], ["a", "a"]]) is None
    one_clip, unequal = {"c": {"x": 1, "y": 2}}, {"c": {"x": 1, "y": 2}, "d": {"x": 1}}
    for valences in ({}, one_clip, unequal, {"c": {"x": 1}, "d": {"x": 2}}):
        assert agreement.intraclass_correlation(valences) is None
    assert agreement.mean_range({}) is None
    assert agreement.mean_range(unequal) == 0.5
