"""What is read of the inputs of --mode=ask: frames of a video, and what cannot be read."""

import sys

import numpy as np
import pytest
from PIL import Image

from mer_jax.asking import inputs
from mer_jax.errors import InputError
from tests.support import scoring


def of_video(folder, name):
    """The input of a CSV that names one video."""
    table = scoring.write_csv(folder / "inputs.csv", ["Name", " VIDEO "], [["a", name]])
    (found,) = inputs.read_inputs(table, (), needs_media=True)
    return found


def test_without_pyav_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        InputError, match=r"a\.mp4: .*pip install 'mer_jax\[video\]'; or give a fol"
    ):
        inputs.pictures(of_video(tmp_path, "a.mp4"), 3, 0)


def test_frames_of_a_video(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed (the extra video)")
    with av.open(str(tmp_path / "a.mp4"), "w") as video:
        stream = video.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for grey in range(0, 210, 30):  # seven frames: of six, the first of each third
            image = Image.new("RGB", (64, 32), (grey, grey, grey))
            video.mux(stream.encode(av.VideoFrame.from_image(image)))
        video.mux(stream.encode())
    frames = inputs._video_frames(tmp_path / "a.mp4", 3)
    assert [frame.size for frame in frames] == [(64, 32)] * 3
    assert [np.asarray(frame).mean() for frame in frames] == pytest.approx([0, 60, 120], abs=8)
    parts = inputs.pictures(of_video(tmp_path, "a.mp4"), 3, 16)
    assert all(part["image_url"]["url"].startswith("data:image/png;base64,") for part in parts)
    assert len(parts) == 3
    with av.open(str(tmp_path / "a.wav"), "w") as sound:
        stream = sound.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        sound.mux(stream.encode(silence))
    with pytest.raises(InputError, match=r"a\.wav: holds no video stream"):
        inputs._video_frames(tmp_path / "a.wav", 3)
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"a\.mp4: not a readable video"):
        inputs._video_frames(tmp_path / "a.mp4", 3)
