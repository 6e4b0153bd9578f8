"""Clips as people have them: each that gives nothing is a line of the list, the rest is done."""

import os

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra extract is not installed")

from mer_jax.data import label_csv
from mer_jax.extraction import clips as clips_lib
from mer_jax.extraction import engine
from mer_jax.extraction.record import FACES, IMAGES
from tests.support import media as made
from tests.support.extractors import Colour, Loudness, bright, wanted

GREY = [np.full((32, 48, 3), 90, np.uint8)] * 6
LIGHT = [np.full((32, 48, 3), 220, np.uint8)] * 6
SOUND = made.tone(0.5)
WHOLE = None  # all three sets are written
SOUND_ALONE = {"C_UTT": "holds no video", "F_UTT": "holds no video"}
IMAGES_ALONE = {"A_UTT": "holds no audio"}


def nothing(reason):
    """Every set says the same."""
    return dict.fromkeys(("A_UTT", "C_UTT", "F_UTT"), reason)


UNREADABLE = nothing("not a readable media file: ")


def av_clip(path, **how):
    return made.write(path, SOUND, LIGHT, **how)


def raw(path, content):
    path.write_bytes(content)


def alpha(path):
    images = [np.dstack([LIGHT[0], np.full((32, 48), 128, np.uint8)])] * 6
    made.write(path, SOUND, images, video_codec="qtrle", pixels="argb", audio_codec="pcm_s16le")


def sizes(path, height, width):
    made.write(path, SOUND, [np.full((height, width, 3), 200, np.uint8)] * 6,
               video_codec="ffv1", pixels="yuv444p")  # fmt: skip


def an_hour(path):
    made.write_wav(path, np.full(3600 * 1000, 128, np.uint8), rate=1000, kind="u1")


def missing(path):
    path.symlink_to(path.with_name("nowhere"))


def bad_header(path):
    made.write_wav(path, 20_000 * SOUND)
    path.write_bytes(path.read_bytes()[:20])


