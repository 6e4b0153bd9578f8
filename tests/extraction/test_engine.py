"""One decoding for all sets, batches by length, what lies there already, and what fails."""

import json

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra extract is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import clips as clips_lib
from mer_jax.extraction import engine, frames, plan
from mer_jax.extraction.record import AUDIO, FACES, IMAGES, TEXT, Change, Clip
from tests.support import media as made
from tests.support.extractors import Colour, Letters, Loudness, bright, wanted

LENGTHS = [0.5, 0.2, 0.4, 0.1, 0.3, 0.25]  # seconds


@pytest.fixture
def clips(tmp_path):
    """Six clips of sound, in an order that is none of their lengths."""
    for i, seconds in enumerate(LENGTHS):
        made.write_wav(tmp_path / "clips" / f"c{i}.wav", 20_000 * made.tone(seconds, 200 + i))
    return clips_lib.of_folder(tmp_path / "clips")


def features(out):
    """Every feature file's bytes."""
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.npy"))}


def test_a_clip_is_decoded_once_for_all_sets(tmp_path):
    for name, level in (("dark", 50), ("light", 200)):
        image = np.full((32, 48, 3), level, np.uint8)
        made.write(tmp_path / "clips" / f"{name}.mkv", made.tone(1.0), [image] * 10)
    sets = [
        wanted("A", Loudness()), wanted("B", Loudness(), batch=4),
        wanted("C", Colour(), IMAGES), wanted("D", Colour(), IMAGES), wanted("E", Colour(), FACES),
    ]  # fmt: skip
    found = engine.run(
        sets, clips_lib.of_folder(tmp_path / "clips"), tmp_path / "out", follow=lambda: bright
    )
    assert found.decoded == {(n, k): 1 for n in ("dark", "light") for k in (AUDIO, IMAGES)}
    assert found.written == dict.fromkeys(["A_UTT", "B_UTT", "C_UTT", "D_UTT", "E_UTT"], 2)
    colour = np.load(tmp_path / "out/features/C_UTT/light.npy")
    np.testing.assert_allclose(colour, [200] * 3, atol=3)
    np.testing.assert_array_equal(np.load(tmp_path / "out/features/E_UTT/light.npy"), colour)
    assert found.faceless == {"dark"}
    np.testing.assert_array_equal(np.load(tmp_path / "out/features/E_UTT/dark.npy"), np.zeros(3))


def test_utterances_are_means_of_frames(tmp_path, clips):
    engine.run([wanted("A", Loudness())], clips, tmp_path / "utterances")
    of_frames = wanted("A", Loudness(), level="FRA")
    engine.run([of_frames], clips, tmp_path / "frames")
    for i, seconds in enumerate(LENGTHS):
        rows = np.load(tmp_path / f"frames/features/A_FRA/c{i}.npy")
        assert rows.shape == (round(100 * seconds), 2)
        vector = np.load(tmp_path / f"utterances/features/A_UTT/c{i}.npy")
        assert vector.shape == (2,)
        np.testing.assert_allclose(vector, rows.mean(0), rtol=1e-6)


def test_batches_hold_clips_of_near_lengths(tmp_path, clips, monkeypatch):
    seen = []
    loudness = Loudness()
    extract = loudness.extract
    loudness.extract = lambda batch: seen.append([c.clip.name for c in batch]) or extract(batch)
    engine.run([wanted("A", loudness, batch=2)], clips, tmp_path / "out")
    assert seen == [["c3", "c1"], ["c5", "c4"], ["c2", "c0"]]
    seen.clear()
    monkeypatch.setattr(plan, "WINDOW", 4)
    engine.run([wanted("A", loudness, batch=3)], clips, tmp_path / "windows")
    assert seen == [["c3", "c1", "c2"], ["c0"], ["c5", "c4"]]
    seen.clear()
    monkeypatch.setattr(engine, "_MOST_SECONDS", 0.75)  # c0 and c1, c2 and c3, c4 and c5
    engine.run([wanted("A", loudness, batch=3)], clips, tmp_path / "bounded")
    assert seen == [["c1", "c0"], ["c3", "c2"], ["c5", "c4"]]


