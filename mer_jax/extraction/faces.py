"""Faces: found by YuNet, followed through a clip, cut out and made upright by their five points."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mer_jax import extras, files
from mer_jax.errors import InputError
from mer_jax.extraction.record import FACES, Follow, Frame
from mer_jax.extraction.sets import Wanted

LARGEST, STEADY = "largest", "steady"  # which of several faces
CHOICES = (STEADY, LARGEST)
SIZE = 224  # of a crop's side, in pixels: what the visual encoders of the paper take
# YuNet's own defaults in OpenCV's sample, and the part of a box that two detections share.
_SCORE, _NMS = 0.7, 0.3
_LONGEST = 640  # pixels; larger images are searched smaller, where faces are large enough still
_SHARED = 0.3  # intersection over union from which a face is the one of the image before
_LOST = 12  # images without the followed face, after which another may be followed
# Where the five points of an upright face lie in a square of side 1: right eye, left eye, nose,
# right and left corner of the mouth as the viewer sees them from the left. ArcFace's template of
# 112 pixels (Deng et al., 2019), drawn in by _MARGIN so that chin and forehead are seen.
_TEMPLATE_5x2 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
) / 112  # fmt: skip
_MARGIN = 0.25  # of the crop's side, on each side around ArcFace's square


class Face(NamedTuple):
    """A face in an image, in its pixels."""

    box: np.ndarray  # float [4]: left, top, width, height
    points: np.ndarray  # float [5, 2]: the eyes, the nose, the corners of the mouth
    score: float


class Detector(Protocol):
    """Finds the faces of an image, RGB uint8 [H, W, 3], in any order."""

    def __call__(self, image_HxWx3: np.ndarray) -> Sequence[Face]:
        """The faces of an image."""
        ...


class YuNet:
    """YuNet (Wu et al., 2023) through OpenCV, with the weights of a local ONNX file."""

    def __init__(self, weights: pathlib.Path):
        """Raises InputError where OpenCV is missing or cannot read the weights."""
        cv2 = extras.load("cv2", "extract", "finding faces")
        self.weights = weights
        try:
            self._net = cv2.FaceDetectorYN.create(str(weights), "", (1, 1), _SCORE, _NMS)
        except cv2.error as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise InputError(f"{weights}: not YuNet's ONNX file: {reason}") from None
        self._resize, self._area = cv2.resize, cv2.INTER_AREA

    def __call__(self, image_HxWx3: np.ndarray) -> list[Face]:
        """The faces of an image; a large one is searched at a smaller size."""
        height, width = image_HxWx3.shape[:2]
        scale = min(1.0, _LONGEST / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = (
            image_HxWx3 if scale == 1 else self._resize(image_HxWx3, size, interpolation=self._area)
        )
        self._net.setInputSize(size)
        _, rows = self._net.detect(np.ascontiguousarray(image[..., ::-1]))  # it was trained on BGR
        if rows is None:
            return []
        sides = np.array([width / size[0], height / size[1]])
        return [
            Face(
                (row[:4].reshape(2, 2) * sides).reshape(4).astype(np.float64),
                row[4:14].reshape(5, 2) * sides,
                float(row[14]),
            )
            for row in rows
        ]

    def manifest(self) -> dict[str, str]:
        """What tells this detector from others."""
        return {"detector": "YuNet", "weights_sha256": files.sha256(self.weights)}


def find_weights(models: pathlib.Path | None) -> pathlib.Path:
    """YuNet's ONNX file in the folder of models, or in a folder there; the first by name."""
    if models is None:
        raise InputError("finding faces needs --models=DIR with YuNet's ONNX file in it")
    found = sorted({*models.glob("*yunet*.onnx"), *models.glob("*/*yunet*.onnx")})
    if not found:
        raise InputError(
            f"--models: {models} holds no *yunet*.onnx, which finds faces; it is published as "
            "face_detection_yunet_2023mar.onnx in OpenCV's model zoo"
        )
    return found[0]


