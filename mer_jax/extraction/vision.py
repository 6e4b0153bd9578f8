"""Encoders of images over the crops of a face: a row a frame.

CLIP's row is its image features, in the space that it shares with texts; DINOv2's the mean over
all tokens of the last hidden state, of which MERBench takes the sum; that of the others the mean
over all places of their last maps. The rule of layers changes nothing else here.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax.extraction import batching
from mer_jax.extraction.record import FACES, MERBENCH, Decoded, Extractor, Options, of_hub

_BATCH = 4  # clips a call
_IMAGES = 32  # of a batch
_POOLED = ("clip", "resnet", "ferplus", "manet")  # which make one vector of an image
# What config.json would say of models whose files have none.
_CONFIGS: dict[str, dict[str, Any]] = {
    "SENet-FER2013": {"model_type": "ferplus", "squeeze": 16},
    "ResNet-FER2013": {"model_type": "ferplus"},
    "MANet-RAFDB": {"model_type": "manet"},
    "ResNet-MSCeleb": {
        "model_type": "resnet",
        "layer_type": "basic",
        "hidden_sizes": (64, 128, 256, 512),
        "depths": (2, 2, 2, 2),
    },
}
_PREPARED = {"ResNet-MSCeleb": "msceleb"}  # not as its architecture's images are


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
        for part in batching.powers(len(images), _IMAGES):
            rows[part] = self._of(np.stack([self.preprocessing(image) for image in images[part]]))
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
    encoder = states.load(record, options, _CONFIGS.get(name))
    from mer_jax.extraction import pixels

    preprocessing = pixels.read(encoder.folder, _PREPARED.get(name, encoder.model_type))
    tokens = ""
    if not encoder.model_type.startswith(_POOLED):
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


def _facial(name: str, folder: str, source: str) -> Extractor:
    """The record of a set whose weights are a single file, in a folder of that name."""
    make = functools.partial(_make, name)
    return Extractor(name, "video", FACES, make, source, "see its page", hub=folder, batch=_BATCH)


_ALBANIE = "https://www.robots.ox.ac.uk/~albanie/pytorch-models.html"
_RELEASE = "https://github.com/zeroQiaoba/MERTools/tree/master/MER2023"
EXTRACTORS = (
    _record("ResNet-ImageNet", "microsoft/resnet-50", "Apache-2.0"),
    _record("CLIP-base", "openai/clip-vit-base-patch32", "MIT", "clip-vit-base-patch32-UTT"),
    _record("CLIP-large", "openai/clip-vit-large-patch14", "MIT", "clip-vit-large-patch14-UTT"),
    _record("DINOv2-base", "facebook/dinov2-base", "Apache-2.0", "dinov2-base-UTT"),
    _record("DINOv2-large", "facebook/dinov2-large", "Apache-2.0", "dinov2-large-UTT"),
    _facial("SENet-FER2013", "senet50_ferplus_dag", _ALBANIE),
    _facial("ResNet-FER2013", "resnet50_ferplus_dag", _ALBANIE),
    _facial("MANet-RAFDB", "manet", "https://github.com/zengqunzhao/MA-Net"),
    _facial("ResNet-MSCeleb", "resnet18_msceleb", _RELEASE),
)
_BY_NAME = {record.name: record for record in EXTRACTORS}
