"""Collecting clips of real faces and voices through the command, by voice and by two subtitles."""

import pathlib

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the extra `extract` is not installed")
pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soundfile", reason="the extra `extract` is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import faces, video
from mer_jax.extraction.collection import speakers, voice
from tests.support import media
from tests.support.scoring import read_csv, run

DATA = pathlib.Path(__file__).parents[3] / "shared" / "data" / "media"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/media")
FPS, RATE, SECONDS = 5, 16_000, 22
# What is seen, and who speaks (seconds, speaker of FSDD, how long).
SCENES = ((0.0, "bbaf2n.mpg"), (6.3, "lwbsza.mpg"), (13.0, "no_face.mp4"), (17.5, "multi_face.jpg"))
VOICES = ((0.2, "jackson", 6.0), (6.3, "yweweler", 6.0), (13.5, "lucas", 3.0), (18.0, "theo", 3.0))
# Who is heard from when to when, and what becomes of it. Between the first two lies less than a
# second; inside each are pauses, which two of the subtitles' lines share.
EXPECTED = (
    ("jackson", 0.2, 5.8, ""),
    ("yweweler", 6.3, 12.3, ""),
    ("lucas", 13.6, 16.5, "no face"),
    ("theo", 18.0, 21.0, "several faces"),
)


def scene(name):
    """An image of each scene, 360 x 640, its own shape kept in a black frame."""
    import cv2

    path = DATA / ("faces" if name.endswith("jpg") else "clips") / name
    image = cv2.imread(str(path))[..., ::-1] if name.endswith("jpg") else None
    if image is None:
        image = next(iter(video.read(path))).image
    scale = min(360 / image.shape[0], 640 / image.shape[1])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = np.zeros((360, 640, 3), np.uint8)
    found[: image.shape[0], : image.shape[1]] = image
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import soundfile

    folder = tmp_path_factory.mktemp("videos")
    seen = [(start, scene(name)) for start, name in SCENES]
    images = [
        [image for start, image in seen if start <= number / FPS][-1]
        for number in range(SECONDS * FPS)
    ]
    samples = np.zeros(SECONDS * RATE)
    for start, name, seconds in VOICES:
        spoken, _ = soundfile.read(
            DATA / "noise_speech" / "audio" / f"fsdd_{name}.flac", frames=round(seconds * RATE)
        )
        at = round(start * RATE)
        samples[at : at + len(spoken)] = spoken
    media.write(folder / "film.mp4", samples, images, fps=FPS)
    return folder


def collect(folder, out, *flags, speakers="mel-statistics"):
    run("--mode=collect", f"--media={folder}", f"--models={DATA}", f"--out={out}",
        f"--speakers={speakers}", "--quiet", *flags)  # fmt: skip
    return read_csv(out / "pieces.csv")


def check(rows, within):
    assert [row["reason"].partition(":")[0] for row in rows] == [why for *_, why in EXPECTED]
    for row, (_, start, end, _) in zip(rows, EXPECTED, strict=True):
        assert float(row["start"]) == pytest.approx(start, abs=within)
        assert float(row["end"]) == pytest.approx(end, abs=within)


def test_by_voice(folder, tmp_path, capsys):
    try:
        voice.find_weights(None)
    except InputError as error:
        pytest.skip(str(error))
    rows = collect(folder, tmp_path / "out", "--cut=voice")
    check(rows, 0.25)
    assert int(rows[0]["merged"]) > 1
    assert int(rows[1]["merged"]) > 1
    assert [row["speaker"] for row in rows[:2]] == ["film_1", "film_2"]
    said = capsys.readouterr().out
    assert "1 video: 4 pieces, 2 kept; dropped: 1 no face, 1 several faces" in said
    assert "told apart by mel statistics, no trained model" in said
    # The clips are such as --mode=extract takes: their faces are found.
    detect = faces.YuNet(faces.find_weights(DATA))
    clips = read_csv(tmp_path / "out" / "clips.csv")
    for clip in clips:
        path = tmp_path / "out" / "clips" / f"{clip['name']}.mp4"
        assert len(detect(next(iter(video.read(path))).image)) == 1
    sets = [f"--clips={tmp_path / 'out' / 'clips.csv'}", "--sets=mel-statistics, image-grid"]
    corpus = tmp_path / "corpus"
    run("--mode=extract", f"--media={tmp_path / 'out' / 'clips'}", *sets, f"--out={corpus}",
        "--quiet")  # fmt: skip
    assert np.load(corpus / "features" / "image-grid-UTT" / "film_0002.npy").ndim == 1


def test_a_trained_model_tells_all_four_speakers_apart(folder, tmp_path, capsys):
    try:
        voice.find_weights(None)
        speakers.of_flag("ge2e")
    except InputError as error:
        pytest.skip(str(error))
    rows = collect(folder, tmp_path / "out", "--cut=voice", speakers="ge2e")
    check(rows, 0.25)
    assert [row["speaker"] for row in rows] == ["film_1", "film_2", "film_3", "film_4"]
    assert "mel statistics" not in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["srt", "ass"])
def test_by_subtitles(folder, tmp_path, suffix):
    pysubs2 = pytest.importorskip("pysubs2", reason="the extra `collect` is not installed")
    lines = pysubs2.SSAFile()
    for who, start, end, _ in EXPECTED:
        middle = (start + end) / 2
        # Of 1.5 s, which the halves of the short ones have, mel statistics say too little.
        halves = ((start, middle - 0.1, "first"), (middle + 0.1, end, "second"))
        for a, b, text in halves if end - start > 4 else ((start, end, "all"),):
            line = pysubs2.SSAEvent(round(1000 * a), round(1000 * b), f"{who} {text}")
            line.name = who if suffix == "ass" else ""
            lines.append(line)
    (tmp_path / "lines").mkdir()
    lines.save(str(tmp_path / "lines" / f"film.{suffix}"))
    rows = collect(folder, tmp_path / "out", f"--subtitles={tmp_path / 'lines'}")
    check(rows, 0.011)  # ASS counts hundredths
    assert [(row["merged"], row["text"]) for row in rows] == [
        ("2", "jackson first jackson second"),
        ("2", "yweweler first yweweler second"),
        ("1", "lucas all"),
        ("1", "theo all"),
    ]
    if suffix == "ass":
        assert [row["speaker"] for row in rows] == [who for who, *_ in EXPECTED]
    else:
        assert [row["speaker"] for row in rows[:2]] == ["film_1", "film_2"]
