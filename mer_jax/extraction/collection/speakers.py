"""Who speaks: a vector of each piece's voice, and which pieces are of one speaker.

The paper takes Deep Speaker. GE2E with Resemblyzer's weights stands in its place, which are found
offline in that package; `mel-statistics` needs no weights and is no trained speaker model.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.extraction import weightless
from mer_jax.extraction.collection import voice
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.record import FRAME, SAMPLE_RATE, Clip, Decoded, MediaError, Options

GE2E, MEL = "ge2e", "mel-statistics"
_WEIGHTS = "pretrained.pt"  # in the package
_PACKAGES = ("resemblyzer",)
# Where as many pairs of one speaker as of two are taken for the other, of pieces of 2 s of FSDD's
# six speakers: 2 % with GE2E, 10 % with mel statistics.
_GE2E_SIMILARITY = 0.7
_MEL_SIMILARITY = 0.43
_HEARD = 40 * np.log(10) / 10  # 40 dB below a piece's loudest frame: quieter ones are pauses


class Embedder(Protocol):
    """Gives the vector of a voice."""

    similarity: float  # from which two vectors are taken for one speaker's

    def vectors(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """The vectors [P, D] of samples float32 [S]."""
        ...

    def alike(self, one_D: np.ndarray, other_D: np.ndarray) -> float:
        """How alike two vectors are; 1: equal."""
        ...

    def manifest(self) -> dict[str, Any]:
        """What tells this embedder from others."""
        ...


class GE2EEmbedder:
    """GE2E in JAX, loaded when it first listens; vectors are alike by their cosine."""

    similarity = _GE2E_SIMILARITY

    def __init__(self, weights: pathlib.Path):
        self.weights = weights
        self._loaded: Any = None

    def vectors(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """The vectors [P, 256], each of length 1."""
        from mer_jax.models.encoders import ge2e

        if self._loaded is None:
            self._loaded = ge2e.load(self.weights)
        return ge2e.vectors(self._loaded, voices)

    def alike(self, one_D: np.ndarray, other_D: np.ndarray) -> float:
        """The cosine."""
        norms = float(np.linalg.norm(one_D) * np.linalg.norm(other_D))
        return float(one_D @ other_D) / norms if norms else 0.0

    def manifest(self) -> dict[str, Any]:
        """What tells this embedder from others."""
        return {"embedder": GE2E, "weights_sha256": files.sha256(self.weights)}


class MelStatistics:
    """Means and deviations of mel bands, loudness taken off: the timbre, and no trained model."""

    similarity = _MEL_SIMILARITY

    def __init__(self):
        by_name = {each.name: each for each in weightless.EXTRACTORS}
        self._made = by_name[MEL].make(Options(level=FRAME))

    def vectors(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """The vectors [P, 80]; zeros of a voice that is shorter than a window."""
        return np.stack([self._vector(samples_S) for samples_S in voices])

    def _vector(self, samples_S: np.ndarray) -> np.ndarray:
        try:
            mel_TxM = self._made.extract([Decoded(Clip(""), audio=samples_S)])[0]
        except MediaError:
            return np.zeros(2 * self._made.size)
        loudness_T = np.log(np.exp(mel_TxM).sum(axis=1))
        mel_TxM = mel_TxM[loudness_T >= loudness_T.max() - _HEARD]
        mean_M = mel_TxM.mean(axis=0)
        return np.concatenate([mean_M - mean_M.mean(), mel_TxM.std(axis=0)])

    def alike(self, one_D: np.ndarray, other_D: np.ndarray) -> float:
        """exp(-d) of the root mean square difference d of their log energies."""
        return float(np.exp(-np.sqrt(np.mean(np.square(one_D - other_D)))))

    def manifest(self) -> dict[str, Any]:
        """What tells this embedder from others."""
        return {"embedder": MEL}


def of_flag(given: str | None) -> Embedder:
    """The embedder of --speakers: a file of weights, MEL, or the installed package's weights.

    Without any of them mel statistics.
    """
    if given == MEL:
        return MelStatistics()
    if given in (None, GE2E):
        found = voice.in_package(_PACKAGES, _WEIGHTS)
        if found is None and given is None:
            return MelStatistics()
        if found is None:
            raise InputError(
                "--speakers=ge2e needs the weights of Resemblyzer: pip install --no-deps "
                f"Resemblyzer, or name its {_WEIGHTS} as --speakers=FILE"
            )
        return GE2EEmbedder(found)
    path = pathlib.Path(given)
    if not path.is_file():
        raise InputError(
            f"--speakers={given}: no such file; give Resemblyzer's {_WEIGHTS}, {GE2E} or {MEL}"
        )
    return GE2EEmbedder(path)


def voices_of(pieces: Sequence[Piece], samples_S: np.ndarray) -> list[np.ndarray]:
    """The samples of each piece."""
    return [
        samples_S[round(piece.start * SAMPLE_RATE) : round(piece.end * SAMPLE_RATE)]
        for piece in pieces
    ]


def named(
    pieces: Sequence[Piece],
    vectors_PxD: np.ndarray,
    embedder: Embedder,
    similarity: float,
    prefix: str,
) -> list[Piece]:
    """The pieces, those without a speaker's name with a number of the video's behind `prefix`.

    Each takes the number of the most similar speaker before it, if that one is similar enough, and
    else a new one. A speaker's vector is the mean of the pieces'.
    """
    found, sums, counts = [], [], []
    for piece, vector_D in zip(pieces, vectors_PxD, strict=True):
        if piece.speaker:
            found.append(piece)
            continue
        alike = [embedder.alike(vector_D, each / n) for each, n in zip(sums, counts, strict=True)]
        best = int(np.argmax(alike)) if alike else 0
        if alike and alike[best] >= similarity:
            sums[best], counts[best] = sums[best] + vector_D, counts[best] + 1
        else:
            best = len(sums)
            sums.append(vector_D)
            counts.append(1)
        found.append(dataclasses.replace(piece, speaker=f"{prefix}{best + 1}"))
    return found
