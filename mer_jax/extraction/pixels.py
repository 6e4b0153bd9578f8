"""Images as a vision model takes them: resized, cropped and scaled by its preprocessor's file."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from mer_jax.errors import InputError
from mer_jax.models.encoders import weights

FILE = "preprocessor_config.json"
_BILINEAR, _BICUBIC = 2, 3  # Pillow's numbers, which the file has


class Preprocessing(NamedTuple):
    """What is done to an image."""

    shortest: int  # pixels of its shorter side after resizing
    crop: int  # pixels of the square out of its middle
    resample: int
    mean: tuple[float, ...]  # of R, G and B in [0, 1], which is subtracted
    deviation: tuple[float, ...]  # which it is divided by

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """float32 [3, crop, crop] of RGB uint8 [H, W, 3]."""
        height, width = image.shape[:2]
        scale = self.shortest / min(height, width)
        # As transformers rounds: the longer side down.
        size = [int(side * scale) if side != min(height, width) else self.shortest
                for side in (width, height)]  # fmt: skip
        if size != [width, height]:
            image = np.asarray(Image.fromarray(image).resize(size, self.resample))
        top, left = ((side - self.crop) // 2 for side in image.shape[:2])
        image = image[top : top + self.crop, left : left + self.crop]
        scaled = image.astype(np.float32) / 255
        scaled = (scaled - np.float32(self.mean)) / np.float32(self.deviation)
        return scaled.transpose(2, 0, 1)


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
# Caffe's: values of 0 to 255, of which a mean is subtracted and nothing divided.
_OF_FACES = (tuple(value / 255 for value in (131.0912, 103.8827, 91.4953)), (1 / 255,) * 3)
DEFAULTS = {  # of a folder without the file, by model_type
    "clip": Preprocessing(224, 224, _BICUBIC, *_OPENAI),
    "clip_vision_model": Preprocessing(224, 224, _BICUBIC, *_OPENAI),
    "dinov2": Preprocessing(256, 224, _BICUBIC, *IMAGENET),
    "resnet": Preprocessing(256, 224, _BILINEAR, *IMAGENET),
    "msceleb": Preprocessing(224, 224, _BILINEAR, *IMAGENET),
    "manet": Preprocessing(224, 224, _BILINEAR, (0.0,) * 3, (1.0,) * 3),
    "ferplus": Preprocessing(256, 224, _BILINEAR, *_OF_FACES),
}


def read(folder: pathlib.Path, model_type: str) -> Preprocessing:
    """What the folder's preprocessor file says; InputError where it is not understood."""
    default = DEFAULTS.get(model_type, DEFAULTS["dinov2"])
    path = folder / FILE
    if not path.is_file():
        return default
    said = weights.read_json(path)
    try:
        shortest = _side(said.get("size", default.shortest))
        crop = _side(said.get("crop_size", default.crop))
        if "crop_size" not in said and "size" in said:  # ConvNeXT's, which ResNet-50 has
            crop, shortest = shortest, round(shortest / float(said.get("crop_pct") or 1))
        elif not said.get("do_center_crop", True):
            crop = shortest
        found = Preprocessing(
            shortest,
            crop,
            int(said.get("resample", default.resample)),
            tuple(map(float, said.get("image_mean", default.mean))),
            tuple(map(float, said.get("image_std", default.deviation))),
        )
    except (TypeError, ValueError, KeyError, ZeroDivisionError) as error:
        raise InputError(f"{path}: not a preprocessor's file that is understood: {error}") from None
    if not 0 < found.crop <= found.shortest or len(found.mean) != 3 or len(found.deviation) != 3:
        raise InputError(f"{path}: not a preprocessor's file that is understood: {found}")
    return found


def _side(size: int | Mapping[str, Any]) -> int:
    if isinstance(size, Mapping):
        return int(size["shortest_edge"] if "shortest_edge" in size else size["height"])
    return int(size)
