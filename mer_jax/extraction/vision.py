"""CLIP, DINOv2 and ResNet-50 over the crops of a face: a row a frame.

CLIP's row is its image features, in the space that it shares with texts; DINOv2's the mean over
all tokens of the last hidden state, of which MERBench takes the sum; ResNet's the mean over all
places of its last maps. The rule of layers changes nothing else here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.extraction.record import FACES, MERBENCH, Decoded, Extractor, Options, of_hub

_BATCH = 4  # clips a call
_IMAGES = 32  # of a batch


class _Vision(NamedTuple):
    """An encoder of images as an extractor."""

    encoder: Any
    preprocessing: Any
    size: int
    manifest: dict[str, Any]
    tokens: str  # how the tokens of an image become a row: mean, sum, or "" where the model does

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The frames [T, D] of each clip."""
        images = [image for clip in clips for image in clip.faces]
        rows = np.zeros((len(images), self.size), np.float32)
        begin = 0
        while begin < len(images):  # powers of two, so that few shapes are compiled
            count = 1 << (min(_IMAGES, len(images) - begin).bit_length() - 1)
            part = slice(begin, begin + count)
            rows[part] = self._of(np.stack([self.preprocessing(image) for image in images[part]]))
            begin += count
        ends = np.cumsum([len(clip.faces) for clip in clips])
        return np.split(rows, ends[:-1])

    def _of(self, pixels: np.ndarray) -> np.ndarray:
        if not self.tokens:
            return np.asarray(self.encoder.pooled(pixels))
        state_BxTxD = self.encoder.hidden_states(pixels)[-1]
        return np.asarray(getattr(state_BxTxD, self.tokens)(1))


def _make(name: str, options: Options) -> _Vision:
    from mer_jax.extraction import states

    record = _BY_NAME[name]
    encoder = states.load(record, options)
    from mer_jax.extraction import pixels

    preprocessing = pixels.read(encoder.folder, encoder.model_type)
    tokens = ""
    if not encoder.model_type.startswith(("clip", "resnet")):
        tokens = "sum" if options.layers == MERBENCH else "mean"
    manifest = states.manifest(
        record,
        encoder,
        ("pillow",),
        rows=f"{tokens} over the last state's tokens" if tokens else "the model's pooled vector",
        preprocessing=preprocessing._asdict(),
    )
    size = encoder.size if tokens else encoder.pooled_size
    return _Vision(encoder, preprocessing, size, manifest, tokens)


def _record(name: str, hub: str, licence: str, folder: str = "") -> Extractor:
    return of_hub(
        name,
        hub,
        _make,
        modality="video",
        needs=FACES,
        licence=licence,
        release_folder=folder,
        batch=_BATCH,
    )


EXTRACTORS = (
    _record("ResNet-ImageNet", "microsoft/resnet-50", "Apache-2.0"),
    _record("CLIP-base", "openai/clip-vit-base-patch32", "MIT", "clip-vit-base-patch32-UTT"),
    _record("CLIP-large", "openai/clip-vit-large-patch14", "MIT", "clip-vit-large-patch14-UTT"),
    _record("DINOv2-base", "facebook/dinov2-base", "Apache-2.0", "dinov2-base-UTT"),
    _record("DINOv2-large", "facebook/dinov2-large", "Apache-2.0", "dinov2-large-UTT"),
)
_BY_NAME = {record.name: record for record in EXTRACTORS}
