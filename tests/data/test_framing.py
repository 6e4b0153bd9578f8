"""Frames compressed, aligned and padded: the release's numbers, and the same without its zeros."""

import json
import math
import pathlib

import numpy as np
import pytest

from mer_jax.data.framing import Framing, framed, resampled
from mer_jax.data.rows import Frames, joined
from mer_jax.errors import InputError

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
GOLDEN = SHARED / "merbench_golden" / "frame_pipeline.npz"
SIZES = {"audio": 3, "text": 4, "video": 2}
# Of each clip: shorter and longer than the text, equal, one frame, groups of nothing but zeros.
LENGTHS = [(1, 1, 1), (13, 7, 25), (6, 6, 6), (50, 3, 12), (5, 31, 1), (10, 6, 40), (1, 14, 1)]
CASES = [(True, 6), (True, 1), (False, 12), (False, 1), (True, 4)]


def clips_of(rng):
    return [
        {
            m: rng.normal(size=(n, SIZES[m])).astype(np.float32)
            for m, n in zip(SIZES, each, strict=True)
        }
        for each in LENGTHS
    ]


def release_resampled(x, wanted):
    """Section 3 of the protocol, clip by clip."""
    if len(x) == wanted:
        return x
    group = math.ceil(len(x) / wanted)
    x = np.concatenate([np.zeros((wanted * group - len(x), x.shape[1])), x])
    return x.reshape(wanted, group, -1).mean(1)


def release_framed(clips, aligned, scale):
    clips = [
        {m: release_resampled(x, math.ceil(len(x) / scale)) for m, x in c.items()} for c in clips
    ]
    if aligned:
        clips = [{m: release_resampled(x, len(c["text"])) for m, x in c.items()} for c in clips]
    longest = {m: max(len(c[m]) for c in clips) for m in SIZES}
    return {m: np.stack([release_resampled(c[m], longest[m]) for c in clips]) for m in SIZES}


def ours(clips, framing):
    features = {m: Frames.of_clips([c[m] for c in clips]) for m in SIZES}
    return framed(features, framing)


def whole(features):
    return {m: x.padded(x.shape[1]) for m, x in features.items()}


@pytest.mark.parametrize(("aligned", "scale"), CASES)
def test_release_equals_its_transcription(aligned, scale):
    clips = clips_of(np.random.default_rng(0))
    expected = release_framed(clips, aligned, scale)
    found = ours(clips, Framing(aligned, scale, "release"))
    for m, (values, _) in whole(found).items():
        np.testing.assert_allclose(values, expected[m], atol=1e-6, err_msg=m)
        assert (found[m].ends == found[m].shape[1]).all()


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the golden files are not beside this checkout")
def test_release_equals_the_release():
    with np.load(GOLDEN) as held:
        arrays = dict(held)
    count = len(json.loads(str(arrays["config"]))["lengths"])
    clips = [{m: arrays[f"input/{m}/{i}"] for m in SIZES} for i in range(count)]
    for name, framing in {
        "frm_align-6": Framing(True, 6, "release"),
        "frm_align-1": Framing(True, 1, "release"),
        "frm_unalign-12": Framing(False, 12, "release"),
        "frm_unalign-1": Framing(False, 1, "release"),
    }.items():
        for m, (values, _) in whole(ours(clips, framing)).items():
            np.testing.assert_allclose(values, arrays[f"output/{name}/{m}"], rtol=1e-6, atol=1e-6)
    for m in SIZES:
        x = Frames.of_clips([clip[m] for clip in clips])
        np.testing.assert_allclose(x.vectors, arrays[f"output/utt-1/{m}"], rtol=1e-6, atol=1e-6)
    long = arrays["input/audio/3"]
    for name, expected in arrays.items():
        if name.startswith("resample/"):
            count, wanted = map(int, name.partition("/")[2].split("-"))
            x = resampled(Frames.of_clips([long[:count]]), np.array([wanted]), diluted=True)
            np.testing.assert_allclose(x.padded(wanted)[0][0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("aligned", "scale"), CASES)
def test_masked_frames_are_means_of_frames_alone(aligned, scale):
    clips = clips_of(np.random.default_rng(1))
    found = ours(clips, Framing(aligned, scale))
    for i, clip in enumerate(clips):
        expected = {m: groups_of(x, math.ceil(len(x) / scale)) for m, x in clip.items()}
        for m, x in whole(found).items():
            values, mask = x[0][i], x[1][i]
            frames, wanted = expected[m], len(expected["text"])
            frames = groups_of(frames, wanted) if aligned else frames
            np.testing.assert_allclose(values[mask], frames, atol=1e-6)
            end = wanted if aligned else len(frames)
            assert np.flatnonzero(mask).tolist() == list(range(end - len(frames), end))
            assert (values[~mask] == 0).all()


def groups_of(x, wanted):
    """Means of groups of ceil(T / wanted) frames counted from the end, of frames alone."""
    size = math.ceil(len(x) / wanted)
    return np.stack([x[max(0, end - size) : end].mean(0) for end in range(len(x), 0, -size)][::-1])


def test_blanks_go_where_their_clips_go():
    x = ours(clips_of(np.random.default_rng(2)), Framing(True, 1))["audio"]
    values, mask = x.padded(x.shape[1])
    order = np.array([4, 0, 6])
    for taken in (x[order], x[order].packed(), joined([x[order[:1]], x[order[1:]]])):
        found = taken.padded(x.shape[1])
        np.testing.assert_array_equal(found[0], values[order])
        np.testing.assert_array_equal(found[1], mask[order])
    assert not mask[4].all() and mask[4][: x.ends[4]].sum() == 5


def test_vectors_and_what_needs_nothing_stay_as_they_are():
    vectors = {"audio": np.ones((2, 3), np.float32)}
    assert framed(vectors, Framing(False, 6))["audio"] is vectors["audio"]
    clips = {"audio": Frames.of_clips([np.ones((2, 3), np.float32)])}
    assert framed(clips, None) is clips and framed(clips, Framing()) is clips
    with pytest.raises(InputError, match="there is no text"):
        framed(clips, Framing(True))
