"""A speaker's vector by GE2E's LSTM (Wan et al., 2018) in JAX, with Resemblyzer's weights.

The package Resemblyzer carries them as `pretrained.pt`: three LSTMs of 256 over 40 mel bands and a
linear layer with ReLU, of whose last frame the vector has length 1. An utterance is cut into
windows of 1.6 seconds; its vector is the mean of theirs, again of length 1. What Resemblyzer does
before, cutting out pauses by webrtcvad, is left out: the pieces here are speech already.

N stands for windows of 1.6 seconds, T for their frames, M for mel bands.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mer_jax.models import recurrent
from mer_jax.models.encoders import mel, torch_files
from mer_jax.models.encoders import weights as weights_lib
from mer_jax.models.layers import product

SIZE = 256
_BANDS = 40
_FRAMES = 160  # of a window: 1.6 s
_STEP = 77  # frames from a window to the next: 1.3 windows a second, as Resemblyzer's
_COVERED = 0.75  # of the last window at least, or it is left out
_LAYERS = 3
_LEVEL = 10 ** (-30 / 20)  # the root mean square to which quieter utterances are raised: -30 dB
_ROWS = 32  # windows a call: one compiled program whatever the utterances' lengths
_SHAPES = {
    **{
        f"lstm.{name}_l{i}": shape
        for i in range(_LAYERS)
        for name, shape in (
            ("weight_ih", (4 * SIZE, _BANDS if i == 0 else SIZE)),
            ("weight_hh", (4 * SIZE, SIZE)),
            ("bias_ih", (4 * SIZE,)),
            ("bias_hh", (4 * SIZE,)),
        )
    },
    "linear.weight": (SIZE, SIZE),
    "linear.bias": (SIZE,),
}


class Weights(NamedTuple):
    """The model's arrays."""

    layers: tuple[recurrent.Weights, ...]
    kernel: Array  # [256, 256]
    bias: Array  # [256]


def load(path: pathlib.Path) -> Weights:
    """The weights of Resemblyzer's `pretrained.pt`, read without running what it names.

    Raises InputError where the file lacks one of the arrays, or has it in another shape.
    """
    found = torch_files.read(path)
    weights_lib.check_shapes(path, found, _SHAPES, "Resemblyzer's pretrained.pt")
    layers = tuple(
        recurrent.Weights(
            found[f"lstm.weight_ih_l{i}"].T,
            found[f"lstm.weight_hh_l{i}"].T,
            found[f"lstm.bias_ih_l{i}"] + found[f"lstm.bias_hh_l{i}"],
        )
        for i in range(_LAYERS)
    )
    weights = Weights(layers, found["linear.weight"].T, found["linear.bias"])
    return jax.tree_util.tree_map(lambda array: jnp.asarray(array, jnp.float32), weights)


def vectors(weights: Weights, utterances: Sequence[np.ndarray]) -> np.ndarray:
    """A vector of length 1 of each utterance, float32 [U, 256].

    `utterances` are samples float32 [S] at 16 kHz in [-1, 1].
    """
    windows = [_windows(samples_S) for samples_S in utterances]
    owners = np.repeat(np.arange(len(windows)), [len(each) for each in windows])
    sums = np.zeros((len(windows), SIZE), np.float32)
    every_NxTxM = np.concatenate([*windows, np.zeros((0, _FRAMES, _BANDS), np.float32)])
    for start in range(0, len(every_NxTxM), _ROWS):
        part = every_NxTxM[start : start + _ROWS]
        padded = np.pad(part, ((0, _ROWS - len(part)), (0, 0), (0, 0)))
        np.add.at(
            sums,
            owners[start : start + _ROWS],
            np.asarray(_of_windows(weights, padded))[: len(part)],
        )
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.float32(1e-12))


@jax.jit
def _of_windows(weights: Weights, mel_NxTxM: Float[Array, "N T M"]) -> Float[Array, "N D"]:
    """The vector of each window."""
    x_TxNxD = recurrent.time_first(mel_NxTxM)
    for layer in weights.layers:
        x_TxNxD = recurrent.run(recurrent.gates(x_TxNxD, layer), layer.hidden).hidden
    y_NxD = jax.nn.relu(product(x_TxNxD[-1], weights.kernel) + weights.bias[None])
    return y_NxD / jnp.maximum(jnp.linalg.norm(y_NxD, axis=1, keepdims=True), 1e-12)


def _windows(samples_S: np.ndarray) -> np.ndarray:
    """The mel energies [N, T, M] of an utterance's windows; the last one is filled with silence."""
    count = 1 + len(samples_S) // mel.HOP  # frames, each around its sample
    starts = list(range(0, max(1, count - _FRAMES + _STEP + 1), _STEP))
    covered = (len(samples_S) - starts[-1] * mel.HOP) / (_FRAMES * mel.HOP)
    if len(starts) > 1 and covered < _COVERED:
        starts.pop()
    level = float(np.sqrt(np.mean(np.square(samples_S, dtype=np.float64)))) if count > 1 else 0.0
    gain = _LEVEL / level if 0 < level < _LEVEL else 1.0
    frames = starts[-1] + _FRAMES
    half = mel.WINDOW // 2
    padded = np.zeros((frames - 1) * mel.HOP + 2 * half, np.float32)
    heard = samples_S[: len(padded) - half] * np.float32(gain)
    padded[half : half + len(heard)] = heard
    mel_TxM = mel.energies(padded, _BANDS, frames).T.astype(np.float32)
    return np.stack([mel_TxM[start : start + _FRAMES] for start in starts])
