"""wav2vec, wav2vec 2.0, HuBERT and WavLM over a clip's samples.

MER 2023's release takes the last hidden state, and MERBench the sum of the four last, over
stretches of 10 seconds. The last state is that of transformers 4, after the final layer norm. Of
wav2vec both take the frames c of its second network, or z of its first.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.extraction.record import (
    AUDIO,
    MERBENCH,
    SAMPLE_RATE,
    Decoded,
    Extractor,
    MediaError,
    Options,
    of_hub,
)

_BATCH = 16  # clips a call
_MOST_SECONDS = 120  # of a batch, padding counted: large models need 1 GB for it
_STEP = SAMPLE_RATE // 4  # samples; what lengths are padded to is a multiple of it
# A clip is cut where attention over it would need too much memory; the release cuts none.
_WINDOW_SECONDS = 30
_MERBENCH_WINDOW_SECONDS = 10
_VARIANCE_FLOOR = 1e-7  # of transformers' feature extractor


class _Speech(NamedTuple):
    """An encoder of speech as an extractor."""

    encoder: Any
    size: int
    manifest: dict[str, Any]
    summed: int
    window: int  # samples
    normalises: bool

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The frames [T, D] of each clip: 50 a second, and 100 of wav2vec."""
        from mer_jax.extraction import batching, states

        least = self.encoder.least
        pieces, owners = [], []
        for owner, clip in enumerate(clips):
            samples = clip.audio
            if len(samples) < least:
                raise MediaError(
                    f"{len(samples) / SAMPLE_RATE:.3f} s of audio are too short for "
                    f"{self.manifest['model']}, which needs {least / SAMPLE_RATE:g} s"
                )
            for part in batching.windows(len(samples), self.window, least):
                pieces.append(self._scaled(samples[part]))
                owners.append(owner)
        frames = states.rows(
            self.encoder,
            pieces,
            self.summed,
            step=_STEP,
            rows=_BATCH,
            most=_MOST_SECONDS * SAMPLE_RATE,
        )
        found: list[list[np.ndarray]] = [[] for _ in clips]
        for owner, piece in zip(owners, frames, strict=True):
            found[owner].append(piece)
        return [np.concatenate(each) for each in found]

    def _scaled(self, samples_S: np.ndarray) -> np.ndarray:
        if not self.normalises:
            return samples_S
        deviation = np.sqrt(samples_S.var() + _VARIANCE_FLOOR)
        return ((samples_S - samples_S.mean()) / deviation).astype(np.float32)


def _make(name: str, options: Options) -> _Speech:
    from mer_jax.extraction import states

    record = _BY_NAME[name]
    encoder = states.load(record, options)
    from mer_jax.models.encoders import weights

    prepared = encoder.folder / "preprocessor_config.json"
    said = weights.read_json(prepared) if prepared.is_file() else {}
    normalises = bool(said.get("do_normalize", True))  # transformers' default
    summed = states.last_layers(options.layers, release=1)
    seconds = _MERBENCH_WINDOW_SECONDS if options.layers == MERBENCH else _WINDOW_SECONDS
    manifest = states.manifest(
        record,
        encoder,
        states=f"sum of the last {summed}" if summed > 1 else "last, after the final norm",
        normalised_clips=normalises,
        window_seconds=seconds,
    )
    window = seconds * SAMPLE_RATE
    return _Speech(encoder, encoder.size, manifest, summed, window, normalises)


def _make_wav2vec(name: str, options: Options) -> _Speech:
    from mer_jax.extraction import states

    record = _BY_NAME[name]
    encoder = states.load(record, options, {"model_type": "wav2vec"})
    if name.endswith(_OF_FIRST):
        encoder = dataclasses.replace(encoder, plan=encoder.plan._replace(layers=()))
    manifest = states.manifest(
        record,
        encoder,
        states="z" if name.endswith(_OF_FIRST) else "c",
        window_seconds=_WINDOW_SECONDS,
    )
    window = _WINDOW_SECONDS * SAMPLE_RATE
    return _Speech(encoder, encoder.size, manifest, 1, window, normalises=False)


def _record(name: str, hub: str, licence: str, folder: str = "") -> Extractor:
    return of_hub(
        name,
        hub,
        _make,
        modality="audio",
        needs=AUDIO,
        licence=licence,
        release_folder=folder,
        batch=_BATCH,
    )


_TENCENT, _MICROSOFT = "MIT", "as microsoft/unilm: MIT or CC BY-SA 3.0"
_OF_FIRST = "-z"


def _wav2vec(name: str, folder: str = "") -> Extractor:
    return Extractor(
        name,
        "audio",
        AUDIO,
        functools.partial(_make_wav2vec, name),
        source="https://github.com/facebookresearch/fairseq/tree/main/examples/wav2vec",
        licence="MIT",
        release_folder=folder,
        hub="wav2vec_large",
        batch=_BATCH,
    )


EXTRACTORS = (
    _wav2vec("wav2vec-large"),
    _wav2vec(f"wav2vec-large{_OF_FIRST}", "wav2vec-large-z-UTT"),
    _record("HuBERT-base", "TencentGameMate/chinese-hubert-base", _TENCENT),
    _record("HuBERT-large", "TencentGameMate/chinese-hubert-large", _TENCENT),
    _record("wav2vec 2.0-base", "TencentGameMate/chinese-wav2vec2-base", _TENCENT),
    _record("wav2vec 2.0-large", "TencentGameMate/chinese-wav2vec2-large", _TENCENT),
    _record("WavLM-base", "microsoft/wavlm-base", _MICROSOFT, "wavlm-base-UTT"),
    _record("WavLM-large", "microsoft/wavlm-large", _MICROSOFT, "wavlm-large-UTT"),
)
_BY_NAME = {record.name: record for record in EXTRACTORS}