def test_what_lies_there_is_left_and_what_is_missing_comes_to_the_same_bits(tmp_path, clips):
    def sets():
        return [wanted("A", Loudness(), batch=4), wanted("B", Loudness()), wanted("C", Loudness())]

    engine.run(sets(), clips, tmp_path / "whole")
    whole = features(tmp_path / "whole")
    assert len(whole) == 18
    out = tmp_path / "out"
    engine.run(sets(), clips, out)
    for name in ("A_UTT/c1", "A_UTT/c4", "B_UTT/c2"):
        (out / "features" / f"{name}.npy").unlink()
    kept = (out / "features/B_UTT/c0.npy").stat().st_mtime_ns
    found = engine.run(sets(), clips, out)
    assert features(out) == whole
    assert found.written == {"A_UTT": 2, "B_UTT": 1}
    assert (out / "features/B_UTT/c0.npy").stat().st_mtime_ns == kept


def test_a_finished_folder_loads_no_extractor_and_decodes_nothing(tmp_path, clips):
    engine.run([wanted("A", Loudness())], clips, tmp_path / "out")

    class Unloaded:
        @property
        def manifest(self):
            raise AssertionError("it was asked for")

    found = engine.run([wanted("A", Unloaded())], clips, tmp_path / "out")
    assert found.there == {"A_UTT": 6}
    assert not found.decoded and not found.written


def test_a_clip_that_fails_stops_no_other_and_is_tried_alone_by_the_next_start(tmp_path, clips):
    short = made.write_wav(tmp_path / "clips" / "short.wav", made.tone(0.01))
    (tmp_path / "clips" / "text.mp4").write_text("no film")
    clips = clips_lib.of_folder(tmp_path / "clips")
    out = tmp_path / "out"
    loudness = Loudness()
    found = engine.run([wanted("A", loudness, batch=8)], clips, out)
    assert found.written == {"A_UTT": 6}
    assert loudness.sizes == [7, 1, 1, 1, 1, 1, 1, 1]  # one failed, so each alone
    lines = (out / "failures.csv").read_text().splitlines()
    assert lines[:2] == ["set,clip,reason", "A_UTT,short,160 samples are too few"]
    assert lines[2].startswith("A_UTT,text,not a readable media file: ")
    before = features(out)
    loudness.sizes.clear()
    found = engine.run([wanted("A", loudness, batch=8)], clips, out)
    assert found.failed == {"A_UTT": {"short": "160 samples are too few", "text": lines[2][11:]}}
    assert loudness.sizes == [1]
    assert found.decoded == {("short", AUDIO): 1, ("text", AUDIO): 1}
    made.write_wav(short, made.tone(0.1))
    (tmp_path / "clips" / "text.mp4").write_bytes(short.read_bytes())
    found = engine.run([wanted("A", loudness, batch=8)], clips, out)
    assert not found.failed["A_UTT"]
    assert not (out / "failures.csv").exists()
    assert features(out).items() > before.items()


def test_a_library_s_own_error_is_a_clip_s_and_not_the_end(tmp_path, clips):
    loudness = Loudness()

    def extract(batch):
        if batch[0].clip.name == "c2":
            raise RuntimeError("a library's\nown words")
        return Loudness().extract(batch)

    loudness.extract = extract
    found = engine.run([wanted("A", loudness, threads=True)], clips, tmp_path / "out")
    assert found.failed == {"A_UTT": {"c2": "RuntimeError: a library's own words"}}
    assert found.written == {"A_UTT": 5}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (np.full((1, 2), np.nan), "gives 2 of 2 values that are NaN or infinite"),
        (np.full((1, 2), 1e300), "gives 2 of 2 values that are NaN or infinite"),
        (np.zeros((0, 2)), "is too short for a single row of features"),
        (np.zeros((1, 3)), "gives the shape (1, 3), not rows of 2 values"),
        (np.zeros(2), "gives the shape (2,), not rows of 2 values"),
    ],
)
def test_rows_that_are_no_features_are_never_written(tmp_path, clips, rows, reason):
    loudness = Loudness()
    loudness.extract = lambda batch: [rows for _ in batch]
    found = engine.run([wanted("A", loudness)], clips[:1], tmp_path / "out")
    assert found.failed == {"A_UTT": {"c0": reason}}
    assert not features(tmp_path / "out")