# By file name: how it comes about, and what each set says of it that it gives nothing for.
CLIPS = {
    "plain.mp4": (av_clip, WHOLE),
    "plain.mkv.mkv": (av_clip, WHOLE),
    "第一段.mp4": (av_clip, WHOLE),
    "a[1]{b}(c).mp4": (av_clip, WHOLE),
    "100%03d.mkv": (av_clip, WHOLE),
    "at 12:30, 'x' & y.mkv": (av_clip, WHOLE),
    "UPPER.MP4": (lambda p: made.write(p, SOUND, LIGHT, container="mp4"), WHOLE),
    "named wrongly.wav": (lambda p: made.write(p, SOUND, LIGHT, container="mp4"), WHOLE),
    "mp2.mpg": (lambda p: av_clip(p, video_codec="mpeg1video", audio_codec="mp2"), WHOLE),
    "opus.webm": (
        lambda p: av_clip(p, video_codec="libvpx", audio_codec="libopus", rate=48_000), WHOLE
    ),
    "quarter.mp4": (lambda p: made.rotate(av_clip(p), 90), WHOLE),
    "uneven.mkv": (lambda p: av_clip(p, times=[0, 0.1, 0.11, 0.5, 0.9, 2]), WHOLE),
    "one image.mp4": (lambda p: made.write(p, SOUND, LIGHT[:1]), WHOLE),
    "surround.mkv": (
        lambda p: made.write(p, np.stack([SOUND] * 6), LIGHT, audio_codec="flac"), WHOLE
    ),
    "silent.mkv": (lambda p: made.write(p, 0 * SOUND, LIGHT, audio_codec="pcm_s16le"), WHOLE),
    "alpha.mov": (alpha, WHOLE),
    "odd.mkv": (lambda p: sizes(p, 33, 47), WHOLE),
    "one line.mkv": (lambda p: sizes(p, 24, 301), WHOLE),
    "no face.mkv": (lambda p: made.write(p, SOUND, GREY), WHOLE),  # of zeros
    "20 ms.wav": (
        lambda p: made.write_wav(p, 20_000 * made.tone(0.02)),
        {"A_UTT": "320 samples are too few", **SOUND_ALONE},
    ),
    "no sample.wav": (
        lambda p: made.write_wav(p, np.zeros(0)), {"A_UTT": "its audio holds no", **SOUND_ALONE}
    ),
    "an hour.wav": (an_hour, SOUND_ALONE),
    "sound.wav": (lambda p: made.write_wav(p, 20_000 * SOUND), SOUND_ALONE),
    "sound.m.m4a": (lambda p: made.write(p, SOUND, container="mp4"), SOUND_ALONE),
    "stereo.flac": (
        lambda p: made.write(p, np.stack([SOUND, SOUND]), audio_codec="flac"), SOUND_ALONE
    ),
    "song.mp3": (lambda p: made.write(p, SOUND, audio_codec="libmp3lame"), SOUND_ALONE),
    "no sound.mp4": (lambda p: made.write(p, images=LIGHT), IMAGES_ALONE),
    "numbers.wav": (
        lambda p: made.write_wav(p, np.full(8000, np.nan), kind="f4"),
        {"A_UTT": "its audio holds samples that are NaN", **SOUND_ALONE},
    ),
    "empty.mp4": (lambda p: raw(p, b""), nothing("an empty file")),
    "empty w.wav": (lambda p: raw(p, b""), nothing("an empty file")),
    "text.mp4": (lambda p: raw(p, b"name,emotion\na,happy\n"), UNREADABLE),
    "a page.mp4": (lambda p: raw(p, b"<html><body>404</body></html>"), UNREADABLE),
    "a list.mp4": (
        lambda p: raw(p, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"), UNREADABLE
    ),
    "random.mp4": (lambda p: raw(p, np.random.default_rng(0).bytes(5000)), UNREADABLE),
    "zeros.mkv": (lambda p: raw(p, bytes(5000)), UNREADABLE),
    "cut.mp4": (lambda p: made.truncate(av_clip(p), 0.5), UNREADABLE),  # its index is at the end
    "header.wav": (bad_header, UNREADABLE),
    "cut k.mkv": (lambda p: made.truncate(av_clip(p, audio_codec="pcm_s16le"), 0.8), WHOLE),
    "cut w.wav": (
        lambda p: made.truncate(made.write_wav(p, 20_000 * SOUND), 0.5), SOUND_ALONE
    ),
    "flipped.mkv": (lambda p: made.flip(av_clip(p, audio_codec="pcm_s16le"), 3), WHOLE),
    "nowhere.mp4": (missing, nothing("cannot be read: No such file")),
}  # fmt: skip


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """All of them in one extraction, with one clip that is in the list and in no file."""
    folder = tmp_path_factory.mktemp("bad")
    media, out = folder / "媒体 [1]", folder / "out"
    media.mkdir()
    for name, (make, _) in CLIPS.items():
        make(media / name)
    rows = "".join(f'"{os.path.splitext(name)[0]}"\n' for name in CLIPS)
    (folder / "clips.csv").write_text(f"name\n{rows}absent\n")
    sets = [
        wanted("A", Loudness(), batch=4), wanted("C", Colour(), IMAGES),
        wanted("F", Colour(), FACES),
    ]  # fmt: skip
    clips = clips_lib.read(folder / "clips.csv", media)
    return engine.run(sets, clips, out, follow=lambda: bright), out


def test_there_are_enough_of_them():
    assert len(CLIPS) >= 30


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_gives_features_or_a_reason(extracted, name):
    outcome, out = extracted
    stem, reasons = os.path.splitext(name)[0], CLIPS[name][1] or {}
    for folder in ("A_UTT", "C_UTT", "F_UTT"):
        path = out / "features" / folder / f"{stem}.npy"
        if folder in reasons:
            assert outcome.failed[folder][stem].startswith(reasons[folder])
            assert not path.exists()
        else:
            assert stem not in outcome.failed[folder], outcome.failed[folder].get(stem)
            vector = np.load(path)
            assert vector.shape == (2 if folder == "A_UTT" else 3,)
            assert np.isfinite(vector).all()


def test_the_list_of_failures_holds_a_line_for_each(extracted):
    outcome, out = extracted
    header, rows = label_csv.read_cells(out / "failures.csv")
    assert header == ["set", "clip", "reason"]
    listed = {(of, name): why for _, (of, name, why) in rows}
    expected = {
        (of, os.path.splitext(name)[0]) for name, (_, why) in CLIPS.items() for of in why or {}
    }
    assert set(listed) == expected | {(f"{of}_UTT", "absent") for of in "ACF"}
    assert listed["A_UTT", "absent"] == "no media file has this name"
    assert all(why == outcome.failed[of][name] for (of, name), why in listed.items())
    assert not any("\n" in why for why in listed.values())


def test_what_is_not_whole_is_told(extracted):
    outcome, out = extracted
    assert "no face" in outcome.faceless
    assert not np.load(out / "features/F_UTT/no face.npy").any()
    silent = np.load(out / "features/A_UTT/silent.npy")
    assert silent[0] == 0
    assert len(np.load(out / "features/A_UTT/cut w.npy")) == 2