def with_faces(
    wanted: Sequence[Wanted], choice: str = STEADY
) -> tuple[list[Wanted], Callable[[], Follow] | None]:
    """The sets, whose manifests say how faces are found, and what makes the one who finds them.

    None where no set needs faces. Raises InputError where the weights are missing.
    """
    if not any(each.extractor.needs == FACES for each in wanted):
        return list(wanted), None
    weights = find_weights(wanted[0].settings.models).absolute()
    detector = YuNet(weights)
    found = {**detector.manifest(), "follow": choice, "size": SIZE}
    settings = dataclasses.replace(wanted[0].settings, faces=found)
    sets = [dataclasses.replace(each, settings=settings) for each in wanted]
    # OpenCV's network goes to no other process: each loads its own.
    return sets, lambda: Follower(YuNet(weights), choice)


class Follower:
    """Cuts one face out of each image of a clip that shows one; a new clip starts anew.

    Of several faces the largest is taken: STEADY stays with the one that it took as long as it is
    seen, and looks for another when that is gone for a while; LARGEST takes each image's largest.
    """

    def __init__(self, detect: Detector, choice: str = STEADY, size: int = SIZE):
        self._detect, self._choice, self._size = detect, choice, size

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """A Frame with the crop, RGB uint8 [size, size, 3], for each frame with the face."""
        last: Face | None = None
        gone = 0
        for frame in frames:
            faces = [face for face in self._detect(frame.image) if is_sound(face)]
            face = _largest(faces)
            if self._choice == STEADY and last is not None:
                same = max(faces, key=lambda each: _shared(each, last), default=None)
                is_same = same is not None and _shared(same, last) >= _SHARED
                gone = 0 if is_same else gone + 1
                # Alone in the image it may be the one that has moved; beside others nobody knows.
                if is_same:
                    face = same
                elif len(faces) > 1 and gone <= _LOST:
                    face = None
            if face is not None:
                last = face
                yield Frame(frame.time, aligned(frame.image, face.points, self._size))


def aligned(image_HxWx3: np.ndarray, points_5x2: np.ndarray, size: int = SIZE) -> np.ndarray:
    """The face upright in a square, uint8 [size, size, 3]; beyond the image it is black.

    The similarity (rotation, one scale, shift) that brings the five points nearest to ArcFace's
    template in least squares.
    """
    cv2 = extras.load("cv2", "extract", "cutting out faces")
    target = (_TEMPLATE_5x2 * (1 - 2 * _MARGIN) + _MARGIN) * size
    matrix_2x3 = similarity(points_5x2, target)
    # Shrinking by steps of 2 first: warpAffine looks at four pixels whatever the scale.
    image, scale = image_HxWx3, math.hypot(*matrix_2x3[:, 0])
    while scale < 0.5 and min(image.shape[:2]) > 1:
        image = cv2.pyrDown(image)
        scale *= 2
        matrix_2x3 = matrix_2x3 * np.array([2.0, 2.0, 1.0])
    return cv2.warpAffine(image, matrix_2x3, (size, size), flags=cv2.INTER_LINEAR)


def similarity(source_Nx2: np.ndarray, target_Nx2: np.ndarray) -> np.ndarray:
    """The 2 x 3 matrix of the similarity nearest in least squares (Umeyama, 1991), unmirrored."""
    source = source_Nx2 - source_Nx2.mean(0)
    target = target_Nx2 - target_Nx2.mean(0)
    # As complex numbers a similarity without a mirror is a product: a + ib.
    s, t = source @ (1, 1j), target @ (1, 1j)
    factor = np.vdot(s, t) / max(np.vdot(s, s).real, np.finfo(float).tiny)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    shift = target_Nx2.mean(0) - turn @ source_Nx2.mean(0)
    return np.column_stack([turn, shift])


def is_sound(face: Face) -> bool:
    """Whether a detection has a size: of noise YuNet may give a point or NaN."""
    spread = np.ptp(face.points, axis=0)
    return bool(np.isfinite(face.points).all() and spread.max() > 1 and min(face.box[2:]) > 0)


def _largest(faces: Sequence[Face]) -> Face | None:
    """The face of the largest box; of equal ones the leftmost, whatever their order."""
    return max(faces, key=lambda face: (face.box[2] * face.box[3], -face.box[0]), default=None)


def _shared(a: Face, b: Face) -> float:
    """Intersection over union of two boxes."""
    low = np.maximum(a.box[:2], b.box[:2])
    high = np.minimum(a.box[:2] + a.box[2:], b.box[:2] + b.box[2:])
    both = float(np.prod(np.maximum(high - low, 0)))
    return both / float(np.prod(a.box[2:]) + np.prod(b.box[2:]) - both)
