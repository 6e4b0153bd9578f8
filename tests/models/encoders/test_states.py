"""Every hidden state of the encoders against PyTorch's transformers, alone and padded.

The numbers of PyTorch are stored, since a test run has no PyTorch; where it is installed, they
are computed anew.
"""

import numpy as np
import pytest

from mer_jax.models import encoders as package
from mer_jax.models.encoders import speech
from tests.support import encoders, torch_states

CLOSE = 1e-5
ALONE = ("hubert-large", "whisper", "electra")  # also run without padding


def batch(case):
    """The clips of a case in one batch, padded by what is no silence, and the mask."""
    clips = encoders.inputs(case)
    if clips[0].ndim == 3:
        return np.stack(clips), None
    longest = -(-max(clip.shape[-1] for clip in clips) // 100) * 100
    longest = min(longest, 80) if case == "whisper" else longest if longest > 100 else 16
    padded = np.full((len(clips) + 1, *clips[0].shape[:-1], longest), 7, clips[0].dtype)
    mask = np.zeros((len(clips) + 1, longest), np.int64)  # the last row is padding alone
    for i, clip in enumerate(clips):
        padded[i, ..., : clip.shape[-1]] = clip
        mask[i, : clip.shape[-1]] = 1
    return padded, mask


@pytest.mark.parametrize("case", encoders.CASES)
def test_hidden_states_are_those_of_pytorch(case, tmp_path):
    known = encoders.known(case)
    encoder = package.load(encoders.write_folder(tmp_path / case, case))
    padded, mask = batch(case)
    states = [np.asarray(state) for state in encoder.hidden_states(padded, mask)]
    for i, (clip, expected) in enumerate(zip(encoders.inputs(case), known.states, strict=True)):
        assert len(states) == len(expected)
        if mask is not None:
            assert encoder.frames(clip.shape[-1]) == len(expected[0])
        for state, wanted in zip(states, expected, strict=True):
            own = state[i] if mask is None else state[i, : len(wanted)]
            np.testing.assert_allclose(own, wanted, rtol=0, atol=CLOSE)
    if known.pooled:
        np.testing.assert_allclose(encoder.pooled(padded), known.pooled, rtol=0, atol=CLOSE)
    if mask is not None:
        assert all(np.isfinite(state).all() for state in states)  # a row of padding alone as well
    if case in ALONE:
        alone = encoder.hidden_states(encoders.inputs(case)[0][None])
        for state, wanted in zip(alone, known.states[0], strict=True):
            np.testing.assert_allclose(state[0], wanted, rtol=0, atol=CLOSE)


def test_whisper_over_an_odd_number_of_frames(tmp_path):
    """Its second convolution would reach the frame behind the last, which is padding."""
    encoder = package.load(encoders.write_folder(tmp_path / "whisper", "whisper"))
    (clip, _) = encoders.inputs("whisper")
    padded, mask = batch("whisper")
    mask[0, 51] = 0
    alone = encoder.hidden_states(clip[None, :, :51])
    for state, wanted in zip(encoder.hidden_states(padded, mask), alone, strict=True):
        np.testing.assert_allclose(state[0, :26], wanted[0], rtol=0, atol=CLOSE)


def test_the_last_state_before_the_final_norm_can_be_named(tmp_path):
    folder = encoders.write_folder(tmp_path / "large", "hubert-large")
    after, before = package.load(folder), package.load(folder, last="transformers5")
    padded, mask = batch("hubert-large")
    after, before = after.hidden_states(padded, mask), before.hidden_states(padded, mask)
    for same, other in zip(after[:-1], before[:-1], strict=True):
        np.testing.assert_array_equal(same, other)
    weights = encoders.weights("hubert-large")
    last = np.asarray(before[-1])
    normed = (last - last.mean(-1, keepdims=True)) / np.sqrt(last.var(-1, keepdims=True) + 1e-5)
    normed = normed * weights["encoder.layer_norm.weight"] + weights["encoder.layer_norm.bias"]
    np.testing.assert_allclose(after[-1], normed, rtol=0, atol=CLOSE)
    assert np.abs(np.asarray(after[-1]) - last).max() > 0.1


def test_wavlm_s_distances_share_buckets_the_farther_they_are():
    buckets = speech._buckets(1200, speech.Settings(model_type="wavlm"))
    known = {0: 0, 1: 1, 79: 79, 80: 80, 82: 80, 83: 81, 260: 120, 799: 159, 800: 159, 1199: 159}
    for distance, bucket in known.items():  # 80 + 80 log10(distance / 80), and 159 at most
        assert buckets[distance, 0] == bucket, distance
        assert buckets[0, distance] == bucket + 160 * (distance > 0), distance


@pytest.mark.parametrize("case", encoders.CASES)
def test_the_stored_states_are_what_pytorch_gives(case, tmp_path):
    pytest.importorskip("torch", reason="PyTorch computes the states anew where it is installed")
    pytest.importorskip("transformers", reason="PyTorch's models are those of transformers")
    known = encoders.known(case)
    states, pooled = torch_states.run(case, encoders.write_folder(tmp_path / case, case))
    for each, stored in zip(states, known.states, strict=True):
        for state, wanted in zip(each, stored, strict=True):
            np.testing.assert_allclose(state, wanted, rtol=0, atol=CLOSE)
    for vector, wanted in zip(pooled, known.pooled, strict=True):
        np.testing.assert_allclose(vector, wanted, rtol=0, atol=CLOSE)
