"""VGGish over a clip's log-mel frames: a row for each 0.96 s.

As MER 2023's release takes them: the 128 numbers without PCA, each half second for a vector a
clip, each 50 ms for frames. A clip below a second is repeated until it lasts one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.extraction import batching
from mer_jax.extraction.record import (
    AUDIO,
    SAMPLE_RATE,
    UTTERANCE,
    Decoded,
    Extractor,
    MediaError,
    Options,
)

_BATCH = 16  # clips a call
_EXAMPLES = 64  # of a batch
_HOPS = {True: 50, False: 5}  # log-mel frames between rows, for a vector a clip and for frames


class _VGGish(NamedTuple):
    """VGGish as an extractor."""

    encoder: Any
    size: int
    manifest: dict[str, Any]
    hop: int

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The rows [T, D] of each clip."""
        return [self._of(clip.audio) for clip in clips]

    def _of(self, samples_S: np.ndarray) -> np.ndarray:
        from mer_jax.models.encoders import vggish

        if not len(samples_S):
            raise MediaError("holds no samples")
        if len(samples_S) < SAMPLE_RATE:
            samples_S = np.tile(samples_S, -(-SAMPLE_RATE // len(samples_S)))
        mel_TxF = vggish.log_mel(samples_S)
        windows = np.lib.stride_tricks.sliding_window_view(mel_TxF, vggish.FRAMES, 0)[:: self.hop]
        rows = np.zeros((len(windows), self.size), np.float32)
        for part in batching.powers(len(windows), _EXAMPLES):
            rows[part] = self.encoder.pooled(windows[part].swapaxes(1, 2))
        return rows


def _make(options: Options) -> _VGGish:
    from mer_jax.extraction import states

    encoder = states.load(_RECORD, options, {"model_type": "vggish"})
    hop = _HOPS[options.level == UTTERANCE]
    manifest = states.manifest(
        _RECORD, encoder, rows="0.96 s", hop_seconds=hop / 100, sample_rate=SAMPLE_RATE
    )
    return _VGGish(encoder, encoder.pooled_size, manifest, hop)


_RECORD = Extractor(
    "VGGish",
    "audio",
    AUDIO,
    _make,
    source="https://github.com/harritaylor/torchvggish, a port of AudioSet's VGGish",
    licence="Apache-2.0",
    hub="vggish",
    batch=_BATCH,
)
EXTRACTORS = (_RECORD,)