def test_texts_need_no_media_and_an_empty_one_is_listed(tmp_path):
    clips = [Clip("a", text="four"), Clip("b", text="  "), Clip("c", text="three")]
    found = engine.run([wanted("T", Letters(), TEXT, batch=2)], clips, tmp_path / "out")
    assert found.failed == {"T_UTT": {"b": "its text is empty"}}
    assert np.load(tmp_path / "out/features/T_UTT/c.npy") == [5.0]
    assert not found.decoded


def test_long_clips_come_in_stretches_whose_rows_are_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "STRETCH", 4)
    images = [np.full((32, 32, 3), 200 if i % 2 else 60, np.uint8) for i in range(11)]
    made.write(tmp_path / "clips" / "a.mkv", images=images, video_codec="ffv1", pixels="yuv444p")
    colour, faces = Colour(), Colour()
    sets = [wanted("C", colour, IMAGES, level="FRA"), wanted("F", faces, FACES, level="FRA")]
    clips = clips_lib.of_folder(tmp_path / "clips")
    engine.run(sets, clips, tmp_path / "out", follow=lambda: bright)
    assert colour.stretches == [4, 4, 3]
    assert faces.stretches == [4, 1]
    rows = np.load(tmp_path / "out/features/C_FRA/a.npy")
    np.testing.assert_allclose(rows[:, 0], [image[0, 0, 0] for image in images], atol=2)
    assert len(np.load(tmp_path / "out/features/F_FRA/a.npy")) == 5


def test_a_change_of_samples_and_images_reaches_the_features_and_the_manifest(tmp_path):
    made.write(
        tmp_path / "clips/a.mkv", made.tone(1.0), [made.gradient(32, 32)] * 2,
        audio_codec="pcm_f32le",
    )  # fmt: skip
    clips = clips_lib.of_folder(tmp_path / "clips")

    def halved(clip, shown):
        for frame in shown:
            yield frame._replace(image=frame.image // 2)

    change = Change(lambda clip, samples: samples / 2, halved, {"half": True})
    for name, of in (("plain", None), ("changed", change)):
        sets = [wanted("A", Loudness(), change=of), wanted("C", Colour(), IMAGES, change=of)]
        engine.run(sets, clips, tmp_path / name)
    for folder, within in (("A_UTT", 1e-6), ("C_UTT", 1.0)):
        plain = np.load(tmp_path / "plain/features" / folder / "a.npy")
        changed = np.load(tmp_path / "changed/features" / folder / "a.npy")
        np.testing.assert_allclose(changed, plain / 2, atol=within)
        manifest = json.loads((tmp_path / f"changed/manifests/{folder}.json").read_text())
        assert manifest["settings"] == {**manifest["settings"], "change": {"half": True}}
    with pytest.raises(InputError, match="A_UTT: was extracted with settings"):
        engine.run([wanted("A", Loudness(), change=change)], clips, tmp_path / "plain")


@pytest.mark.parametrize(("needs_all", "seen"), [(True, 5), (False, 3)])
def test_a_change_may_need_images_that_are_not_extracted(tmp_path, needs_all, seen):
    images = [made.gradient(32, 32)] * 5
    made.write(tmp_path / "clips/a.mkv", images=images)
    passed, colour = [], Colour()

    def noted(clip, shown):
        for frame in shown:
            passed.append(frame.time)
            yield frame

    change = Change(None, noted, {}, needs_all)
    sets = [wanted("C", colour, IMAGES, change=change, every=2)]
    engine.run(sets, clips_lib.of_folder(tmp_path / "clips"), tmp_path / "out")
    assert len(passed) == seen
    assert colour.stretches == [3]
