"""Whisper's encoder over a clip: the frames of its last hidden state, 50 a second.

The published model pads every clip to 30 seconds. Here it sees the clip alone, which costs a
clip of 3 seconds a tenth; the sets whose names end in 30s pad as published, and keep the frames
of the clip. Those whose names end in decoder are MERBench's: the last state of the decoder, which
PyTorch runs, at two start tokens.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.errors import InputError
from mer_jax.extraction.record import AUDIO, SAMPLE_RATE, Decoded, Extractor, Options, of_hub

_BATCH = 16  # clips a call
_STEP = 24  # mel frames; what lengths are padded to is a multiple of it
_MOST_FRAMES = 12_000  # of a batch: two minutes
_PADDED, _DECODER = "-30s", "-decoder"
_START_TOKENS = 2  # MERBench's


class _Whisper(NamedTuple):
    """Whisper's encoder as an extractor."""

    encoder: Any
    size: int
    manifest: dict[str, Any]
    summed: int
    pads: bool

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The frames [T, D] of each clip."""
        from mer_jax.extraction import batching, states
        from mer_jax.models.encoders import mel

        settings = self.encoder.settings
        longest = 2 * settings.max_source_positions * mel.HOP  # samples
        pieces, lengths, owners = [], [], []
        for owner, clip in enumerate(clips):
            for part in batching.windows(len(clip.audio), longest, 1):
                samples = clip.audio[part]
                lengths.append(-(-len(samples) // mel.HOP))
                owners.append(owner)
                if self.pads:
                    samples = np.pad(samples, (0, longest - len(samples)))
                pieces.append(mel.log_mel(samples, settings.num_mel_bins))
        frames = states.rows(
            self.encoder, pieces, self.summed, step=_STEP, rows=_BATCH, most=_MOST_FRAMES
        )
        found: list[list[np.ndarray]] = [[] for _ in clips]
        for owner, piece, length in zip(owners, frames, lengths, strict=True):
            found[owner].append(piece[: self.encoder.frames(length)])
        return [np.concatenate(each) for each in found]


class _Decoder(NamedTuple):
    """Whisper's decoder as an extractor."""

    model: Any
    size: int
    manifest: dict[str, Any]

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The states [T, D] of each clip: two for each 30 seconds begun."""
        return [self._of(clip.audio) for clip in clips]

    def _of(self, samples_S: np.ndarray) -> np.ndarray:
        from mer_jax.extraction import batching
        from mer_jax.models.encoders import mel

        config = self.model.model.config
        longest = 2 * config.max_source_positions * mel.HOP  # samples
        found = []
        for part in batching.windows(len(samples_S), longest, 1):
            padded = np.pad(samples_S[part], (0, longest - len(samples_S[part])))
            frames = mel.log_mel(padded, config.num_mel_bins)[None]
            found.append(self.model.decoded(frames, _START_TOKENS)[0])
        return np.concatenate(found)


def _make_decoder(name: str, options: Options) -> _Decoder:
    from mer_jax.extraction import foreign, states

    if not foreign.is_there():
        raise InputError(
            f"{name}: PyTorch runs Whisper's decoder: install torch, or take "
            f"{name.removesuffix(_DECODER)}, the encoder"
        )
    record = _BY_NAME[name]
    model = foreign.load(states.folder_of(record, options))
    manifest = states.manifest(
        record,
        model,
        states="the decoder's last",
        input="padded to 30 s",
        tokens=_START_TOKENS,
        sample_rate=SAMPLE_RATE,
    )
    return _Decoder(model, model.size, manifest)


def _make(name: str, options: Options) -> _Whisper:
    from mer_jax.extraction import states

    record = _BY_NAME[name]
    encoder = states.load(record, options)
    summed = states.last_layers(options.layers, release=1)
    pads = name.endswith(_PADDED)
    manifest = states.manifest(
        record,
        encoder,
        states=f"sum of the last {summed}" if summed > 1 else "last, after the final norm",
        input="padded to 30 s" if pads else "the clip alone",
        sample_rate=SAMPLE_RATE,
    )
    return _Whisper(encoder, encoder.size, manifest, summed, pads)


def _record(size: str, hub: str, ending: str) -> Extractor:
    name = f"Whisper-{size}{ending}"
    return of_hub(
        name,
        hub,
        _make_decoder if ending == _DECODER else _make,
        modality="audio",
        needs=AUDIO,
        licence="Apache-2.0",
        release_folder=f"{hub.rpartition('/')[2]}{ending}-UTT",
        batch=_BATCH,
    )


_HUBS = {
    "tiny": "openai/whisper-tiny",
    "base": "openai/whisper-base",
    "small": "openai/whisper-small",
    "medium": "openai/whisper-medium",
    "large": "openai/whisper-large-v2",
}
EXTRACTORS = tuple(
    _record(size, hub, ending) for ending in ("", _PADDED, _DECODER) for size, hub in _HUBS.items()
)
_BY_NAME = {record.name: record for record in EXTRACTORS}
