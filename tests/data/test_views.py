"""Views of feature vectors: what each does to a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.data import views
from mer_jax.errors import InputError

ROWS = 4000
FEATURES = {"audio": jnp.ones((ROWS, 3)), "text": 2 * jnp.ones((ROWS, 2))}
DEVIATION = {"audio": jnp.array([1.0, 2.0, 0.0]), "text": jnp.array([0.5, 1.0])}


def view(text, features=None):
    """The features seen through a view, as NumPy."""
    seen = views.apply(
        views.parse(text, "here"), jax.random.key(0), features or FEATURES, DEVIATION
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


def test_steps_follow_each_other_with_draws_of_their_own():
    once = view("feature_dropout 0.5")["audio"]
    twice = view("feature_dropout 0.5, feature_dropout 0.5")["audio"]
    assert abs((once == 0).mean() - 0.5) < 0.02
    assert abs((twice == 0).mean() - 0.75) < 0.02
    np.testing.assert_array_equal(view("")["audio"], FEATURES["audio"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur 1", "here: unknown view 'blur'; one of: noise, feature_dropout"),
        ("noise", "here: 'noise': noise takes a strength from 0"),
        ("noise -1", "here: 'noise -1': noise takes"),
        ("noise nan", "here: 'noise nan'"),
        ("noise 0.1, mixup 0.6", "here: 'mixup 0.6': mixup takes a strength from 0 to 0.5"),
        ("feature_dropout 1", "here: 'feature_dropout 1'"),
    ],
)
def test_a_wrong_view_is_told(text, message):
    with pytest.raises(InputError, match=f"^{message}"):
        views.parse(text, "here")


def test_time_masking_zeroes_a_span_of_frames_and_nothing_of_a_vector():
    frames, strength = 20, 0.5
    x = jnp.ones((2000, frames, 3)) * jnp.arange(1, frames + 1)[None, :, None]
    features = {"audio": x, "text": jnp.ones((2000, 4))}
    found = views.time_masking(jax.random.key(0), features, {}, strength)
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
