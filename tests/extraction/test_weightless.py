"""The sets without weights give what they say, against sums written out."""

import numpy as np
import pytest

from mer_jax.extraction import weightless
from mer_jax.extraction.record import Clip, Decoded, MediaError, Options
from tests.support.media import tone

MADE = {extractor.name: extractor for extractor in weightless.EXTRACTORS}


def test_a_tone_is_in_the_band_of_its_pitch():
    bands = MADE["mel-statistics"].make(Options(level="FRA"))
    whole = MADE["mel-statistics"].make(Options())
    mel = lambda hertz: 2595 * np.log10(1 + hertz / 700)  # noqa: E731
    width = (mel(8000) - mel(50)) / 41
    for hertz in (200, 1000, 4000):
        clip = Decoded(Clip("a"), audio=tone(0.5, hertz).astype(np.float32))
        (rows_TxM,) = bands.extract([clip])
        assert rows_TxM.shape == (1 + (8000 - 400) // 160, 40)
        assert abs(rows_TxM.mean(0).argmax() + 1 - (mel(hertz) - mel(50)) / width) < 1
        (row,) = whole.extract([clip])
        np.testing.assert_allclose(row[0, :40], rows_TxM.mean(0))
        np.testing.assert_allclose(row[0, 40:80], rows_TxM.std(0))
        np.testing.assert_allclose(row[0, 120:], np.percentile(rows_TxM, 90, axis=0))
    with pytest.raises(MediaError, match="399 samples are less than a window of 400"):
        bands.extract([Decoded(Clip("a"), audio=np.zeros(399, np.float32))])


def test_an_images_cells_and_colour():
    image = np.zeros((24, 36, 3), np.uint8)
    image[:12] = (255, 0, 0)
    (row,) = MADE["image-grid"].make(Options()).extract([Decoded(Clip("a"), images=[image])])
    grid = row[0, :144].reshape(12, 12)
    np.testing.assert_allclose(grid[:6], 1 / 6)
    np.testing.assert_allclose(grid[6:], -1 / 6)
    np.testing.assert_allclose(row[0, 144:], [0.5, 0, 0])
    tiny = MADE["image-grid"].make(Options()).extract([Decoded(Clip("a"), images=[image[:1, :5]])])
    assert np.isfinite(tiny[0]).all()


def test_shares_of_letter_pairs():
    made = MADE["letter-pairs"].make(Options())
    one, two, other = made.extract([Decoded(Clip("a", text=t)) for t in ("ab", " AB ", "你好吗")])
    np.testing.assert_array_equal(one, two)
    assert one.shape == (1, 64)
    assert one.sum() == pytest.approx(1)
    np.testing.assert_allclose(one[one > 0] * 3, np.rint(one[one > 0] * 3))  # three pairs
    assert not np.array_equal(one, other)
