"""MISA's and MMIM's own losses: no NaN, what a stage trains, moments of the rows that count."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.config.kinds import as_tuple
from mer_jax.corpora import CMUMOSI
from mer_jax.models import multitask
from mer_jax.models.batch_statistics import centred, norm, row_mean
from mer_jax.models.fusion import FUSIONS, levels, mmim
from mer_jax.models.groups import groups_of
from mer_jax.models.layers import FRAME_ATTENTION, SOWN, Batch
from mer_jax.training import losses, program
from mer_jax.training import sizes as sizes_lib
from mer_jax.training.program import Static
from tests.support import variables

SIZES = {"audio": 5, "text": 4, "video": 3}


def prepared(fusion, rows, modalities=tuple(SIZES), **changes):
    """A model, its variables, its traced settings and a batch of random rows."""
    declared = FUSIONS[fusion].SETTINGS
    values = {s.name: as_tuple(s.default)[0] for s in declared} | {"hidden": 8, "dropout": 0.0}
    values |= changes
    static = {s.name: values[s.name] for s in declared if not s.traced}
    settings = {s.name: jnp.float32(values[s.name]) for s in declared if s.traced}
    model = multitask.build(fusion, static, modalities, CMUMOSI.task)
    rng = np.random.default_rng(3)
    features = {m: jnp.asarray(rng.normal(size=(rows, SIZES[m])), jnp.float32) for m in modalities}
    batch = Batch(features, {}, jnp.ones(rows))
    return model, variables.drawn(model, batch, settings)["params"], settings, batch


@partial(jax.jit, static_argnums=0)
def own_gradient(model, params, settings, batch):
    """The gradient of the model's own loss and of its outputs' squares."""

    def objective(params):
        output = model.apply({"params": params}, batch, settings)
        return losses.own(output.aux, settings) + (output.valence**2).sum()

    return jax.grad(objective)(params)


def is_finite(tree):
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("fusion", ["misa", "mmim"])
def test_a_batch_of_one_and_a_row_of_zeros_leave_no_nan(fusion):
    model, params, settings, batch = prepared(fusion, rows=1)
    assert is_finite(own_gradient(model, params, settings, batch))
    # Biases below 0 make ReLU's output a row of zeros.
    for name, encoder in params["fusion"].items():
        if name.endswith("_encoder"):
            encoder["linear_3"]["bias"] = jnp.full(8, -100.0)
    assert is_finite(own_gradient(model, params, settings, batch))
    for made in (1, 3):
        model, params, settings, batch = prepared(fusion, rows=made, release=True)
        if made == 3 and fusion == "mmim":
            for modality in SIZES:
                params["fusion"][f"{modality}_encoder"]["linear_3"]["bias"] = jnp.full(8, -100.0)
        expected = made == 1 if fusion == "misa" else made == 3
        assert is_finite(own_gradient(model, params, settings, batch)) != expected, made


@pytest.mark.parametrize("fusion", ["misa", "mmim"])
@pytest.mark.parametrize("modalities", [("audio", "text"), ("video",)])
def test_fewer_modalities_will_do(fusion, modalities):
    model, params, settings, batch = prepared(fusion, 4, modalities)
    gradient = own_gradient(model, params, settings, batch)
    assert is_finite(gradient)
    assert all(bool((leaf != 0).any()) for leaf in jax.tree.leaves(gradient["fusion"]))


def test_mmims_second_stage_trains_the_likelihood_nets_alone_and_whole():
    """As two losses: the nets by -lld, all else by beta of it with the nets held."""
    one = prepared("mmim", 6, stages=1, alpha=0.0, beta=1.0)
    two = prepared("mmim", 6, stages=2, alpha=0.0, beta=0.25)
    params = one[1]

    def gradient(made):
        model, _, settings, batch = made
        own = jax.grad(
            lambda p: losses.own(model.apply({"params": p}, batch, settings).aux, settings)
        )
        return jax.jit(own)(params)["fusion"]

    whole, staged = gradient(one), gradient(two)
    assert {name for name in whole if name.startswith("mi_")} == {"mi_tv", "mi_ta"}
    for name in whole:
        share = 1.0 if name.startswith("mi_") else 0.25
        for x, y in zip(jax.tree.leaves(whole[name]), jax.tree.leaves(staged[name]), strict=True):
            np.testing.assert_allclose(y, share * x, rtol=1e-5, atol=1e-7, err_msg=name)


def test_mmims_likelihood_is_a_gaussians_and_misas_layer_has_the_models_size():
    """Up to the constant; nets whose weights are 0 give their biases as mean and log variance."""
    y = np.array([[0.5, -1.0], [2.0, 0.0], [9.0, 9.0]], np.float32)
    nets = {"mlp_mu": [0.25, 1.0], "mlp_logvar": [0.7, -0.3]}
    params = {
        f"{net}.{i}": {"kernel": jnp.zeros((2, 2)), "bias": jnp.array(bias)}
        for net, bias in nets.items()
        for i in (0, 2)
    }
    weight = jnp.array([1.0, 1.0, 0.0])
    given = {"params": params}, jnp.ones((3, 2)), jnp.asarray(y), weight
    found = mmim._Likelihood(2, release=False).apply(*given)
    mean, variance = np.array(nets["mlp_mu"]), np.exp(4 * np.tanh(np.array(nets["mlp_logvar"]) / 4))
    density = -((y[:2] - mean) ** 2) / (2 * variance) - np.log(variance) / 2
    np.testing.assert_allclose(found, density.sum(1).mean(), rtol=1e-5)
    _, params, _, _ = prepared("misa", 2)
    layer = params["fusion"]["transformer_encoder.layers.0"]
    assert layer["linear1"]["kernel"].shape == (8, 32)


def test_groups_depend_on_static_settings():
    def labels(modalities=2, **static):
        found = groups_of(FUSIONS["mmim"], static, {"mi_learning_rate": 0.5}, modalities)
        return {group.label: group.settings for group in found}

    assert labels(stages=1, release=False) == {}
    assert labels(stages=2, release=False) == {"likelihood": {"learning_rate": 0.5}}
    assert labels(stages=1, release=True) == {"unused": {"weight_decay": 0.0}}
    assert labels(stages=2, release=True, modalities=1) == {}


@pytest.mark.parametrize("fusion", ["mmim", "graph_mfn"])
@pytest.mark.parametrize("modalities", [("text",), ("audio", "text")])
def test_no_group_is_empty_whatever_the_modalities(fusion, modalities):
    declared = FUSIONS[fusion].SETTINGS
    values = {s.name: as_tuple(s.default)[0] for s in declared}
    values |= {"hidden": 4, "mem_dim": 4, "release": True, "stages": 2}
    static = Static(
        fusion,
        tuple((s.name, values[s.name]) for s in declared if not s.traced),
        modalities,
        CMUMOSI.task,
        epochs=1,
        batch_size=2,
        level=levels(fusion)[0],
    )
    model = {s.name: values[s.name] for s in declared if s.traced}
    made = program.make_optimizer(
        static, program.HParams({"learning_rate": 0.1, "weight_decay": 0.0}, model)
    )
    sizes = dict.fromkeys(modalities, 3)
    params = sizes_lib.shapes(static, sizes_lib.zeros(static, sizes, 1, 2))["params"]
    jax.eval_shape(made.init, params)  # told of a group without parameters, it refuses


def test_statistics_are_those_of_the_rows_that_count():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3)).astype(np.float32)
    weight = np.array([1, 1, 0, 1, 0], np.float32)
    held, given = x[[0, 1, 3]], (jnp.asarray(x), jnp.asarray(weight))
    np.testing.assert_allclose(row_mean(*given), held.mean(0), rtol=1e-5)
    expected = np.zeros_like(x)
    expected[[0, 1, 3]] = held - held.mean(0)
    np.testing.assert_allclose(centred(*given), expected, atol=1e-6)
    np.testing.assert_allclose(row_mean(given[0], 0 * given[1]), np.zeros(3))
    np.testing.assert_allclose(norm(given[0], 0.0)[:, 0], np.linalg.norm(x, axis=1), rtol=1e-5)


def test_a_stack_of_dense_layers_takes_the_frames_average():
    x = jax.random.normal(jax.random.key(0), (2, 4, 3))
    mask = jnp.asarray(np.arange(4)[None] < np.array([4, 2])[:, None])
    model, settings = lf_dnn("mlp"), {"dropout": jnp.float32(0)}
    averages = jnp.stack([x[0].mean(0), x[1, :2].mean(0)])
    vectors = Batch({"text": averages}, {}, jnp.ones(2))
    weights = variables.drawn(model, vectors, settings)
    found = model.apply(weights, Batch({"text": x}, {"text": mask}, jnp.ones(2)), settings)
    expected = model.apply(weights, vectors, settings)
    np.testing.assert_allclose(found.valence, expected.valence, rtol=1e-5)


def lf_dnn(encoder):
    """A model of one modality's frames, with an encoder."""
    declared = FUSIONS["lf_dnn"].SETTINGS
    values = {s.name: as_tuple(s.default)[0] for s in declared} | {"hidden": 8, "encoder": encoder}
    static = {s.name: values[s.name] for s in declared if not s.traced}
    return multitask.build("lf_dnn", static, ("text",), CMUMOSI.task)


