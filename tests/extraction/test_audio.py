"""Known signals through the decoders: scaled, averaged, resampled."""

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra extract is not installed")

from mer_jax.extraction import audio, media  # noqa: E402
from mer_jax.extraction.record import MediaError  # noqa: E402
from tests.support import media as made  # noqa: E402

LARGEST = {"u1": 128, "i2": 2**15, "i4": 2**31}


@pytest.mark.parametrize("reader", ["soundfile", "av"])
@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4", "f8"])
def test_samples_are_scaled_by_their_type(tmp_path, monkeypatch, kind, reader):
    if reader == "av":
        monkeypatch.setattr(audio, "_SNDFILE", ())
    values = np.array([-1.0, -0.5, 0.0, 0.25, 0.5, 0.984375])
    samples = np.repeat(values, 100)
    written = samples * LARGEST.get(kind, 1) + (128 if kind == "u1" else 0)
    path = made.write_wav(tmp_path / "a.wav", written, kind=kind)
    found = audio.read(path)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, samples, atol=1e-7)


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac", "flac", "pcm_f32le"])
def test_two_channels_are_averaged(tmp_path, codec):
    """FFmpeg's own mixing of float samples gives two equal channels 1.41 times their amplitude."""
    left, right = made.tone(1.0, 440), made.tone(1.0, 440)
    equal = made.write(tmp_path / "equal.mkv", np.stack([left, right]), audio_codec=codec)
    found = audio.read(equal)
    inside = slice(2000, 14000)
    assert np.abs(found[inside]).max() == pytest.approx(0.5, rel=0.02)
    one = made.write(tmp_path / "one.mkv", np.stack([left, 0 * right]), audio_codec=codec)
    assert np.abs(audio.read(one)[inside]).max() == pytest.approx(0.25, rel=0.02)
    opposite = made.write(tmp_path / "opposite.mkv", np.stack([left, -right]), audio_codec=codec)
    assert np.abs(audio.read(opposite)[inside]).max() < 0.01


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("suffix", ["wav", "mkv"])
def test_a_tone_keeps_its_pitch_its_place_and_its_level_at_any_rate(tmp_path, rate, suffix):
    signal = made.tone(0.5, 1000, rate=rate)
    path = tmp_path / f"a.{suffix}"
    if suffix == "wav":
        made.write_wav(path, signal, rate=rate, kind="f4")
    else:
        made.write(path, signal, audio_codec="pcm_f32le", rate=rate)
    found = audio.read(path)
    assert len(found) == pytest.approx(8000, abs=1)
    np.testing.assert_allclose(found[500:7500], made.tone(0.5, 1000)[500:7500], atol=2e-4)


def test_a_rate_that_changes_on_the_way_is_followed():
    parts = [(8_000, made.tone(1.0, 440, rate=8_000)), (48_000, made.tone(1.0, 440, rate=48_000))]
    parts = [(rate, samples.astype(np.float32)) for rate, samples in parts]
    found = audio._resampled(iter(parts))
    assert len(found) == 32_000
    np.testing.assert_allclose(found[500:15_500], made.tone(1.0)[500:15_500], atol=1e-3)
    np.testing.assert_allclose(found[16_500:31_500], made.tone(1.0)[500:15_500], atol=1e-3)


def test_samples_beyond_one_are_clipped_and_those_that_are_no_numbers_refused(tmp_path):
    loud = made.write_wav(tmp_path / "loud.wav", np.full(100, 1.5), kind="f4")
    np.testing.assert_array_equal(audio.read(loud), np.ones(100, np.float32))
    wrong = made.write_wav(tmp_path / "nan.wav", np.array([0.0, np.nan]), kind="f4")
    with pytest.raises(MediaError, match="NaN or infinite"):
        audio.read(wrong)


def test_a_damaged_packet_costs_itself_and_is_counted(tmp_path):
    path = made.write(tmp_path / "a.mkv", made.tone(4.0), audio_codec="aac")
    whole = audio.read(path)
    made.flip(path, 12)
    packets = media.Packets()
    found = audio.read(path, packets)
    assert 0 < packets.lost < packets.read / 2
    assert len(found) > 0.5 * len(whole)


def test_a_file_of_which_most_is_damaged_is_refused():
    packets = media.Packets(read=10, lost=6)
    with pytest.raises(MediaError, match="6 of 10 packets of its audio are damaged"):
        packets.check("audio")
    media.Packets(read=10, lost=5).check("audio")
