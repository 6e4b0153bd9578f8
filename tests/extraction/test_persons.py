"""Whether a piece shows one person: how many faces there are, and whose."""

import math

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the extra `extract` is not installed")
pytest.importorskip("av", reason="the extra `extract` is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import faces
from mer_jax.extraction.collection import persons
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.collection.rules import Rules
from mer_jax.extraction.faces import Face
from tests.support import long_video, media
from tests.support import onnx_files as onnx

FACE = Face(
    np.array([10.0, 10, 80, 80]),
    np.array([[35.0, 40], [65, 40], [50, 55], [38, 72], [62, 72]]),
    0.9,
)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([1, 1, 1, 0, 2], ""),
        ([1, 1, 0, 0], "no face: 2 of 4 images show none"),  # half are not most
        ([1, 2, 2, 2, 0], "several faces: 3 of 5 images show more than one"),
        ([2, 0], "no face: 1 of 2 images show none"),
        ([], "no face: 0 of 0 images show none"),
    ],
)
def test_most_images_show_one_face(tmp_path, counts, why):
    images = [np.full((48, 64, 3), 40 + 80 * count, np.uint8) for count in counts]
    if not images:
        images = [np.zeros((48, 64, 3), np.uint8)]  # beside the piece
    path = media.write(tmp_path / "a.mp4", None, images, fps=5)
    piece = Piece(0.0, 1.0) if counts else Piece(5.0, 7.0)
    assert persons.fault(path, piece, long_video.faces, None, Rules()) == why


def test_a_file_of_sound_shows_no_face(tmp_path):
    path = media.write_wav(tmp_path / "a.wav", 9000 * media.tone(1.0))
    found = persons.fault(path, Piece(0, 1), long_video.faces, None, Rules())
    assert found == "no face: the file holds no video"


def at(*degrees):
    """Vectors in these directions, of unlike lengths."""
    return [
        (1 + i) * np.array([math.cos(math.radians(each)), math.sin(math.radians(each))])
        for i, each in enumerate(degrees)
    ]


@pytest.mark.parametrize(
    ("degrees", "why"),
    [
        ((0, 5, 10, 15, 90), ""),  # four of five
        ((0, 5, 10, 90, 90), "several persons: 2 of 5 faces are of others"),
        # All are like the middle one, though the ends are not like each other.
        ((0, 20, 40), ""),
        ((0, 90), "several persons: 1 of 2 faces are of others"),
        ((7,), ""),
        ((), ""),
    ],
)
def test_faces_are_of_one_person(tmp_path, degrees, why):
    class Given:
        similarity = math.cos(math.radians(25))

        def __init__(self):
            self.left = iter(at(*degrees))

        def __call__(self, image, face):
            return next(self.left)

    images = [np.full((48, 64, 3), 120, np.uint8)] * max(1, len(degrees))
    path = media.write(tmp_path / "a.mp4", None, images, fps=5)
    detect = long_video.faces if degrees else lambda image: []
    found = persons.fault(path, Piece(0.0, 9.0), detect, Given(), Rules())
    assert found == (why if degrees else "no face: 1 of 1 images show none")


def test_sface_gets_the_face_upright_in_its_colours(tmp_path):
    """By a network that gives the mean colour of what it gets."""
    import cv2

    nodes = [onnx.node("GlobalAveragePool", ["data"], ["mean"]),
             onnx.node("Flatten", ["mean"], ["fc1"])]  # fmt: skip
    path = tmp_path / "models" / "sface" / "my_sface.onnx"
    onnx.write(path, {}, nodes, [onnx.value("data", (1, 3, 112, 112))],
               [onnx.value("fc1", (1, 3))])  # fmt: skip
    recogniser = persons.find_recogniser(tmp_path / "models")
    assert recogniser.manifest()["recogniser"] == "SFace"
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:80, 20:80] = (200, 0, 100)  # around the points alone
    # ArcFace's square of 112 pixels around the five points.
    matrix = faces.similarity(FACE.points, 112 * faces._TEMPLATE_5x2)
    expected = cv2.warpAffine(image, matrix, (112, 112)).mean(axis=(0, 1))
    assert 60 < expected[0] < 120
    np.testing.assert_allclose(recogniser(image, FACE), expected, atol=1.5)  # red is the first
    assert persons.find_recogniser(None) is None
    assert persons.find_recogniser(tmp_path / "models" / "none") is None
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match=r"my_sface\.onnx: not SFace's ONNX file: "):
        persons.find_recogniser(tmp_path / "models")