@pytest.mark.parametrize("encoder", ["lstm_fcn", "alstm_fcn"])
def test_convolutions_beside_an_lstm_encode_frames(encoder):
    """Longer padding changes nothing; the attention's weights are shown, 0 beyond a clip's end."""
    model = lf_dnn(encoder)
    mask = jnp.asarray(np.arange(4)[None] < np.array([4, 2])[:, None])
    x = jax.random.normal(jax.random.key(0), (2, 4, 3)) * mask[..., None]
    batch = Batch({"text": x}, {"text": mask}, jnp.ones(2))
    settings = {"dropout": jnp.float32(0)}
    made = variables.drawn(model, batch, settings)
    assert set(made) == {"params", "batch_stats"}
    apply = jax.jit(partial(model.apply, mutable=[SOWN]))
    output, sown = apply(made, batch, settings)
    wide = [(0, 0), (0, 3)]
    padded = Batch(
        {"text": jnp.pad(x, [*wide, (0, 0)])}, {"text": jnp.pad(mask, wide)}, jnp.ones(2)
    )
    of_padded, _ = apply(made, padded, settings)
    np.testing.assert_allclose(of_padded.valence, output.valence, rtol=1e-4, atol=1e-6)
    if encoder == "lstm_fcn":
        assert not sown
        return
    weight = sown[SOWN]["fusion"][FRAME_ATTENTION][0]["text"]
    np.testing.assert_allclose(weight.sum(1), [1, 1], rtol=1e-5)
    np.testing.assert_array_equal(weight > 0, mask)
