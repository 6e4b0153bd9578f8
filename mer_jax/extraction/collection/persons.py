"""Whether a piece shows one person: one face in most of its images, and always the same."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from mer_jax import extras, files
from mer_jax.errors import InputError
from mer_jax.extraction import video
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.collection.rules import Rules
from mer_jax.extraction.faces import Detector, Face, is_sound

NO_FACE, SEVERAL_FACES, SEVERAL_PERSONS = "no face", "several faces", "several persons"
_SIMILARITY = 0.363  # the cosine from which OpenCV takes two of SFace's vectors for one person


class Recogniser(Protocol):
    """Gives the vector of a face."""

    similarity: float  # the cosine from which two faces are taken for one person's

    def __call__(self, image_HxWx3: np.ndarray, face: Face) -> np.ndarray:
        """The vector [D] of a face of an image, RGB uint8."""
        ...

    def manifest(self) -> dict[str, Any]:
        """What tells this recogniser from others."""
        ...


class SFace:
    """SFace (Zhong et al., 2021) through OpenCV, with the weights of a local ONNX file."""

    similarity = _SIMILARITY

    def __init__(self, weights: pathlib.Path):
        """Raises InputError where OpenCV is missing or cannot read the weights."""
        cv2 = extras.load("cv2", "extract", "telling faces apart")
        self.weights = weights
        try:
            self._net = cv2.FaceRecognizerSF.create(str(weights), "")
        except cv2.error as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise InputError(f"{weights}: not SFace's ONNX file: {reason}") from None

    def __call__(self, image_HxWx3: np.ndarray, face: Face) -> np.ndarray:
        """The vector [128]."""
        row = np.concatenate([face.box, face.points.ravel(), [face.score]]).astype(np.float32)
        crop = self._net.alignCrop(np.ascontiguousarray(image_HxWx3[..., ::-1]), row[None])
        return self._net.feature(crop)[0].copy()

    def manifest(self) -> dict[str, Any]:
        """What tells this recogniser from others."""
        return {"recogniser": "SFace", "weights_sha256": files.sha256(self.weights)}


def find_recogniser(models: pathlib.Path | None) -> SFace | None:
    """SFace, where its ONNX file is in the folder of models or in a folder there; else None."""
    if models is None:
        return None
    found = sorted({*models.glob("*sface*.onnx"), *models.glob("*/*sface*.onnx")})
    return SFace(found[0]) if found else None


def fault(
    path: pathlib.Path,
    piece: Piece,
    detect: Detector,
    recogniser: Recogniser | None,
    rules: Rules,
    *,
    look: AbstractContextManager | None = None,
) -> str:
    """Why a piece does not show one person; empty where it does.

    `look` is held while the detector and the recogniser look at an image.

    Raises MediaError where the video cannot be read.
    """
    counts: list[int] = []
    vectors: list[np.ndarray] = []
    _, rate = video.tracks(path)
    if rate is None:
        return f"{NO_FACE}: the file holds no video"
    every = max(1, round(float(rate) / rules.images))
    for frame in video.read(path, every, begin=piece.start, end=piece.end):
        with look or contextlib.nullcontext():
            found = [face for face in detect(frame.image) if is_sound(face)]
            if len(found) == 1 and recogniser is not None:
                vectors.append(recogniser(frame.image, found[0]))
        counts.append(len(found))
    return _count_fault(counts, rules) or _person_fault(vectors, recogniser, rules)


def _count_fault(counts: Sequence[int], rules: Rules) -> str:
    """Why too few images show one face."""
    if counts.count(1) > rules.face_share * len(counts):
        return ""
    none, several = counts.count(0), sum(count > 1 for count in counts)
    if several > none:
        return f"{SEVERAL_FACES}: {several} of {len(counts)} images show more than one"
    return f"{NO_FACE}: {none} of {len(counts)} images show none"


def _person_fault(
    vectors: Sequence[np.ndarray], recogniser: Recogniser | None, rules: Rules
) -> str:
    """Why too few faces are those of one person: the one whom most are like."""
    if recogniser is None or len(vectors) < 2:
        return ""
    faces_FxD = np.stack(vectors).astype(np.float64)
    faces_FxD /= np.maximum(np.linalg.norm(faces_FxD, axis=1, keepdims=True), 1e-12)
    alike_F = (faces_FxD @ faces_FxD.T >= recogniser.similarity).sum(axis=1)
    most = int(alike_F.max())
    if most >= rules.person_share * len(vectors):
        return ""
    return f"{SEVERAL_PERSONS}: {len(vectors) - most} of {len(vectors)} faces are of others"
