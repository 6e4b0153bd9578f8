"""Features joined by name lie where the built dataset has them, whichever splits they are from."""

import numpy as np
import pytest

from mer_jax.corpora import MER2023
from mer_jax.data import join
from mer_jax.data.join import Built
from mer_jax.data.labels import Label, LabelRules
from mer_jax.data.rows import Frames, Vectors
from mer_jax.data.stored import Columns

RULES = LabelRules()


def built(folder, lengths):
    """A feature set of two splits, their arrays mapped: clips a to d, and e to g."""
    rng = np.random.default_rng(0)
    columns = {}
    for split, names in (("train", "abcd"), ("unlabelled", "efg")):
        of_split = np.array([lengths[name] for name in names])
        np.save(folder / f"{split}.npy", rng.normal(size=(of_split.sum(), 2)).astype(np.float32))
        array = np.load(folder / f"{split}.npy", mmap_mode="r")
        columns[split] = Columns(np.array(list(names)), of_split, array)
    return Built("set", columns, {})


def joined(of, names, level="utterance"):
    labels = {name: Label(0, 1.0) for name in names}
    return join.join(labels, {"audio": of}, MER2023, RULES, level).features["audio"]


def clips(of):
    """Each clip of a feature set by its name, read by hand."""
    found = {}
    for split in of.columns.values():
        stop = np.cumsum(split.lengths)
        for name, begin, end in zip(split.names.tolist(), stop - split.lengths, stop, strict=True):
            found[name] = np.asarray(split.feature[begin:end])
    return found


def is_mapped(values):
    parts = getattr(values, "parts", (values,))
    return all(isinstance(part, np.memmap) for part in parts)


@pytest.mark.parametrize("names", ["bd", "cafe", "abcdefg"])
def test_vectors_of_any_splits_are_copied_by_nobody(tmp_path, names):
    of = built(tmp_path, dict.fromkeys("abcdefg", 1))
    found = joined(of, names)
    assert isinstance(found, Vectors)
    assert is_mapped(found.values)
    expected = [clips(of)[name][0] for name in sorted(names)]
    np.testing.assert_array_equal(found[:], expected)
    assert joined(of, "abcd") is of.columns["train"].feature  # exactly a split


@pytest.mark.parametrize("names", ["bd", "cafe"])
def test_frames_of_any_splits_are_copied_by_nobody(tmp_path, names):
    of = built(tmp_path, dict(zip("abcdefg", (2, 1, 3, 1, 4, 2, 1), strict=True)))
    found = joined(of, names, "frame")
    assert isinstance(found, Frames)
    assert is_mapped(found.values)
    for row, name in enumerate(sorted(names)):
        np.testing.assert_array_equal(found.clip(row), clips(of)[name])
        assert any(
            np.shares_memory(found.clip(row), of_split.feature) for of_split in of.columns.values()
        )


def test_a_clip_that_a_set_lacks_is_zero(tmp_path):
    of = built(tmp_path, dict(zip("abcdefg", (2, 1, 3, 1, 4, 2, 1), strict=True)))
    vectors = joined(of, ["b", "g", "x"])
    np.testing.assert_array_equal(vectors[:], [clips(of)["b"][0], clips(of)["g"][0], [0, 0]])
    frames = joined(of, ["a", "x"], "frame")
    np.testing.assert_array_equal(frames.clip(1), np.zeros((1, 2)))
    np.testing.assert_array_equal(frames.clip(0), clips(of)["a"])
    assert joined(of, ["x"])[:].tolist() == [[0, 0]]
