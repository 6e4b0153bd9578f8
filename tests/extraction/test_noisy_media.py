"""Corrupted media: the noise that is drawn, sizes and times kept, and bad clips that stop none."""

import csv
import json

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soundfile", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")
pytest.importorskip("cv2", reason="the extra `extract` is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import audio, corruption, video
from mer_jax.extraction.record import Clip
from tests.support import media as made
from tests.support.scoring import run

TIMES = [0.0, 0.04, 0.2, 0.24, 0.5, 0.9]  # of a camera's that skips


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """Clips of even and odd sizes, with and without a track, and some that are none."""
    folder = tmp_path_factory.mktemp("media")
    tone = made.tone(1.0, amplitude=0.3)
    even = [made.gradient(48, 64, 40 * i) for i in range(6)]
    odd = [made.gradient(37, 51, 40 * i) for i in range(6)]
    made.write(folder / "even.mp4", tone, even)
    made.write(folder / "样本[1].mkv", tone, odd, pixels="yuv444p", times=TIMES)
    made.write(folder / "mute.mp4", None, even)
    made.write_wav(folder / "sound.wav", 9000 * made.tone(0.7))
    (folder / "text.mp4").write_text("no media")
    made.write_wav(folder / "silence.wav", np.zeros(8000))
    noise = folder / "speech"
    rng = np.random.default_rng(0)
    for i in range(3):
        made.write_wav(noise / f"{i}.wav", 3000 * rng.normal(size=7000 * (i + 1)).clip(-3, 3))
    return folder


def corrupt(media, out, *flags):
    """Runs the mode on the clips, of which `text` is none."""
    listed = out.parent / "list.csv"
    names = ["even", "样本[1]", "mute", "sound", "text", "silence", "absent"]
    listed.write_text("name\n" + "\n".join(names) + "\n", encoding="utf-8")
    arguments = [f"--media={media}", f"--clips={listed}", f"--noise={media / 'speech'}"]
    with pytest.raises(InputError) as refusal:
        run("--mode=corrupt", *arguments, f"--out={out}", "--workers=2", "--quiet", *flags)
    assert str(refusal.value).startswith(
        f"2 clips failed, which {out / 'failures.csv'} lists; the first: absent: no media file"
    )


def choices_of(out):
    with (out / "corruption.csv").open(encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def snr_of(clean, noisy, scale):
    clean = clean.astype(np.float64) * scale
    noisy = noisy[: len(clean)].astype(np.float64)
    return 10 * np.log10((clean**2).sum() / ((noisy - clean[: len(noisy)]) ** 2).sum())


def test_media_are_written_with_what_was_drawn(media, tmp_path):
    out = tmp_path / "noisy"
    corrupt(media, out)
    rows = choices_of(out)
    assert set(rows) == {"even", "样本[1]", "mute", "sound", "silence"}
    for name, original in (
        ("even", "even.mp4"),
        ("样本[1]", "样本[1].mkv"),
        ("sound", "sound.wav"),
    ):
        row = rows[name]
        clean, noisy = audio.read(media / original), audio.read(out / row["file"])
        assert 5 <= float(row["snr"]) <= 10
        found = snr_of(clean, noisy, float(row["scale"]))
        assert found == pytest.approx(float(row["snr"]), abs=0.1)
        assert set(row["noise"].split(";")) <= {"0.wav", "1.wav", "2.wav"}
    assert not audio.read(out / "silence.wav").any()
    assert (rows["mute"]["snr"], rows["sound"]["blur"]) == ("", "")
    pictures = (("even", "even.mp4"), ("mute", "mute.mp4"), ("样本[1]", "样本[1].mkv"))
    for name, original in pictures:
        before = list(video.read(media / original))
        after = list(video.read(out / f"{name}.mp4"))
        np.testing.assert_allclose(
            [frame.time for frame in after], [frame.time for frame in before], atol=1e-4
        )
        factor = int(rows[name]["blur"])
        for one, two in zip(before, after, strict=True):
            assert one.image.shape == two.image.shape
            expected = corruption.blurred(one.image, factor).astype(float)
            assert np.abs(expected - two.image).mean() < 4  # what encoding loses
    # The same again gives the same choices and samples, and a second start does nothing.
    again = tmp_path / "again"
    corrupt(media, again)
    for name in ("corruption.csv", "corruption.json", "failures.csv", "sound.wav"):
        assert (out / name).read_bytes() == (again / name).read_bytes(), name
    for name in ("even.mp4", "样本[1].mp4"):
        np.testing.assert_array_equal(audio.read(out / name), audio.read(again / name))
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    corrupt(media, out)
    assert stamps == {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    with pytest.raises(InputError, match=r"was written with seed 0, not 1 \(corruption\.json\)"):
        run("--mode=corrupt", f"--media={media}", f"--noise={media / 'speech'}",
            f"--out={out}", "--seed=1", "--quiet")  # fmt: skip


def test_as_the_release_makes_them(media, tmp_path):
    out = tmp_path / "noisy"
    corrupt(media, out, "--as_release")
    rows = choices_of(out)
    assert all(float(row["snr"]) == int(float(row["snr"])) for row in rows.values() if row["snr"])
    import av

    for name in ("even", "样本[1]"):
        with av.open(str(out / f"{name}.mp4")) as container:
            codecs = {stream.codec_context.name for stream in container.streams}
            assert codecs == {"mpeg4", "aac"}
    assert json.loads((out / "corruption.json").read_text())["release"] is True
    height, width = next(iter(video.read(out / "样本[1].mp4"))).image.shape[:2]
    factor = int(rows["样本[1]"]["blur"])
    assert (height, width) == (-(-37 // factor) * factor, -(-51 // factor) * factor)
    # Extraction with the same flags sees and hears what was written.
    recipe = corruption.recipe_of(media / "speech", None, None, 0, True)
    changed = corruption.change(recipe)
    assert changed.manifest["codecs"] == ["mpeg4", "aac"]
    for clip in (Clip("even", media / "even.mp4"), Clip("样本[1]", media / "样本[1].mkv")):
        written = out / f"{clip.name}.mp4"
        heard = changed.audio(clip, audio.read(clip.path))
        np.testing.assert_array_equal(heard, audio.read(written))
        seen = list(changed.images(clip, video.read(clip.path)))
        for one, two in zip(seen, video.read(written), strict=True):
            assert one.time == pytest.approx(two.time, abs=1e-3)
            np.testing.assert_array_equal(one.image, two.image)
    clip = Clip("sound", media / "sound.wav")  # which is written without a codec's loss
    heard = changed.audio(clip, audio.read(clip.path))
    np.testing.assert_allclose(heard, audio.read(out / "sound.wav"), atol=1 / 2**15)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--snr=10:5",), "--snr=10:5: not a lower and a higher value, as 5:10"),
        (("--snr=a",), "--snr=a: not numbers such as 5,10"),
        (("--snr=5:nan",), "--snr=5:nan: not numbers such as 5:10"),
        (("--blur=3",), "--blur=3: 3 is not 1, 2, 4 or a higher power of 2"),
        (("--blur=0",), "--blur=0: 0 is not 1, 2, 4 or a higher power of 2"),
        (("--snr=5.5:7", "--as_release"), "--snr=5.5:7: the release draws whole numbers"),
        (("--noise={media}/none",), "--noise: no folder {media}/none"),
        (("--out={media}",), "--out is the folder of --media, whose clips would be replaced"),
        (("--media={media}/none",), "--media: no folder {media}/none"),
    ],
)
def test_flags_that_are_refused(media, tmp_path, flags, sentence):
    given = {"--media": media, "--noise": media / "speech", "--out": tmp_path / "out"}
    given |= {f.partition("=")[0]: f.partition("=")[2].format(media=media) for f in flags}
    arguments = [f"{key}={value}" if value else key for key, value in given.items()]
    with pytest.raises(InputError) as refusal:
        run("--mode=corrupt", *arguments, "--quiet")
    assert sentence.format(media=media) in str(refusal.value)


def test_extraction_with_noise_needs_a_folder_of_it(tmp_path):
    with pytest.raises(InputError, match=r"--snr and --as_release need --noise=DIR"):
        run("--mode=extract", "--sets=eGeMAPS", f"--media={tmp_path}", f"--out={tmp_path / 'out'}",
            "--snr=5", "--quiet")  # fmt: skip


def test_the_series_of_merbench():
    recipe = corruption.recipe_of(None, "0,10,20", "1", 0, False)
    assert (recipe.snr, recipe.series, recipe.blurs) == ((0.0, 10.0, 20.0), True, (1,))
    assert corruption.recipe_of(None, None, None, 0, False) is None
