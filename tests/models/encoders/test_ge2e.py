"""GE2E's vectors of speakers, against a transcription in NumPy."""

import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.models.encoders import ge2e
from tests.support.speech import say
from tests.support.torch_pickles import tensor, write_zip

LEVEL = 10 ** (-30 / 20)


def random_weights(seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, 1.5 / np.sqrt(shape[-1]), shape).astype(np.float32)
        for name, shape in ge2e._SHAPES.items()
    }


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slaney(hertz):
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


def to_hertz(mel):
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def mel_energies(samples, frames):
    """40 bands of the power under Hann windows of 25 ms, 10 ms apart, each around its sample."""
    edges = [to_hertz(mel) for mel in np.linspace(0, slaney(8000), 42)]
    padded = np.pad(samples, (200, 200 + 160 * frames))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    hertz = np.arange(201) * 40.0
    found = np.zeros((frames, 40))
    for t in range(frames):
        power = np.abs(np.fft.rfft(padded[160 * t : 160 * t + 400] * window)) ** 2
        for m in range(40):
            low, mid, high = edges[m : m + 3]
            slope = np.minimum((hertz - low) / (mid - low), (high - hertz) / (high - mid))
            found[t, m] = np.maximum(slope, 0) @ power * 2 / (high - low)
    return found


def transcribed(arrays, samples):
    """An utterance that is as long as one window or a little more: its one vector."""
    samples = samples.astype(np.float64)
    level = np.sqrt(np.mean(samples**2))
    x = mel_energies(samples * max(1.0, LEVEL / level), 160)
    for layer in range(3):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w_in, w_h, b_in, b_h = (arrays[f"lstm.{name}_l{layer}"] for name in names)
        h = c = np.zeros(256)
        rows = []
        for frame in x:
            i, f, g, o = np.split(w_in @ frame + b_in + w_h @ h + b_h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            rows.append(h)
        x = np.stack(rows)
    y = np.maximum(arrays["linear.weight"] @ x[-1] + arrays["linear.bias"], 0)
    return y / np.linalg.norm(y)


def test_it_computes_what_its_transcription_does(tmp_path):
    arrays = random_weights()
    path = tmp_path / "pretrained.pt"
    state = {name: tensor(array, str(i), False) for i, (name, array) in enumerate(arrays.items())}
    write_zip(path, arrays, {"step": 5, "model_state": state})
    weights = ge2e.load(path)
    loud, quiet = say("A", 1.5).astype(np.float32), 0.01 * say("B", 1.7).astype(np.float32)
    found = ge2e.vectors(weights, [loud, np.zeros(8000, np.float32), quiet])
    assert found.shape == (3, 256)
    np.testing.assert_allclose(found[0], transcribed(arrays, loud), atol=1e-5)
    np.testing.assert_allclose(found[2], transcribed(arrays, quiet), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    # A long utterance's vector is the mean of its windows', each 1.6 s and 0.77 s after the last.
    long = np.concatenate([say("A", 2), say("B", 2)]).astype(np.float32)
    parts = [long[12_320 * i : 12_320 * i + 25_600] for i in range(4)]
    assert len(parts[3]) / 25_600 >= 0.75  # filled up
    gain = max(1.0, LEVEL / np.sqrt(np.mean(long**2)))
    assert gain == 1.0  # each window by itself would be raised by another
    (whole,) = ge2e.vectors(weights, [long])
    apart = ge2e.vectors(weights, parts).sum(axis=0)
    # The windows alone see silence where the utterance goes on, at their edges.
    assert whole @ apart / np.linalg.norm(apart) > 0.99
    assert ge2e.vectors(weights, []).shape == (0, 256)


def test_another_file_is_refused(tmp_path):
    arrays = random_weights()
    arrays["linear.bias"] = np.zeros(3, np.float32)
    write_zip(tmp_path / "a.pt", arrays)
    with pytest.raises(InputError, match=r"not Resemblyzer's pretrained.pt: linear.bias is \[3\]"):
        ge2e.load(tmp_path / "a.pt")
