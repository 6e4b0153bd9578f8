"""Faces: the one that is followed, where it is cut out, and what the real detector finds."""

import pathlib

import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.extraction import faces
from mer_jax.extraction.faces import Face, Follower
from mer_jax.extraction.record import Frame

cv2 = pytest.importorskip("cv2", reason="the extra `extract` is not installed")
DATA = pathlib.Path(__file__).parents[3] / "shared" / "data" / "media"
POINTS = np.array([[-0.2, -0.15], [0.2, -0.15], [0, 0.05], [-0.15, 0.25], [0.15, 0.25]])


def face(x, y, side, angle=0.0, score=0.9):
    """A face around (x, y), its points turned by `angle` in radians."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = POINTS @ turn.T * side + (x, y)
    return Face(np.array([x - side / 2, y - side / 2, side, side], float), points, score)


def drawn(found, size=(200, 300)):
    """An image with a coloured dot at each of a face's points."""
    image = np.full((*size, 3), 40, np.uint8)
    for each in found:
        for (x, y), colour in zip(each.points, DOTS, strict=True):
            cv2.circle(image, (round(x), round(y)), 3, colour, -1)
    return image


DOTS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]


def seen_by(found_by_frame):
    """A detector that finds in each frame what it is told, and the frames themselves."""
    told = iter(found_by_frame)
    frames = [Frame(i / 25, drawn(found)) for i, found in enumerate(found_by_frame)]
    return lambda image: next(told), frames


@pytest.mark.parametrize("angle", [0.0, 0.6, -1.2])
@pytest.mark.parametrize("side", [60, 130])
def test_a_crop_has_the_points_where_the_template_has_them(angle, side):
    one = face(150, 100, side, angle)
    crop = faces.aligned(drawn([one]), one.points, 224)
    assert (crop.shape, crop.dtype) == ((224, 224, 3), np.uint8)
    # ArcFace's eyes in a square of 112, drawn in by a quarter on each side.
    expected = ((np.array([[38.2946, 51.6963], [73.5318, 51.5014]]) / 112) / 2 + 0.25) * 224
    for colour, (x, y) in zip(DOTS[:2], expected, strict=True):
        dot = (np.abs(crop.astype(int) - colour).sum(-1) < 150).nonzero()
        assert abs(dot[1].mean() - x) < 6  # the drawn face is not quite the template's
        assert abs(dot[0].mean() - y) < 6


