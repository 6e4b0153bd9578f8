"""Feature sets that need no pretrained weights: small, honest, and none of the paper's.

They are for trying the whole way out, from clips to predictions, where there are no weights. Their
scores say nothing about the sets of the paper.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from mer_jax.extraction.record import (
    AUDIO,
    IMAGES,
    SAMPLE_RATE,
    TEXT,
    UTTERANCE,
    Decoded,
    Extractor,
    MediaError,
    Options,
)

_WINDOW, _HOP = 400, 160  # samples: 25 and 10 ms
_BANDS, _LOWEST = 40, 50.0  # mel bands from so many Hz to half the sample rate
_QUANTILES = (10, 90)  # per cent, beside mean and deviation
_FLOOR = 1e-10  # of a band's energy, before its logarithm
_GRID = 12  # cells along each side of an image
_BUCKETS = 64  # of hashed pairs of letters
_FRAMES = 4096  # windows transformed at once
_OWN = "mer_jax's own, of no paper"


@dataclasses.dataclass
class _Mel:
    """Log energies of mel bands: their mean, deviation and quantiles, or the frames themselves."""

    level: str

    @property
    def size(self) -> int:
        """D."""
        return _BANDS * (2 + len(_QUANTILES)) if self.level == UTTERANCE else _BANDS

    @property
    def manifest(self) -> dict[str, Any]:
        """What decides the features."""
        return _manifest("log-mel", bands=_BANDS, window=_WINDOW, hop=_HOP, lowest=_LOWEST)

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The rows of each clip."""
        return [self._rows(clip.audio) for clip in clips]

    def _rows(self, samples_S: np.ndarray) -> np.ndarray:
        if len(samples_S) < _WINDOW:
            raise MediaError(f"{len(samples_S)} samples are less than a window of {_WINDOW}")
        windows = np.lib.stride_tricks.sliding_window_view(samples_S, _WINDOW)[::_HOP]
        filters, shape = mel_filters(), np.hanning(_WINDOW)
        parts = []
        for start in range(0, len(windows), _FRAMES):
            spectrum = np.abs(np.fft.rfft(windows[start : start + _FRAMES] * shape)) ** 2
            parts.append(np.log(np.maximum(spectrum @ filters.T, _FLOOR)))
        mel_TxM = np.concatenate(parts)
        if self.level != UTTERANCE:
            return mel_TxM
        quantiles = np.percentile(mel_TxM, _QUANTILES, axis=0)
        return np.concatenate([mel_TxM.mean(0), mel_TxM.std(0), *quantiles])[None]


class _Images:
    """The brightness of each image's cells, its mean taken off, and its mean colour."""

    size = _GRID * _GRID + 3
    manifest = property(lambda self: _manifest("image-grid", grid=_GRID))

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """A row for each image of each clip."""
        return [np.stack([self._row(image) for image in clip.images]) for clip in clips]

    @staticmethod
    def _row(image_HxWx3: np.ndarray) -> np.ndarray:
        image = image_HxWx3.astype(np.float64) / 255
        grey = image.mean(-1)
        for axis in (0, 1):
            edges = np.linspace(0, grey.shape[axis], _GRID + 1)
            places = np.minimum(edges[:-1].astype(int), grey.shape[axis] - 1)
            stops = np.maximum(edges[1:].astype(int), places + 1)
            cells = [
                grey.take(range(a, b), axis).mean(axis) for a, b in zip(places, stops, strict=True)
            ]
            grey = np.stack(cells, axis)
        return np.concatenate([(grey - grey.mean()).ravel(), image.mean((0, 1))])


class _Letters:
    """The shares of a text's pairs of letters, hashed into buckets: any script."""

    size = _BUCKETS
    manifest = property(lambda self: _manifest("letter-pairs", buckets=_BUCKETS))

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """One row a clip."""
        return [self._row(clip.text)[None] for clip in clips]

    @staticmethod
    def _row(text: str) -> np.ndarray:
        padded = f" {' '.join(text.casefold().split())} "
        counts = np.zeros(_BUCKETS)
        for pair in itertools.pairwise(padded):
            digest = hashlib.sha256("".join(pair).encode("utf-8", "surrogatepass")).digest()
            counts[digest[0] % _BUCKETS] += 1
        return counts / counts.sum()


def mel_filters() -> np.ndarray:
    """Triangles of equal width in mel (O'Shaughnessy, 1987): float [bands, bins of a spectrum]."""
    top = SAMPLE_RATE / 2
    mel = np.linspace(*(2595 * np.log10(1 + np.array([_LOWEST, top]) / 700)), _BANDS + 2)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    bins = np.linspace(0, top, _WINDOW // 2 + 1)
    rising = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    falling = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    return np.maximum(np.minimum(rising, falling), 0)


def _manifest(model: str, **settings: Any) -> dict[str, Any]:
    return {"model": model, "settings": settings, "versions": {"numpy": np.__version__}}


def _mel(options: Options) -> _Mel:
    return _Mel(options.level)


def _images(_: Options) -> _Images:
    return _Images()


def _letters(_: Options) -> _Letters:
    return _Letters()


EXTRACTORS = (
    Extractor("mel-statistics", "audio", AUDIO, _mel, _OWN, "Apache-2.0", "mel-statistics-UTT"),
    Extractor("image-grid", "video", IMAGES, _images, _OWN, "Apache-2.0", "image-grid-UTT"),
    Extractor("letter-pairs", "text", TEXT, _letters, _OWN, "Apache-2.0", "letter-pairs-UTT"),
)
