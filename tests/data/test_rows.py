"""Frames of unlike lengths are indexed as vectors are, and copy nothing until they are padded."""

import numpy as np
import pytest

from mer_jax.data import rows
from mer_jax.data.rows import Frames, Stacked, Vectors

LENGTHS = (2, 1, 4, 3)
CLIPS = [np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32) for n in LENGTHS]


@pytest.fixture
def mapped(tmp_path):
    """Frames over a memory-mapped file, as a built dataset's are."""
    np.save(tmp_path / "feature.npy", np.concatenate(CLIPS))
    return Frames.of_lengths(np.load(tmp_path / "feature.npy", mmap_mode="r"), LENGTHS)


def test_shape_and_size(mapped):
    assert (len(mapped), mapped.shape, mapped.nbytes) == (4, (4, 4, 3), 10 * 3 * 4)
    assert mapped[np.array([1, 0])].shape == (2, 2, 3)
    assert mapped[np.array([1, 0])].nbytes == 3 * 3 * 4
    vectors = np.zeros((5, 7), np.float32)
    assert rows.sizes({"audio": mapped, "text": vectors}) == {"audio": 3, "text": 7}
    assert rows.count({"audio": mapped}) == 4
    assert mapped[:0].shape == (0, 1, 3)


@pytest.mark.parametrize("index", [np.array([3, 0, 3]), slice(1, 3), np.array([True, False] * 2)])
def test_rows_are_taken_and_nothing_is_copied(mapped, index):
    taken = mapped[index]
    assert taken.values is mapped.values
    expected = [CLIPS[row] for row in np.arange(4)[index]]
    for row, clip in enumerate(expected):
        np.testing.assert_array_equal(taken.clip(row), clip)
    packed = taken.packed()
    np.testing.assert_array_equal(packed.values, np.concatenate(expected))
    assert packed.length.tolist() == [len(clip) for clip in expected]
    assert mapped.packed() is mapped


def test_padding_stands_behind_a_clip_and_is_masked(mapped):
    padded, mask = mapped[np.array([0, 3])].padded(5)
    assert padded.shape == (2, 5, 3)
    assert padded.dtype == np.float32
    assert mask.tolist() == [[True] * 2 + [False] * 3, [True] * 3 + [False] * 2]
    np.testing.assert_array_equal(padded[0, :2], CLIPS[0])
    np.testing.assert_array_equal(padded[1, :3], CLIPS[3])
    assert not padded[~mask].any()
    cut, of_cut = mapped[np.array([0, 3])].padded(2)
    np.testing.assert_array_equal(cut, [CLIPS[0], CLIPS[3][:2]])
    assert of_cut.all()


def test_at_the_utterance_level_frames_are_averaged(mapped):
    vectors = np.ones((4, 2), np.float32)
    found = rows.at_level({"audio": mapped, "text": vectors}, "utterance")
    assert found["text"] is vectors
    expected = [clip.astype(np.float64).mean(0).astype(np.float32) for clip in CLIPS]
    np.testing.assert_array_equal(found["audio"], expected)
    assert rows.at_level({"audio": mapped}, "utterance")["audio"] is found["audio"]  # once


def test_at_the_frame_level_a_vector_is_one_frame(mapped):
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    found = rows.at_level({"audio": mapped, "text": vectors}, "frame")
    assert found["audio"] is mapped
    assert found["text"].values is vectors
    padded, mask = found["text"][np.array([2])].padded(1)
    np.testing.assert_array_equal(padded, vectors[2:3, None, :])
    assert mask.all()


def test_parts_are_joined(mapped):
    joined = rows.joined([mapped[np.array([2, 1])], mapped[:1]])
    for row, clip in enumerate((2, 1, 0)):
        np.testing.assert_array_equal(joined.clip(row), CLIPS[clip])
    np.testing.assert_array_equal(rows.joined([np.ones((1, 2)), np.zeros((2, 2))])[:, 0], [1, 0, 0])


def test_the_mean_is_taken_in_float64():
    # Summed in float32, 2^24 + 1 + 1 + 2 loses both ones.
    clip = np.array([[2**24, 1], [1, 2], [1, 3], [2, 6]], np.float32)
    mean = rows.mean_over_frames(clip)
    assert mean.dtype == np.float32
    assert mean.tolist() == [4194305.0, 3.0]


def test_the_mean_of_one_row_is_that_row():
    row = np.array([[0.1, -3e38, 1e-45]], np.float32)
    assert rows.mean_over_frames(row).tobytes() == row.tobytes()


@pytest.fixture
def parts(tmp_path):
    """Three arrays of three columns, two of them mapped files."""
    rng = np.random.default_rng(5)
    arrays = [rng.normal(size=(n, 3)).astype(np.float32) for n in (4, 1, 6)]
    for number in (0, 2):
        np.save(tmp_path / f"{number}.npy", arrays[number])
        arrays[number] = np.load(tmp_path / f"{number}.npy", mmap_mode="r")
    return arrays


def test_stacked_arrays_are_read_as_their_concatenation(parts):
    stacked, whole = Stacked(parts), np.concatenate(parts)
    assert (len(stacked), stacked.shape, stacked.itemsize) == (11, (11, 3), 4)
    for index in (np.array([10, 0, 4, 4, 3]), np.array([[5, 4], [3, 0]]), slice(None), slice(3, 6)):
        np.testing.assert_array_equal(stacked[index], whole[index])
    for inside in (slice(0, 4), slice(4, 5), slice(7, 11)):
        np.testing.assert_array_equal(stacked[inside], whole[inside])
        assert any(np.shares_memory(stacked[inside], part) for part in parts)
    assert stacked[slice(4, 4)].shape == (0, 3)


def test_scattered_vectors_are_read_when_they_are_asked_for(parts):
    row = np.array([8, 0, 4, 10])
    whole = np.concatenate(parts)[row]
    vectors = Vectors(Stacked(parts), row)
    assert isinstance(vectors, rows.Rows)
    assert (len(vectors), vectors.shape, vectors.nbytes) == (4, (4, 3), 4 * 3 * 4)
    for index in (np.array([3, 3, 0]), np.array([[1], [2]]), slice(1, 3), np.array([True] * 4)):
        found = vectors[index]
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, whole[index])
    np.testing.assert_array_equal(np.asarray(vectors), whole)
    np.testing.assert_array_equal(rows.values_of(vectors), whole)
    np.testing.assert_array_equal(rows.joined([vectors, whole[:1]]), np.append(whole, whole[:1], 0))
    assert rows.at_level({"audio": vectors}, "utterance")["audio"] is vectors
    as_frames = rows.at_level({"audio": vectors}, "frame")["audio"]
    assert as_frames.values is vectors.values
    np.testing.assert_array_equal(as_frames.padded(1)[0][:, 0], whole)
    np.testing.assert_array_equal(as_frames.packed().values, whole)


def test_frames_of_several_arrays_are_packed_by_copying_theirs_alone(parts):
    frames = Frames(Stacked(parts), np.array([4, 5, 0]), np.array([1, 6, 4]))
    np.testing.assert_array_equal(
        frames.packed().values, np.concatenate([parts[1], parts[2], parts[0]])
    )
    ordered = Frames(Stacked(parts), np.array([0, 4, 5]), np.array([4, 1, 6]))  # all, in order
    np.testing.assert_array_equal(rows.values_of(ordered), np.concatenate(parts))
