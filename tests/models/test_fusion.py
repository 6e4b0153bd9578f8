"""The paper's and its code's fusions against NumPy transcriptions of their equations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.models import multitask
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.fusion.attention_release import three_branches
from mer_jax.models.layers import ATTENTION, SOWN, Batch
from mer_jax.settings import static
from mer_jax.task import Task

SIZES = {"audio": 5, "text": 4, "video": 3}
SETTINGS = {"hidden": 8, "layers": (6, 8)}
TRACED = {"dropout": 0.3}
BATCH = 7


def model_of(fusion, modalities, task=MER2023.task):
    settings = {name: SETTINGS[name] for name in static(FUSIONS[fusion].SETTINGS)}
    return multitask.build(fusion, settings, modalities, task)


def batch_of(modalities, seed=0, rows=BATCH):
    rng = np.random.default_rng(seed)
    features = {m: jnp.asarray(rng.normal(size=(rows, SIZES[m])), jnp.float32) for m in modalities}
    return Batch(features, {}, jnp.ones(rows))


@functools.cache
def begun(fusion, modalities):
    """The model's first variables, the same for all tests that change nothing in them."""
    model, batch = model_of(fusion, modalities), batch_of(modalities)
    return jax.jit(model.init)(jax.random.key(1), batch, TRACED)


OWN = ("unimodal", "attention", "attention_release", "mlp_release", "concat")
COMBINATIONS = [
    pytest.param(fusion, modalities, id=f"{fusion}-{len(modalities)}")
    for fusion in OWN
    for modalities in (("audio",), ("audio", "video"), ("audio", "text", "video"))
    if fusion != "unimodal" or len(modalities) == 1
]


def dense(params, x):
    return x @ np.asarray(params["kernel"]) + np.asarray(params["bias"])[None]


def stack(params, x):
    for name in sorted(params):
        x = np.maximum(dense(params[name], x), 0)
    return x


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def unimodal_z(params, features, modalities):
    """Eq. 1."""
    return stack(params[modalities[0]], features[modalities[0]])


def attention_z(params, features, modalities):
    """Eq. 4 and 5, with h in R^(H x M) for each sample."""
    rows = []
    for i in range(BATCH):
        h = np.stack([stack(params[m], features[m][i : i + 1])[0] for m in modalities], axis=1)
        alpha = softmax(h.T @ np.asarray(params["w_alpha"]) + np.asarray(params["b_alpha"]))
        rows.append(h @ alpha)
    return np.stack(rows)


def concat_z(params, features, modalities):
    return np.concatenate([stack(params[m], features[m]) for m in modalities], axis=1)


def attention_release_z(params, features, modalities):
    """Three stacks; a fourth over their outputs gives the weights, without softmax."""
    three = {1: [0, 0, 0], 2: [0, 1, 1], 3: [0, 1, 2]}[len(modalities)]
    inputs = [features[modalities[i]] for i in three]
    h = [stack(params[f"branch_{i}"], x) for i, x in enumerate(inputs)]
    alpha = dense(params["alpha"], stack(params["attention"], np.concatenate(h, axis=1)))
    return sum(alpha[:, i : i + 1] * h[i] for i in range(3))


def mlp_release_z(params, features, modalities):
    three = {1: [0, 0, 0], 2: [0, 1, 1], 3: [0, 1, 2]}[len(modalities)]
    x = np.concatenate([features[modalities[i]] for i in three], axis=1)
    return stack(params["stack"], x)


TRANSCRIPTIONS = {
    "unimodal": unimodal_z,
    "attention": attention_z,
    "concat": concat_z,
    "attention_release": attention_release_z,
    "mlp_release": mlp_release_z,
}


@pytest.mark.parametrize(("fusion", "modalities"), COMBINATIONS)
def test_equals_its_equations(fusion, modalities):
    model, batch = model_of(fusion, modalities), batch_of(modalities)
    variables = begun(fusion, modalities)
    output = model.apply(variables, batch, TRACED)
    params = variables["params"]
    z = TRANSCRIPTIONS[fusion](params["fusion"], batch.features, modalities)
    np.testing.assert_allclose(output.emotion, dense(params["emotion"], z), atol=1e-5)
    np.testing.assert_allclose(output.valence, dense(params["valence"], z)[:, 0], atol=1e-5)


