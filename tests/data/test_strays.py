"""Copies of files are told from clips by their names and by the clip that they are copies of."""

import pytest

from mer_jax.data import strays


@pytest.mark.parametrize(
    "copy",
    [
        "x (1)", "x(2)", "x 2", "x (12)", "x (1) (1)", "x - Copy", "x - Copy (2)", "x copy", "x "
        "copy 2",
        "x-copy", "x_copy", "Copy of x", "x (copy)", "x (another copy)", "x (3rd copy)", "x - 副本",
        "x - 副本 (2)", "x副本", "副本 x", "x - コピー", "x - Kopie", "Kopie von x", "x~", "x.npy",
        "x (Ann's conflicted copy 2023-01-01)", "x (1) - Copy",
    ],
)  # fmt: skip
def test_a_copy(copy):
    assert strays.copies(["x", copy, "y"]) == [copy]
    assert strays.copies([copy, "y"]) == []  # without what it is a copy of: a clip of that name


@pytest.mark.parametrize(
    "name", ["x_1", "x1", "x (a)", "x_(1", "xcopy", "xcopyx", "photocopy", "x_2 (1)", "1", "x."]
)
def test_no_copy(name):
    assert strays.copies(["x", "photo", name]) == []


def test_statistics_of_all_clips_are_no_clips():
    assert strays.no_clips(["x", "x 2", "mean", "STD", "meaning"]) == ["x 2", "mean", "STD"]
    assert strays.no_clips(["mean", "std"]) == []  # nothing that they could be of


def test_folders_of_splits():
    for name in ("train", "fold1", "Fold_02", "split-3", "cv 5", "test3_corpus"):
        assert strays.is_split_folder(name)
    for name in ("clip1", "folded", "fold", "session1", "x_fold1"):
        assert not strays.is_split_folder(name)
