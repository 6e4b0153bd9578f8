"""openSMILE's sets IS09, IS10 and eGeMAPS: functionals a clip, or low-level descriptors a frame."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mer_jax import extras
from mer_jax.extraction.record import (
    AUDIO,
    SAMPLE_RATE,
    UTTERANCE,
    Decoded,
    Extractor,
    MediaError,
    Options,
)

# The wheel's names. The release computed eGeMAPS v01a, and IS10 with openSMILE 2.3, which the
# wheel's (IS10_paraling_compat.conf) is by its name; openSMILE 3's IS10_paraling.conf is another.
_SETS = {"IS09": "IS09", "IS10": "IS10", "eGeMAPS": "eGeMAPSv01a"}
_DELTAS = ("IS09", "IS10")
_LEAST_SECONDS = 0.1  # of less than this the functionals of eGeMAPS and IS10 are NaN


@dataclasses.dataclass(frozen=True)
class _Smile:
    """A set of openSMILE's."""

    smiles: tuple[Any, ...]  # of opensmile.Smile; their columns stand side by side
    size: int
    manifest: dict[str, Any]

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The functionals [1, D], or the descriptors and their deltas [T, D], of each clip."""
        return [self._of(clip.audio) for clip in clips]

    def _of(self, audio_S: np.ndarray) -> np.ndarray:
        seconds = len(audio_S) / SAMPLE_RATE
        if seconds < _LEAST_SECONDS:
            raise MediaError(
                f"{seconds:.3f} s of audio are too short for openSMILE, which needs "
                f"{_LEAST_SECONDS:g} s"
            )
        columns = [smile(audio_S, SAMPLE_RATE)[0].T for smile in self.smiles]  # [0]: one channel
        frames = min(map(len, columns))
        return np.concatenate([rows[:frames] for rows in columns], axis=1)


def _make(set_name: str, options: Options) -> _Smile:
    opensmile = extras.load("opensmile", "opensmile", f"extracting {set_name}")
    if options.level == UTTERANCE:
        levels = ("Functionals",)
    else:  # what SMILExtract writes of descriptors: with their deltas, where the set has any
        levels = ("LowLevelDescriptors",) + ("LowLevelDescriptors_Deltas",) * (set_name in _DELTAS)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Feature set .* is deprecated")  # but the release's
        smiles = tuple(
            opensmile.Smile(
                opensmile.FeatureSet[_SETS[set_name]], opensmile.FeatureLevel[level], num_workers=1
            )
            for level in levels
        )
    manifest = {
        "model": f"openSMILE {_SETS[set_name]}: {', '.join(levels)}",
        "settings": {"sample_rate": SAMPLE_RATE},
        "versions": {"opensmile": importlib.metadata.version("opensmile")},
    }
    return _Smile(smiles, sum(smile.num_features for smile in smiles), manifest)


EXTRACTORS = tuple(
    Extractor(
        name=name,
        modality="audio",
        needs=AUDIO,
        make=functools.partial(_make, name),
        source="openSMILE, Eyben et al. 2010, https://github.com/audeering/opensmile-python",
        licence="audEERING Research License Agreement: research without commercial use",
        notice="openSMILE may be used for research alone, under the audEERING Research License "
        "Agreement (https://github.com/audeering/opensmile/blob/master/LICENSE)",
        threads=True,
    )
    for name in _SETS
)
