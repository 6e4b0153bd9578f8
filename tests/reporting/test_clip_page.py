"""The page of a clip: what stands on it, with media and without, and clips that nobody has."""

import csv
import html
import re

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra extract is not installed")
pytest.importorskip("soxr", reason="the extra extract is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import faces
from mer_jax.extraction.record import Frame
from mer_jax.reporting import clip_page
from tests.support import media as made
from tests.support.scoring import run, write_csv


@pytest.fixture(scope="module")
def name(reported):
    """A clip of mer_multi."""
    with (reported / "predictions" / "mer_multi.csv").open() as file:
        return next(csv.DictReader(file))["name"]


@pytest.fixture
def page(reported):
    """What --mode=report writes of a clip, as text."""

    def write(name, *arguments):
        run("--mode=report", f"--workdir={reported}", f"--clip={name}", "--quiet", *arguments)
        return html.unescape((reported / "clips" / f"{name}.html").read_text())

    return write


def cells(text, section):
    body = re.search(rf'<section id="{section}">(.*?)</section>', text, re.DOTALL).group(1)
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)[1:]
    return {
        cell[0]: cell[1:] for cell in (re.findall(r"<t[hd][^>]*>(.*?)</t", row) for row in rows)
    }


def test_without_media_the_page_has_the_prediction_and_the_weights(page, reported, name, capsys):
    text = page(name)
    with (reported / "predictions" / "mer_multi.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["name"] == name)
    predicted = cells(text, "prediction")
    assert next(iter(predicted)) == row["discrete"]  # the most probable class is the first
    classes = [value for key, value in predicted.items() if key != "valence"]
    assert sum(float(value) for value, _ in classes) == pytest.approx(1, abs=0.003)
    assert [label for _, label in classes].count("true") == 1
    assert float(predicted["valence"][0]) == pytest.approx(float(row["valence"]), abs=0.006)
    weights = cells(text, "modalities")
    assert set(weights) == {"audio", "text", "video"}
    assert sum(float(weight) for _, weight in weights.values()) == pytest.approx(1, abs=0.002)
    assert 'id="sound"' not in text
    assert capsys.readouterr().out.startswith("Clip: ")


def test_with_media_it_has_sound_images_and_text(page, name, tmp_path, monkeypatch):
    images = [made.gradient(48, 64)] * 30
    made.write(tmp_path / "media" / f"{name}.mp4", made.tone(1.2), images)
    listed = write_csv(tmp_path / "list.csv", ["name", "text"], [[name, "a < b"]])
    given = [f"--media={tmp_path / 'media'}", f"--clips={listed}"]
    text = page(name, *given)
    assert "<p>a < b</p>" in text
    assert re.search(r'alt="Waveform of 1\.2\d s, at most 0\.\d\d of full scale\."', text)
    assert 'alt="The clip\'s image at 0.00, 0.24, 0.48, 0.64, 0.88, 1.12 s."' in text
    assert "--models names no folder: whole images are shown." in text
    assert text.count("data:image/png;base64,") == 2

    class Detector:
        """A face in the middle of each image, or in none."""

        count = 1

        def __init__(self, weights):
            pass

        def __call__(self, image):
            points = np.array([[20, 15], [40, 15], [30, 25], [22, 35], [38, 35]], float)
            return [faces.Face(np.array([15.0, 5, 30, 40]), points, 0.9)] * self.count

    monkeypatch.setattr(faces, "YuNet", Detector)
    monkeypatch.setattr(faces, "find_weights", lambda models: models)
    assert "alt=\"The clip's face at 0.00" in page(name, *given, "--models=weights")
    Detector.count = 0
    assert "No face was found: whole images are shown." in page(name, *given, "--models=weights")

    made.write_wav(tmp_path / "sound" / f"{name}.wav", 20_000 * made.tone(0.3))
    text = page(name, f"--media={tmp_path / 'sound'}")
    assert "Waveform of 0.30 s" in text
    assert "Not shown: holds no video." in text
    (tmp_path / "sound" / f"{name}.wav").write_bytes(b"no sound")
    assert "Not shown: not a readable media file" in page(name, f"--media={tmp_path / 'sound'}")


def test_what_is_wrong_is_a_sentence(page, reported, name, tmp_path):
    with pytest.raises(InputError, match=r"--clip: 'nobody' is in none of the splits train, mer_"):
        page("nobody")
    with pytest.raises(InputError, match="which differs in case"):
        page(name.upper())
    made.write_wav(tmp_path / "other.wav", made.tone(0.1))
    with pytest.raises(InputError, match="holds a media file for none of the 1 clip"):
        page(name, f"--media={tmp_path}")
    with pytest.raises(InputError, match="--media of --mode=report goes with --clip=NAME"):
        run("--mode=report", f"--workdir={reported}", f"--media={tmp_path}")


def test_few_images_are_kept_of_many():
    for count, expected in (
        (0, []),
        (1, [0]),
        (4, [0, 1, 2, 3]),
        (1000, [0, 192, 384, 576, 768, 992]),
    ):
        frames = (Frame(number, np.zeros(())) for number in range(count))
        found = [frame.time for frame in clip_page.evenly(frames)]
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, expected, atol=64 * (count > 100))


def test_a_waveform_shows_the_extremes():
    samples = np.zeros(16_000, np.float32)
    samples[8000], samples[12_000] = 0.75, -0.5
    assert clip_page.waveform(samples).alt == "Waveform of 1.00 s, at most 0.75 of full scale."
    (axes,) = clip_page.waveform(samples).figure.axes
    points = axes.collections[0].get_paths()[0].vertices
    assert points[points[:, 1].argmax()].tolist() == pytest.approx([0.5, 0.75], abs=0.001)
    assert points[points[:, 1].argmin()].tolist() == pytest.approx([0.75, -0.5], abs=0.001)
    assert len(clip_page.waveform(samples[:7]).figure.axes) == 1
