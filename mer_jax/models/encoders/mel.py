"""Slaney's mel bands in NumPy, and Whisper's spectrogram (Radford et al. 2022, section 2.2)."""

import functools

import numpy as np

RATE = 16_000  # samples a second
HOP = 160  # samples a frame: 10 ms
WINDOW = 400  # samples: 25 ms
_FLOOR = 1e-10  # of the power
_RANGE = 8.0  # in powers of ten below the clip's loudest value; what is lower is raised to that
# Slaney's mel scale: linear below 1 kHz, logarithmic above.
_LINEAR_HZ = 200 / 3
_BREAK_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def log_mel(samples: np.ndarray, bins: int) -> np.ndarray:
    """The frames [bins, T] of a clip at 16 kHz, T = ceil(S / 160), scaled as Whisper's are.

    They are the first T frames of what Whisper makes of the clip followed by silence.
    """
    count = -(-len(samples) // HOP)
    half = WINDOW // 2
    padded = np.zeros(count * HOP + 2 * half, np.float32)
    padded[half : half + len(samples)] = samples
    if len(samples) > half:
        padded[:half] = samples[half:0:-1]  # mirrored before the start
    mel_MxT = np.log10(np.maximum(energies(padded, bins, count), _FLOOR))
    mel_MxT = np.maximum(mel_MxT, mel_MxT.max(initial=np.log10(_FLOOR)) - _RANGE)
    return ((mel_MxT + 4) / 4).astype(np.float32)


def energies(padded_S: np.ndarray, bins: int, count: int) -> np.ndarray:
    """The power in each mel band [bins, count] of the first windows, HOP samples apart."""
    frames_TxW = np.lib.stride_tricks.sliding_window_view(padded_S, WINDOW)[::HOP][:count]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    spectrum = np.fft.rfft(frames_TxW * hann, axis=-1)
    power_TxF = spectrum.real**2 + spectrum.imag**2
    return _filters(bins) @ power_TxF.T


def _to_mel(hertz):
    hertz = np.asarray(hertz, float)
    above = _BREAK_HZ / _LINEAR_HZ + np.log(np.maximum(hertz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hertz < _BREAK_HZ, hertz / _LINEAR_HZ, above)


def _to_hertz(mel):
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_HZ / _LINEAR_HZ))
    return np.where(mel < _BREAK_HZ / _LINEAR_HZ, mel * _LINEAR_HZ, above)


@functools.cache
def _filters(bins: int) -> np.ndarray:
    """Triangles [bins, F] over the spectrum's frequencies, each of the same area."""
    frequency_F = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    edges = _to_hertz(np.linspace(0, _to_mel(RATE / 2), bins + 2))
    area = edges[2:, None] - edges[:-2, None]
    return (triangles(frequency_F, edges) * 2 / area).astype(np.float32)


def triangles(place_F: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Triangles [bins, F] of height 1 over places F, each from an edge over the next to a third.

    `edges` are [bins + 2], in the places' unit.
    """
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (place_F[None] - left) / (centre - left)
    falling = (right - place_F[None]) / (right - centre)
    return np.maximum(np.minimum(rising, falling), 0)
