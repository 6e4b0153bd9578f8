"""Views of feature vectors: what each does to a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax import random_bits
from mer_jax.data import views
from mer_jax.errors import InputError

ROWS = 4000
FEATURES = {"audio": jnp.ones((ROWS, 3)), "text": 2 * jnp.ones((ROWS, 2))}
DEVIATION = {"audio": jnp.array([1.0, 2.0, 0.0]), "text": jnp.array([0.5, 1.0])}


def view(text, features=None):
    """The features seen through a view, as NumPy."""
    seen = views.apply(
        views.parse(text, "here"), jax.random.key(0), features or FEATURES, {}, DEVIATION
    )
    return {modality: np.asarray(x) for modality, x in seen.items()}


def test_noise_is_relative_to_the_columns_deviation():
    seen = view("noise 0.5")
    np.testing.assert_allclose(seen["audio"].std(0), [0.5, 1.0, 0.0], rtol=0.05)
    np.testing.assert_allclose(seen["text"].std(0), [0.25, 0.5], rtol=0.05)
    np.testing.assert_allclose(seen["audio"].mean(0), 1, atol=0.06)
    noise = (seen["audio"] - 1)[:, 0], (seen["text"] - 2)[:, 0]
    assert abs(np.corrcoef(*noise)[0, 1]) < 0.06  # modalities have draws of their own


def test_feature_dropout_rescales():
    seen = view("feature_dropout 0.25")["text"]
    np.testing.assert_allclose(np.unique(seen), [0, 2 / 0.75], rtol=1e-6)
    assert abs((seen == 0).mean() - 0.25) < 0.02


def test_modality_dropout_takes_one_modality_of_a_share_of_the_clips():
    seen = view("modality_dropout 0.4")
    gone = {m: (x == 0).all(1) for m, x in seen.items()}
    assert not (gone["audio"] & gone["text"]).any()
    for modality, x in seen.items():
        assert abs(gone[modality].mean() - 0.2) < 0.03
        np.testing.assert_array_equal(x[~gone[modality]], FEATURES[modality][~gone[modality]])


def test_modality_dropout_never_takes_two():
    three = {**FEATURES, "video": 3 * jnp.ones((ROWS, 2))}
    gone = np.array([(x == 0).all(1) for x in view("modality_dropout 1", three).values()])
    np.testing.assert_array_equal(gone.sum(0), 1)
    np.testing.assert_allclose(gone.mean(1), 1 / 3, atol=0.03)


def test_a_single_modality_is_never_dropped():
    one = {"audio": FEATURES["audio"]}
    np.testing.assert_array_equal(view("modality_dropout 1", one)["audio"], one["audio"])


def test_mixup_moves_a_clip_less_than_half_way_to_another():
    rows = jnp.arange(100.0)[:, None] * jnp.ones((1, 2))
    seen = view("mixup 0.4", {"audio": rows, "text": -rows})
    np.testing.assert_allclose(seen["audio"], -seen["text"])  # same partner, same share
    np.testing.assert_allclose(seen["audio"][:, 0], seen["audio"][:, 1])
    moved = np.abs(seen["audio"][:, 0] - np.arange(100))
    assert 5 < moved.mean() < 20
    assert (moved <= 0.4 * 99).all()


def test_a_clip_is_moved_less_than_half_way_to_its_neighbour():
    rows = jnp.arange(100.0)[:, None] * jnp.ones((1, 2))
    clips, near = {"audio": rows, "text": -rows}, {"audio": rows + 10, "text": -rows - 10}
    steps = views.parse("neighbours 0.4", "here")
    assert views.takes_neighbours((), steps)
    assert not views.takes_neighbours(views.parse("noise 0.4", "here"))
    seen = views.apply(steps, jax.random.key(0), clips, {}, {}, views.Others(near, {}))
    np.testing.assert_allclose(seen["audio"], -seen["text"])  # one share for all of a clip
    np.testing.assert_allclose(seen["audio"][:, 0], seen["audio"][:, 1])
    moved = np.asarray(seen["audio"])[:, 0] - np.arange(100)
    assert (moved >= -1e-5).all() and (moved <= 4.001).all()
    assert moved.min() < 0.5
    assert abs(moved.mean() - 2) < 0.4


def test_steps_follow_each_other_with_draws_of_their_own():
    once = view("feature_dropout 0.5")["audio"]
    twice = view("feature_dropout 0.5, feature_dropout 0.5")["audio"]
    assert abs((once == 0).mean() - 0.5) < 0.02
    assert abs((twice == 0).mean() - 0.75) < 0.02
    np.testing.assert_array_equal(view("")["audio"], FEATURES["audio"])


@pytest.mark.parametrize("pairs", [views.WORD_PAIRS, random_bits.hashed_pairs])
def test_the_draws_of_a_view_are_apart(pairs):
    """Two augmentations share a call, two more have the next one."""
    x = {"audio": jnp.zeros((ROWS, 3)), "text": jnp.ones((ROWS, 3))}
    deviation = {m: jnp.ones(3) for m in x}
    key = jax.random.key(3)
    inputs = views.Inputs(x, {}, deviation, words=views._words(key, x, pairs))
    drawn = [np.asarray(views.noise(key, inputs, 1.0)["audio"]).ravel() for _ in range(3)]
    dropped = views.feature_dropout(key, inputs, 0.5)["text"] == 0
    drawn += [
        np.asarray(dropped).ravel(),
        np.asarray(views.noise(key, inputs, 1.0)["text"]).ravel(),
    ]
    np.testing.assert_allclose(np.corrcoef(drawn), np.eye(5), atol=0.05)
    again = views.Inputs(x, {}, deviation, words=views._words(key, x, pairs))
    np.testing.assert_array_equal(views.noise(key, again, 1.0)["audio"].ravel(), drawn[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur 1", "here: unknown augmentation 'blur'; one of: noise, feature_dropout"),
        ("noise", "here: 'noise': noise takes a strength from 0"),
        ("noise -1", "here: 'noise -1': noise takes"),
        ("noise nan", "here: 'noise nan'"),
        ("noise 0.1, mixup 0.6", "here: 'mixup 0.6': mixup takes a strength from 0 to 0.5"),
        ("feature_dropout 1", "here: 'feature_dropout 1'"),
        ("neighbours 0.6", "here: 'neighbours 0.6': neighbours takes a strength from 0 to 0.5"),
    ],
)
def test_a_wrong_view_is_told(text, message):
    with pytest.raises(InputError, match=f"^{message}"):
        views.parse(text, "here")


# Frames: letters B clips, T frames, D size

FRAMES = 20
LENGTHS = np.random.default_rng(0).integers(1, FRAMES + 1, ROWS)
MASK = np.arange(FRAMES) < LENGTHS[:, None]


def framed(frames=FRAMES, front=False):
    """Clips of LENGTHS frames, each frame its number from 1, padded behind or in front."""
    mask = np.zeros((ROWS, frames), bool)
    mask[:, :FRAMES] = MASK
    if front:
        mask = mask[:, ::-1]
    number = np.where(mask, np.cumsum(mask, 1), 0)
    clips = {"audio": number[..., None] * np.ones(3), "text": number[..., None] * np.ones(2)}
    return {m: jnp.asarray(x, jnp.float32) for m, x in clips.items()}, {
        "audio": jnp.asarray(mask),
        "text": jnp.asarray(mask),
    }


def frame_view(text, **how):
    """The view of `framed` clips, as NumPy, and their mask."""
    features, mask = framed(**how)
    seen = views.apply(views.parse(text, "here"), jax.random.key(0), features, mask, DEVIATION)
    return {m: np.asarray(x) for m, x in seen.items()}, np.asarray(mask["audio"])


@pytest.mark.parametrize(
    "text", ["noise 1", "feature_dropout 0.5", "modality_dropout 0.5", "mixup 0.5",
             "time_masking 0.5", "mixup 0.5, noise 1, time_masking 0.5"],
)  # fmt: skip
@pytest.mark.parametrize("front", [False, True])
def test_padding_stays_zero(text, front):
    seen, mask = frame_view(text, front=front)
    for x in seen.values():
        assert not x[~mask].any()
        assert np.isfinite(x).all()
        assert x[mask].any()


def test_a_dropped_modality_is_gone_in_all_frames():
    seen, _ = frame_view("modality_dropout 0.4")
    gone = {m: (x == 0).all((1, 2)) for m, x in seen.items()}
    assert not (gone["audio"] & gone["text"]).any()
    for modality, x in seen.items():
        assert abs(gone[modality].mean() - 0.2) < 0.03
        kept = np.asarray(framed()[0][modality])[~gone[modality]]
        np.testing.assert_array_equal(x[~gone[modality]], kept)


def test_the_same_modalities_are_dropped_at_either_level():
    seen, _ = frame_view("modality_dropout 0.4")
    for modality, x in view("modality_dropout 0.4").items():
        gone = (seen[modality] == 0).all((1, 2))
        np.testing.assert_array_equal(gone, (x == 0).all(1))


def test_mixup_of_frames_ends_where_either_clip_ends():
    seen, mask = frame_view("mixup 0.5")
    audio = seen["audio"][..., 0]
    number = np.where(mask, np.arange(1, FRAMES + 1), 0)
    # Frames of one number are alike in all clips: nothing moves, whatever the partner's length,
    # unless padding were mixed in.
    np.testing.assert_allclose(audio, number, rtol=1e-6)
    features, frame_mask = framed()
    tagged = {m: x + jnp.arange(1.0, ROWS + 1)[:, None, None] for m, x in features.items()}
    seen = views.apply(views.parse("mixup 0.5", ""), jax.random.key(0), tagged, frame_mask, {})
    moved = np.asarray(seen["audio"] - tagged["audio"])[..., 0]
    moved = np.where(mask, moved, 0)
    partner_has = moved != 0
    lengths = partner_has.sum(1)
    np.testing.assert_array_equal(partner_has, np.arange(FRAMES) < lengths[:, None])
    assert (lengths <= LENGTHS).all()
    assert (lengths < LENGTHS).any()
    assert (lengths == LENGTHS).any()
    np.testing.assert_allclose(moved, moved[:, :1] * partner_has, atol=1e-3)  # one share a clip


@pytest.mark.parametrize("text", ["modality_dropout 0.5", "mixup 0.5", "time_masking 0.5"])
def test_longer_padding_changes_no_view(text):
    short, _ = frame_view(text)
    long, _ = frame_view(text, frames=FRAMES + 7)
    for modality, x in short.items():
        np.testing.assert_array_equal(long[modality][:, :FRAMES], x)
        assert not long[modality][:, FRAMES:].any()


@pytest.mark.parametrize("front", [False, True])
def test_time_masking_takes_a_share_of_each_clips_own_frames(front):
    seen, mask = frame_view("time_masking 0.5", front=front)
    gone = mask & (seen["audio"] == 0).all(-1)
    assert (gone.sum(1) <= np.floor(0.5 * LENGTHS)).all()
    for length in (2, 10, 19):
        masked = gone[length == LENGTHS].sum(1)
        assert masked.max() == length // 2
        assert masked.min() == 0


def test_time_masking_zeroes_a_span_of_frames_and_nothing_of_a_vector():
    frames, strength = 20, 0.5
    x = jnp.ones((2000, frames, 3)) * jnp.arange(1, frames + 1)[None, :, None]
    features = {"audio": x, "text": jnp.ones((2000, 4))}
    mask = {"audio": jnp.ones((2000, frames), bool)}
    seen = views.Inputs(features, mask, {})
    found = views.time_masking(jax.random.key(0), seen, strength)
    np.testing.assert_array_equal(found["text"], features["text"])
    audio = np.asarray(found["audio"])
    gone = (audio == 0).all(-1)
    np.testing.assert_array_equal(audio[~gone], np.asarray(x)[~gone])
    assert (np.abs(np.diff(gone, axis=1, prepend=0, append=0)).sum(1) <= 2).all(), "one span each"
    lengths = gone.sum(1)
    assert (lengths.min(), lengths.max()) == (0, strength * frames)
    assert abs(lengths.mean() - strength * frames / 2) < 0.3
    shares = gone[lengths == 10].mean(0)  # a span of 10 in 20 frames covers the middle most often
    assert shares[9] > shares[0] > 0
    assert shares[-1] > 0


def test_a_frame_moves_to_that_of_the_neighbour_where_both_clips_have_one():
    features, mask = framed()
    other = {m: jnp.roll(x, 1, axis=0) + 1 for m, x in features.items()}
    of_other = {m: jnp.roll(x, 1, axis=0) for m, x in mask.items()}
    near = views.Others(other, of_other)
    steps = views.parse("neighbours 0.5", "here")
    seen = views.apply(steps, jax.random.key(0), features, mask, DEVIATION, near)
    both = np.asarray(mask["audio"] & of_other["audio"])
    moved = np.asarray(seen["audio"] - features["audio"])[..., 0]
    assert (moved[both] > 0).all() and (moved[both] <= 0.5).all()
    assert not moved[~both].any()
