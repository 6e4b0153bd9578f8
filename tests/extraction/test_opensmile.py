"""openSMILE's sets: the release's sizes, clips that are too short, what the manifest says."""

import numpy as np
import pytest

from mer_jax import extraction, published
from mer_jax.extraction.record import FRAME, UTTERANCE, Clip, Decoded, MediaError, Options

SIZES = {"IS09": (384, 32), "IS10": (1582, 76), "eGeMAPS": (88, 23)}


def tone(seconds):
    time = np.arange(round(seconds * 16_000)) / 16_000
    return Decoded(Clip("tone"), audio=(0.3 * np.sin(2 * np.pi * 220 * time)).astype(np.float32))


@pytest.mark.parametrize("name", SIZES)
def test_a_set_has_the_release_s_size_and_folder(name):
    pytest.importorskip("opensmile", reason="the extra opensmile is not installed")
    extractor = extraction.EXTRACTORS[name]
    assert extractor.folder(UTTERANCE) == published.FEATURE_SETS[name].folders[0]
    assert extractor.folder(FRAME) == f"{name}_FRA"
    for level, size in zip((UTTERANCE, FRAME), SIZES[name], strict=True):
        made = extractor.make(Options(level=level))
        (rows_TxD,) = made.extract([tone(1.0)])
        assert made.size == rows_TxD.shape[1] == size
        assert (len(rows_TxD) == 1) == (level == UTTERANCE)
        assert np.isfinite(rows_TxD).all()
    assert "opensmile" in made.manifest["versions"]


def test_egemaps_hears_the_pitch_of_a_tone():
    pytest.importorskip("opensmile", reason="the extra opensmile is not installed")
    made = extraction.EXTRACTORS["eGeMAPS"].make(Options())
    (row_1xD,) = made.extract([tone(1.0)])
    semitones = row_1xD[0, 0]  # F0semitoneFrom27.5Hz_sma3nz_amean, the set's first column
    assert semitones == pytest.approx(36.0, abs=0.1)  # 220 Hz are three octaves above 27.5 Hz


def test_a_clip_below_a_tenth_of_a_second_is_refused():
    pytest.importorskip("opensmile", reason="the extra opensmile is not installed")
    made = extraction.EXTRACTORS["eGeMAPS"].make(Options())
    assert np.isfinite(made.extract([tone(0.1)])[0]).all()
    with pytest.raises(MediaError, match=r"0\.050 s of audio are too short"):
        made.extract([tone(0.05)])
