"""Folds: the release's sizes, drawn from names, seed and repeat alone, groups undivided."""

import numpy as np
import pytest

from mer_jax.data import folds
from mer_jax.errors import InputError


def names(n):
    return [f"sample_{i:08d}" for i in range(n)]


@pytest.mark.parametrize(
    ("n", "k", "sizes"),
    [
        (3373, 5, [674, 674, 674, 674, 677]),
        (10, 5, [2, 2, 2, 2, 2]),
        (14, 5, [2, 2, 2, 2, 6]),
        (5, 5, [1, 1, 1, 1, 1]),
        (7, 2, [3, 4]),
    ],
)
def test_sizes_are_the_releases(n, k, sizes):
    assert np.bincount(folds.assign(names(n), k, seed=0, repeat=0), minlength=k).tolist() == sizes


def test_the_order_of_names_does_not_matter():
    ordered = names(103)
    shuffled = np.random.default_rng(1).permutation(ordered).tolist()
    by_name = dict(zip(ordered, folds.assign(ordered, 5, 3, 1), strict=True))
    again = dict(zip(shuffled, folds.assign(shuffled, 5, 3, 1), strict=True))
    assert by_name == again


def test_equal_arguments_give_equal_folds():
    once, twice = (folds.assign(names(103), 5, seed=3, repeat=1) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_seed_and_repeat_each_draw_anew():
    drawn = [folds.assign(names(103), 5, s, r) for s, r in [(0, 0), (0, 1), (1, 0), (1, 1)]]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            # By chance a fifth of the clips share their fold.
            assert 0.05 < np.mean(one == other) < 0.4


def test_folds_are_random_in_the_names_order():
    assigned = folds.assign(names(3373), 5, seed=0, repeat=0)
    # Neighbours share a fold as often as strangers; in blocks or in turn they would always or never
    assert 0.15 < np.mean(assigned[1:] == assigned[:-1]) < 0.25


def test_groups_are_never_divided():
    groups = [f"video_{i * i % 17}" for i in range(200)]
    assigned = folds.assign(names(200), 4, seed=0, repeat=0, groups=groups)
    for group in set(groups):
        assert len({fold for fold, g in zip(assigned, groups, strict=True) if g == group}) == 1
    assert set(assigned) == {0, 1, 2, 3}


def test_groups_even_out_the_folds():
    groups = [str(i) for i in range(23) for _ in range(1 + i % 7)]
    assigned = folds.assign(names(len(groups)), 5, seed=0, repeat=0, groups=groups)
    sizes = np.bincount(assigned, minlength=5)
    # Each group went to the smallest fold, so no fold is ahead by more than the largest group.
    assert sizes.max() - sizes.min() <= 7
    assert sizes.sum() == len(groups)


def test_groups_do_not_depend_on_the_order_of_names():
    ordered = names(60)
    group_of = {name: str(i % 11) for i, name in enumerate(ordered)}
    shuffled = np.random.default_rng(1).permutation(ordered).tolist()
    drawn = [
        dict(zip(order, folds.assign(order, 3, 0, 0, [group_of[n] for n in order]), strict=True))
        for order in (ordered, shuffled)
    ]
    assert drawn[0] == drawn[1]


def test_groups_depend_on_seed_and_repeat():
    groups = [str(i // 3) for i in range(90)]
    drawn = [
        folds.assign(names(90), 3, seed, repeat, groups).tolist()
        for seed, repeat in [(0, 0), (0, 1), (1, 0)]
    ]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_fewer_clips_than_folds():
    with pytest.raises(InputError, match=r"config\.folds=5: only 4 clips to divide"):
        folds.assign(names(4), 5, seed=0, repeat=0)


def test_fewer_groups_than_folds():
    groups = ["a", "b"] * 10
    with pytest.raises(InputError, match=r"config\.folds=3: only 2 groups of clips to divide"):
        folds.assign(names(20), 3, seed=0, repeat=0, groups=groups)


EMOTION = np.array([0] * 40 + [1] * 15 + [-1] * 5)
CLIPS = np.array([f"clip_{i:03d}" for i in range(60)])


@pytest.mark.parametrize(
    ("fraction", "counts"),
    [(0.1, (4, 2, 1)), (0.5, (20, 8, 2)), (6, (6, 6, 5)), (1.0, (40, 15, 5))],
)
def test_each_class_keeps_its_share_of_labels(fraction, counts):
    keep = folds.labelled(CLIPS, EMOTION, fraction, seed=0, repeat=0)
    assert tuple((EMOTION[keep] == value).sum() for value in (0, 1, -1)) == counts


def test_labelled_clips_depend_on_names_seed_and_repeat_alone():
    keep = folds.labelled(CLIPS, EMOTION, 0.5, seed=0, repeat=0)
    order = np.random.default_rng(0).permutation(60)
    shuffled = folds.labelled(CLIPS[order], EMOTION[order], 0.5, seed=0, repeat=0)
    np.testing.assert_array_equal(shuffled, keep[order])
    for other in ({"seed": 1, "repeat": 0}, {"seed": 0, "repeat": 1}):
        assert (folds.labelled(CLIPS, EMOTION, 0.5, **other) != keep).any()


@pytest.mark.parametrize("count", [1, 3])
def test_exactly_so_many_of_each_class_keep_their_labels(count):
    keep = folds.labelled_of_each(CLIPS, EMOTION, count, seed=0, repeat=0)
    present = np.unique(EMOTION[EMOTION >= 0])
    kept, counts = np.unique(EMOTION[keep], return_counts=True)
    assert kept.tolist() == present.tolist()
    assert counts.tolist() == [count] * len(present)
    again = folds.labelled_of_each(CLIPS[::-1], EMOTION[::-1], count, seed=0, repeat=0)
    np.testing.assert_array_equal(again[::-1], keep)
    for other in ({"seed": 1, "repeat": 0}, {"seed": 0, "repeat": 1}):
        assert (folds.labelled_of_each(CLIPS, EMOTION, count, **other) != keep).any()


def test_a_class_of_fewer_clips_is_told():
    with pytest.raises(InputError) as refusal:
        folds.labelled_of_each(names(5), np.array([0, 0, 0, 2, -1]), 2, seed=0, repeat=0)
    assert str(refusal.value) == (
        "config.data.labelled_per_class=2: a class of train has only 1 clip"
    )


def test_each_class_is_in_as_many_folds_as_it_can_be():
    rng = np.random.default_rng(0)
    emotion = np.array([0] * 2 + [1] * 5 + [2] * 13 + [-1] * 3)
    order = rng.permutation(len(emotion))
    emotion, of_names = emotion[order], np.array(names(len(emotion)))
    for repeat in range(4):
        drawn = folds.assign_by_class(of_names, emotion, 5, seed=0, repeat=repeat)
        for each, most in {0: 1, 1: 1, 2: 3, -1: 1}.items():
            counts = np.bincount(drawn[emotion == each], minlength=5)
            assert counts.max() == most and counts.max() - counts.min() <= 1
        sizes = np.bincount(drawn, minlength=5)
        assert sizes.max() - sizes.min() <= 1
    drawn = folds.assign_by_class(of_names, emotion, 5, seed=0, repeat=1)
    shuffled = rng.permutation(len(emotion))
    again = folds.assign_by_class(of_names[shuffled], emotion[shuffled], 5, 0, 1)
    np.testing.assert_array_equal(again, drawn[shuffled])
    others = [folds.assign_by_class(of_names, emotion, 5, *of) for of in ((0, 0), (1, 1))]
    assert all((other != drawn).any() for other in others)
    with pytest.raises(InputError, match=r"^config\.folds=5: only 4 clips to divide into folds"):
        folds.assign_by_class(names(4), np.zeros(4, int), 5, 0, 0)
