"""MER-NOISE: the SNR that is drawn is the one over the clip, and blurred images keep their size."""

import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.extraction import corruption
from mer_jax.extraction.corruption import Recipe
from mer_jax.extraction.record import Clip, Frame, MediaError

soundfile = pytest.importorskip("soundfile", reason="the extra `extract` is not installed")
cv2 = pytest.importorskip("cv2", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")
RATE = 16_000


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A folder of noise: short and long files, one of them in a folder, and a file that is none."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(1)
    for name, seconds in (("a.wav", 0.3), ("b.flac", 4.0), ("里/c.wav", 1.0)):
        (folder / name).parent.mkdir(exist_ok=True)
        samples = rng.normal(scale=0.1, size=int(seconds * RATE)) * np.sin(
            np.arange(seconds * RATE)
        )
        soundfile.write(folder / name, samples, RATE)
    (folder / "README.txt").write_text("speech")
    return folder


def speech(seconds=2.0, level=0.05, seed=0):
    """Loud and silent stretches, as speech has them."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(scale=level, size=int(seconds * RATE))
    return (samples * (np.arange(len(samples)) % RATE < RATE / 2)).astype(np.float32)


def measured(clean, mixed, scale=1.0):
    """The SNR in dB over the whole clip, by its definition."""
    clean, mixed = np.asarray(clean, np.float64) * scale, np.asarray(mixed, np.float64)
    return 10 * np.log10((clean**2).sum() / ((mixed - clean) ** 2).sum())


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.parametrize("seconds", [0.02, 0.7, 6.0])
def test_the_snr_over_the_clip_is_the_one_that_is_drawn(noise, release, seconds):
    recipe = Recipe(noise, release=release)
    found = set()
    for i in range(8):
        name, clean = f"样本_{i}", speech(seconds, seed=i)
        mixed = corruption.mix(recipe, name, clean)
        snr = corruption.choose(recipe, name).snr
        assert len(mixed.samples) == len(clean)
        assert measured(clean, mixed.samples, mixed.scale) == pytest.approx(snr, abs=0.1)
        assert 5 <= snr <= 10
        found.add(snr)
    assert len(found) > 3
    assert all(snr == int(snr) for snr in found) == release


def test_the_series_and_all_factors_are_drawn(noise):
    recipe = Recipe(noise, snr=(0.0, 10.0, 20.0), series=True)
    choices = [corruption.choose(recipe, f"clip_{i}") for i in range(300)]
    for value in (0.0, 10.0, 20.0):
        assert 70 < sum(choice.snr == value for choice in choices) < 130
    for factor in (1, 2, 4):
        assert 70 < sum(choice.blur == factor for choice in choices) < 130
    uniform = [corruption.choose(Recipe(noise), f"clip_{i}").snr for i in range(300)]
    assert np.mean(uniform) == pytest.approx(7.5, abs=0.3)
    assert np.std(uniform) == pytest.approx(5 / np.sqrt(12), abs=0.15)


def test_the_same_seed_and_name_give_the_same_bits(noise):
    clean = speech()
    one, two = (corruption.mix(Recipe(noise, seed=3), "clip", clean) for _ in range(2))
    np.testing.assert_array_equal(one.samples, two.samples)
    assert one.noise == two.noise
    others = [corruption.mix(Recipe(noise, seed=4), "clip", clean)]
    others.append(corruption.mix(Recipe(noise, seed=3), "other", clean))
    for other in others:
        assert not np.array_equal(one.samples, other.samples)


def test_the_noise_is_the_files_strung_together(noise):
    """An independent sum from what the choices say."""
    clean = speech(3.0)
    mixed = corruption.mix(Recipe(noise), "clip", clean)
    files = [soundfile.read(noise / name)[0] for name in mixed.noise]
    assert sum(map(len, files)) > len(clean)
    assert sum(map(len, files[:-1])) <= len(clean)
    cut = np.concatenate(files)[mixed.start : mixed.start + len(clean)]
    np.testing.assert_allclose(mixed.samples, (clean + mixed.gain * cut) * mixed.scale, atol=1e-6)


@pytest.mark.parametrize("release", [False, True])
def test_a_loud_clip_is_made_quieter_and_keeps_its_snr(noise, release):
    clean = np.sign(speech(1.0) + 1e-3).astype(np.float32)
    recipe = Recipe(noise, release=release)
    mixed = corruption.mix(recipe, "clip", clean)
    assert mixed.scale < 0.9
    assert np.abs(mixed.samples).max() == pytest.approx(1, abs=1e-4)
    snr = corruption.choose(recipe, "clip").snr
    assert measured(clean, mixed.samples, mixed.scale) == pytest.approx(snr, abs=0.1)


def test_samples_of_the_release_are_of_16_bits_and_cut_off(noise):
    clean = speech(0.5)
    mixed = corruption.mix(Recipe(noise, release=True), "clip", clean)
    whole = mixed.samples.astype(np.float64) * 32768
    np.testing.assert_array_equal(whole, np.rint(whole))
    files = np.concatenate([soundfile.read(noise / name)[0] for name in mixed.noise])
    cut = files[mixed.start : mixed.start + len(clean)].astype(np.float32).astype(np.float64)
    exact = np.rint(clean.astype(np.float64) * 32768) + mixed.gain * cut
    np.testing.assert_array_equal(whole, np.trunc(exact))


def test_a_silent_clip_stays_silent(noise):
    for release in (False, True):
        mixed = corruption.mix(Recipe(noise, release=release), "clip", np.zeros(900, np.float32))
        assert not mixed.samples.any()
        assert mixed.gain == 0
    assert len(corruption.mix(Recipe(noise), "clip", np.zeros(1, np.float32)).samples) == 1


def test_silent_noise_is_drawn_anew_or_refused(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    with pytest.raises(MediaError, match=r"100 stretches drawn from .* are all silent"):
        corruption.mix(Recipe(tmp_path), "clip", speech(0.2))
    soundfile.write(tmp_path / "tone.wav", 0.1 * np.sin(np.arange(RATE)), RATE)
    corruption.files_of.cache_clear()
    for i in range(8):
        clean = speech(0.2)
        mixed = corruption.mix(Recipe(tmp_path), f"clip_{i}", clean)
        snr = corruption.choose(Recipe(tmp_path), f"clip_{i}").snr
        assert measured(clean, mixed.samples, mixed.scale) == pytest.approx(snr, abs=0.1)


def test_folders_without_noise(tmp_path):
    with pytest.raises(InputError, match=r"^--noise: no folder .*there"):
        corruption.files_of(tmp_path / "there")
    with pytest.raises(InputError, match="holds no audio file; name a folder of speech"):
        corruption.files_of(tmp_path)
    (tmp_path / "text.wav").write_text("no samples at all")
    with pytest.raises(InputError, match=r"^--noise: .*text\.wav: "):
        corruption.mix(Recipe(tmp_path), "clip", speech(0.1))


@pytest.mark.parametrize("size", [(360, 288), (361, 483), (270, 480), (1, 5), (2, 2)])
def test_blurred_images_keep_their_size(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    np.testing.assert_array_equal(corruption.blurred(image, 1), image)
    for factor in (2, 4):
        blurred = corruption.blurred(image, factor)
        assert (blurred.shape, blurred.dtype) == (image.shape, np.uint8)
    # The release's grow to a multiple of the factor.
    height, width = corruption.blurred(image, 4, release=True).shape[:2]
    assert (height % 4, width % 4) == (0, 0)
    assert (height, width) == (-(-size[0] // 4) * 4, -(-size[1] // 4) * 4)


def test_a_blur_is_a_gaussian_pyramid():
    """Against Burt and Adelson's kernel, written out for an impulse away from the borders."""
    image = np.zeros((33, 33, 3), np.uint8)
    image[16, 16] = 255
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    plane = np.zeros((33, 33))
    plane[16, 16] = 255
    smooth = lambda x, k: np.apply_along_axis(lambda r: np.convolve(r, k, "same"), 0, x)  # noqa: E731
    both = lambda x, k: smooth(smooth(x, k).T, k).T  # noqa: E731
    small = np.rint(both(plane, kernel)[::2, ::2])
    up = np.zeros((33, 33))
    up[::2, ::2] = small
    expected = both(up, 2 * kernel)
    got = corruption.blurred(image, 2)[..., 0].astype(float)
    assert np.abs(got - expected)[4:-4, 4:-4].max() <= 1


def test_extraction_corrupts_what_it_has_decoded(noise):
    recipe = Recipe(noise)
    changed = corruption.change(recipe)
    clip, clean = Clip("clip_3"), speech()
    np.testing.assert_array_equal(
        changed.audio(clip, clean), corruption.mix(recipe, "clip_3", clean).samples
    )
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    (frame,) = changed.images(clip, [Frame(0.5, image)])
    factor = corruption.choose(recipe, "clip_3").blur
    np.testing.assert_array_equal(frame.image, corruption.blurred(image, factor))
    assert frame.time == 0.5
    assert changed.manifest["noise"] == corruption.fingerprint(noise)
    quiet = Recipe(None, blurs=(2,))
    np.testing.assert_array_equal(corruption.change(quiet).audio(clip, clean), clean)
    assert "snr" not in quiet.manifest()