def test_the_similarity_is_the_least_squares_one():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    # x' = a x - b y + c, y' = b x + a y + d, solved as linear equations.
    rows = [[x, -y, 1, 0] for x, y in source] + [[y, x, 0, 1] for x, y in source]
    a, b, c, d = np.linalg.lstsq(np.array(rows), target.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(
        faces.similarity(source, target), [[a, -b, c], [b, a, d]], atol=1e-12
    )


def test_the_steady_face_is_followed_and_the_largest_is_not():
    left = [face(60 + i, 100, 80) for i in range(6)]
    right = [face(220, 100, 60 + 10 * i) for i in range(6)]  # soon the larger one
    both = list(zip(left, right, strict=True))
    for choice, sides in ((faces.STEADY, "LLLLLL"), (faces.LARGEST, "LLLRRR")):
        detect, frames = seen_by(both)
        expected = [
            faces.aligned(frame.image, (pair[0] if side == "L" else pair[1]).points)
            for frame, pair, side in zip(frames, both, sides, strict=True)
        ]
        crops = list(Follower(detect, choice)(frames))
        assert [crop.time for crop in crops] == [frame.time for frame in frames]
        for crop, image in zip(crops, expected, strict=True):
            np.testing.assert_array_equal(crop.image, image)


def test_a_face_that_is_gone_is_waited_for_and_then_another_is_followed():
    one, others = face(60, 100, 80), [face(220, 60, 40), face(220, 150, 50)]
    shown = [[one, others[0]]] + [others] * 14 + [others]
    detect, frames = seen_by(shown)
    times = [round(crop.time * 25) for crop in Follower(detect)(frames)]
    assert times == [0, 13, 14, 15]  # beside others nobody knows which one it is, for 12 images
    detect, frames = seen_by([[one], [], [face(200, 100, 80)]])
    assert [round(crop.time * 25) for crop in Follower(detect)(frames)] == [0, 2]  # it has moved
    detect, frames = seen_by([[], [], []])
    assert list(Follower(detect)(frames)) == []


def test_each_clip_is_followed_anew_and_frames_are_taken_one_at_a_time():
    taken = []

    def frames():
        for i in range(3):
            taken.append(i)
            yield Frame(i / 25, drawn([]))

    follow = Follower(lambda image: [face(60, 100, 80)])
    crops = follow(frames())
    assert next(crops).time == 0
    assert taken == [0]
    assert len(list(follow(frames()))) == 3


def test_a_detection_without_a_size_is_none():
    point = Face(np.zeros(4), np.zeros((5, 2)), 0.9)
    nan = Face(np.array([0, 0, 9, 9.0]), np.full((5, 2), np.nan), 0.9)
    assert list(Follower(lambda image: [point, nan])([Frame(0, drawn([]))])) == []


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"needs --models=DIR with YuNet's ONNX file"):
        faces.find_weights(None)
    with pytest.raises(InputError, match=r"holds no \*yunet\*\.onnx, which finds faces"):
        faces.find_weights(tmp_path)
    bad = tmp_path / "yunet" / "my_yunet.onnx"
    bad.parent.mkdir()
    bad.write_bytes(b"no network")
    assert faces.find_weights(tmp_path) == bad
    with pytest.raises(InputError, match=r"my_yunet\.onnx: not YuNet's ONNX file"):
        faces.YuNet(bad)


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/media")


@pytest.fixture(scope="module")
def yunet():
    return faces.YuNet(faces.find_weights(DATA))


def images_of(path, every=1):
    """Frames as OpenCV reads them, in RGB."""
    video, number = cv2.VideoCapture(str(path)), 0
    while True:
        is_read, image = video.read()
        if not is_read:
            return
        if number % every == 0:
            yield Frame(number / 25, np.ascontiguousarray(image[..., ::-1]))
        number += 1


@needs_data
def test_the_real_detector_on_real_images(yunet):
    image = cv2.imread(str(DATA / "faces" / "multi_face.jpg"))[..., ::-1]
    assert len(yunet(image)) == 5
    clips = DATA / "clips"
    for path in [*sorted(clips.glob("*.mpg"))[:3], clips / "WolfgangLanger_Pexels.mp4"]:
        assert {len(yunet(frame.image)) for frame in images_of(path, every=25)} == {1}
    assert list(Follower(yunet)(images_of(clips / "no_face.mp4", every=10))) == []


@needs_data
def test_a_crop_of_a_real_face_is_upright_whatever_the_image(yunet):
    """The face in the crop of a turned image has its eyes where that of the straight one has."""
    path = sorted((DATA / "clips").glob("*.mpg"))[0]
    image = next(images_of(path)).image
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 25, 1.0)
    turned = cv2.warpAffine(image, turn, (width, height))
    (one,), (two,) = yunet(image), yunet(turned)
    crops = [faces.aligned(image, one.points), faces.aligned(turned, two.points)]
    eyes = [yunet(crop)[0].points[:2] for crop in crops]
    assert np.abs(eyes[0] - eyes[1]).max() < 8
    assert abs(eyes[1][0, 1] - eyes[1][1, 1]) < 8  # level


@needs_data
def test_faces_come_and_go_with_the_cut(yunet):
    shown = [
        bool(yunet(frame.image)) for frame in images_of(DATA / "clips" / "face_noface.mov", 10)
    ]
    switch = shown.index(False)
    assert switch > 0
    assert all(shown[:switch])
    assert not any(shown[switch:])