@pytest.mark.parametrize(("fusion", "modalities"), COMBINATIONS)
def test_weights_of_modalities_are_shown_where_there_are_any(fusion, modalities):
    model, batch = model_of(fusion, modalities), batch_of(modalities)
    variables = begun(fusion, modalities)
    assert list(variables) == ["params"], "what is shown is no state"
    _, sown = model.apply(variables, batch, TRACED, mutable=[SOWN])
    if fusion not in ("attention", "attention_release"):
        assert not sown
        return
    (shown,) = sown[SOWN]["fusion"][ATTENTION]
    params = variables["params"]["fusion"]
    if fusion == "attention":
        hidden = [stack(params[m], batch.features[m]) for m in modalities]
        names = modalities
    else:
        names = {1: ("audio", "audio 2", "audio 3"), 2: ("audio", "video", "video 2")}.get(
            len(modalities), modalities
        )
        branches = [batch.features[name.split()[0]] for name in names]
        hidden = [stack(params[f"branch_{i}"], x) for i, x in enumerate(branches)]
    assert tuple(shown) == names
    z = sum(shown[name][:, None] * h for name, h in zip(names, hidden, strict=True))
    expected = TRANSCRIPTIONS[fusion](params, batch.features, modalities)
    np.testing.assert_allclose(z, expected, atol=1e-5)


@pytest.mark.parametrize(("fusion", "modalities"), COMBINATIONS)
def test_permuting_samples_permutes_predictions(fusion, modalities):
    model, batch = model_of(fusion, modalities), batch_of(modalities)
    variables = begun(fusion, modalities)
    order = np.random.default_rng(0).permutation(BATCH)
    permuted = jax.tree.map(lambda x: x[order], batch)
    straight = model.apply(variables, batch, TRACED)
    np.testing.assert_allclose(
        model.apply(variables, permuted, TRACED).emotion, straight.emotion[order], atol=1e-6
    )


@pytest.mark.parametrize(("fusion", "modalities"), COMBINATIONS)
def test_frames_are_averaged_and_padding_never_changes_a_logit(fusion, modalities):
    model, batch = model_of(fusion, modalities), batch_of(modalities)
    variables = begun(fusion, modalities)
    rng = np.random.default_rng(2)
    frames, mask = {}, {}
    for m, mean in batch.features.items():
        noise = rng.normal(size=(BATCH, 3, SIZES[m])).astype(np.float32)
        real = np.asarray(mean)[:, None] + noise - noise.mean(1, keepdims=True)
        padding = np.full((BATCH, 2, SIZES[m]), 1e6, np.float32)
        frames[m] = jnp.concatenate([real, padding], axis=1)
        mask[m] = jnp.arange(5)[None].repeat(BATCH, 0) < 3
    from_frames = model.apply(variables, Batch(frames, mask, batch.row_weight), TRACED)
    straight = model.apply(variables, batch, TRACED)
    np.testing.assert_allclose(from_frames.emotion, straight.emotion, atol=1e-5)
    np.testing.assert_allclose(from_frames.valence, straight.valence, atol=1e-5)


@pytest.mark.parametrize(("fusion", "modalities"), COMBINATIONS)
@pytest.mark.parametrize("task", [MER2023.task, MELD.task, CMUMOSI.task, Task((), (-1.0, 1.0))])
def test_heads_follow_from_the_task(fusion, modalities, task):
    model, batch = model_of(fusion, modalities, task), batch_of(modalities)
    output, _ = jax.eval_shape(
        lambda key: model.init_with_output(key, batch, TRACED), jax.random.key(0)
    )
    assert output.aux == {}
    if task.classes:
        assert output.emotion.shape == (BATCH, len(task.classes))
    else:
        assert output.emotion is None
    if task.valence_range:
        assert output.valence.shape == (BATCH,)
    else:
        assert output.valence is None


@pytest.mark.parametrize(("fusion", "modalities"), COMBINATIONS)
def test_every_parameter_learns_and_no_gradient_is_nan(fusion, modalities):
    model, batch = model_of(fusion, modalities), batch_of(modalities, rows=64)
    variables = begun(fusion, modalities)

    def loss(variables):
        output = model.apply(variables, batch, TRACED)
        return (output.emotion**2).sum() + (output.valence**2).sum()

    with jax.debug_nans(True):
        gradient = jax.grad(loss)(variables)["params"]
    for path, leaf in jax.tree.leaves_with_path(gradient):
        alone = fusion == "attention" and len(modalities) == 1 and "alpha" in str(path)
        assert (jnp.abs(leaf).max() > 0) != alone, path  # alpha is 1 where it weighs one modality


def test_the_release_feeds_three_branches():
    assert three_branches(("audio",)) == ("audio", "audio", "audio")
    assert three_branches(("audio", "video")) == ("audio", "video", "video")
    assert three_branches(("audio", "text", "video")) == ("audio", "text", "video")
