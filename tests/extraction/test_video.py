"""Known images through the decoder: upright, in their colours, at their times."""

import pathlib

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra extract is not installed")

from mer_jax.extraction import video  # noqa: E402
from tests.support import media as made  # noqa: E402


def near(found, expected, atol=12):
    """Whether two images are equal but for what a lossy codec changes."""
    assert found.shape == expected.shape
    return np.abs(found.astype(int) - expected.astype(int)).mean() < atol


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_rotation_that_a_phone_writes_is_applied(tmp_path, degrees):
    image = made.gradient(48, 64)
    path = made.write(tmp_path / "a.mp4", images=[image] * 3)
    made.rotate(path, degrees)
    frames = list(video.read(path))
    assert len(frames) == 3
    assert near(frames[0].image, np.rot90(image, -degrees // 90))


def test_opencv_turns_them_the_same_way(tmp_path):
    cv2 = pytest.importorskip("cv2", reason="the extra extract is not installed")
    path = made.rotate(made.write(tmp_path / "a.mp4", images=[made.gradient(48, 64)] * 3), 90)
    there, image_bgr = cv2.VideoCapture(str(path)).read()
    assert there
    (first, *_) = video.read(path)
    assert near(first.image, image_bgr[..., ::-1], atol=4)


def test_times_are_the_file_s_own_where_frames_are_unevenly_spaced(tmp_path):
    times = [0.0, 0.04, 0.5, 0.54, 2.0]
    images = [np.full((32, 32, 3), 40 * i, np.uint8) for i in range(5)]
    path = made.write(tmp_path / "a.mkv", images=images, times=times)
    frames = list(video.read(path))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)
    levels = [frame.image.mean() for frame in frames]
    assert levels == pytest.approx([0, 40, 80, 120, 160], abs=6)
    assert [frame.time for frame in video.read(path, every=2)] == pytest.approx([0.0, 0.5, 2.0])


def test_times_begin_at_the_beginning_of_the_file(tmp_path):
    images = [np.full((32, 32, 3), 40 * i, np.uint8) for i in range(3)]
    path = made.write(tmp_path / "a.mpg", images=images, video_codec="mpeg2video")
    with av.open(str(path)) as container:
        assert container.start_time > 0
    assert [frame.time for frame in video.read(path)] == pytest.approx([0.0, 0.04, 0.08], abs=1e-3)


@pytest.mark.parametrize("kind", ["a.mp4", "a.mkv", "a.mpg", "a.ts", "a.h264"])
def test_a_stretch_has_the_images_of_its_time(tmp_path, kind):
    """Whether a file can be wound there (mp4), has but one whole image (ts), or no times (h264)."""
    images = [np.full((32, 48, 3), 2 * i, np.uint8) for i in range(120)]
    codec = "mpeg1video" if kind == "a.mpg" else "libx264"
    path = made.write(tmp_path / kind, images=images, video_codec=codec)
    whole = list(video.read(path))
    assert len(whole) == 120
    for begin, end in ((2.5, 3.3), (0.5, 1.0), (3.9, 99.0), (4.75, 4.9), (30.0, 40.0)):
        found = list(video.read(path, begin=begin, end=end))
        expected = [frame for frame in whole if begin <= frame.time < end]
        assert [frame.time for frame in found] == [frame.time for frame in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
    every = [frame.time for frame in video.read(path, every=5, begin=2.5, end=3.3)]
    assert every == [frame.time for frame in whole if 2.5 <= frame.time < 3.3][::5]


FORMATS = {
    "grey": ("a.mkv", "ffv1", "gray", np.repeat(made.gradient(34, 46)[..., :1], 3, axis=2)),
    "alpha": ("a.mov", "qtrle", "argb", made.gradient(34, 46)),
    "odd": ("a.mkv", "ffv1", "yuv444p", made.gradient(33, 47)),
    "odd, halved colours": ("a.mkv", "ffv1", "yuv420p", made.gradient(33, 47)),
    "ten bits": ("a.mkv", "ffv1", "yuv420p10le", made.gradient(34, 46)),
    "palette": ("a.gif", "gif", "rgb8", made.gradient(34, 46)),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_images_of_any_kind_become_rgb_of_their_size(tmp_path, kind):
    name, codec, pixels, image = FORMATS[kind]
    written = image
    if kind == "alpha":
        written = np.dstack([image, np.full(image.shape[:2], 128, np.uint8)])
    path = made.write(tmp_path / name, images=[written] * 2, video_codec=codec, pixels=pixels)
    frames = list(video.read(path))
    assert frames[0].image.dtype == np.uint8
    assert near(frames[0].image, image, atol=30 if kind == "palette" else 12)


def test_one_image_is_in_memory_at_a_time(tmp_path):
    path = made.write(tmp_path / "a.mkv", images=[made.gradient(32, 32)] * 5)
    frames = video.read(path)
    first = next(frames)
    assert first.time == 0.0
    frames.close()  # an extractor that has seen enough leaves no file open


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    made.write(tmp_path / "at 12.mkv", images=[made.gradient(32, 32)] * 2)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "at 12.mkv").rename("at12:30.mkv")
    assert len(list(video.read(pathlib.Path("at12:30.mkv")))) == 2
