"""Fusions of frames: the release's equations by PyTorch at other sizes, and what repairs change."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.config.kinds import as_tuple
from mer_jax.corpora import MER2023
from mer_jax.errors import InputError
from mer_jax.models import load_torch, multitask
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import FRAME_ATTENTION, SOWN, Batch
from mer_jax.training import losses
from tests.support import torch_zoo, variables

SIZES = {"audio": 5, "text": 4, "video": 3}
# Sizes that the golden files here do not have: a batch of one, more layers, unlike lengths.
CASES = {
    "ef_lstm": ({"hidden": 6, "num_layers": 3}, 2, (4, 4, 4)),
    "mfn": ({"hidden": 6, "mem_dim": 5}, 1, (4, 4, 4)),
    "graph_mfn": ({"hidden": 6, "mem_dim": 3}, 2, (1, 1, 1)),
    "mfm": ({"hidden": 6, "mem_dim": 3}, 1, (3, 3, 3)),
    "mctn": ({"hidden": 6}, 1, (3, 3, 3)),
    "mult": ({"hidden": 6, "num_heads": 2, "kernel_size": 3, "num_layers": 4}, 2, (6, 4, 8)),
}


def model_of(fusion, values=(), modalities=tuple(SIZES)):
    declared = FUSIONS[fusion].SETTINGS
    chosen = {s.name: as_tuple(s.default)[0] for s in declared}
    chosen |= {"dropout": 0.0, **dict(values)}
    static = {s.name: chosen[s.name] for s in declared if not s.traced}
    traced = {s.name: jnp.float32(chosen[s.name]) for s in declared if s.traced}
    return multitask.build(fusion, static, modalities, MER2023.task), traced, chosen


def batch_of(rows, frames, modalities=tuple(SIZES), noise=None):
    rng = np.random.default_rng(0)
    features = {
        m: jnp.asarray(rng.standard_normal((rows, length, SIZES[m]), np.float32))
        for m, length in zip(modalities, frames, strict=True)
    }
    masks = {m: jnp.ones(x.shape[:2], bool) for m, x in features.items()}
    return Batch(features, masks, jnp.ones(rows), noise)


@pytest.mark.parametrize("fusion", CASES)
def test_the_release_is_what_pytorch_computes(fusion):
    zoo = torch_zoo.load()
    import torch

    values, rows, frames = CASES[fusion]
    model, traced, chosen = model_of(fusion, {**values, "release": True})
    noise = np.random.default_rng(1).standard_normal((4, rows, values["hidden"]), np.float32)
    batch = batch_of(rows, frames, noise=jnp.asarray(noise) if fusion == "mfm" else None)
    torch.manual_seed(0)
    theirs = zoo.ALGORITHMS[fusion]({
        **{f"{m}_dim": size for m, size in SIZES.items()},
        "output_dim1": len(MER2023.task.classes), "output_dim2": 1, "dropout": 0.0,
        "hidden_dim": chosen["hidden"], "layers": chosen.get("num_layers"), "window_dim": 2,
        "conv1d_kernel_size": chosen.get("kernel_size"), "teacher_forcing_ratio": 0.5,
        "feat_type": "frm_align", **chosen,
    }).eval()  # fmt: skip
    drawn = iter(torch.tensor(noise))
    theirs.noise = lambda _: next(drawn)
    result = theirs({f"{m}s": torch.tensor(np.asarray(x)) for m, x in batch.features.items()})
    weights = dict(theirs.state_dict())
    if fusion == "graph_mfn":
        for name, net in theirs.graph_mfn.networks.items():
            weights |= {f"graph_mfn.networks.{name}.{k}": v for k, v in net.state_dict().items()}
    template = jax.eval_shape(model.init, jax.random.key(0), batch, traced)["params"]
    params = load_torch(weights, template)
    output = jax.jit(model.apply)({"params": params}, batch, traced)
    np.testing.assert_allclose(output.emotion, result.emotion.detach(), atol=2e-6)
    np.testing.assert_allclose(output.valence, result.valence[:, 0].detach(), atol=2e-6)
    own = losses.own(output.aux, traced)
    np.testing.assert_allclose(own, result.own_loss.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fusion", CASES)
def test_any_number_of_modalities_of_any_lengths_trains(fusion):
    values = {**CASES[fusion][0], "num_layers": 2, "dropout": 0.3}  # two stand for any number
    for modalities in (("text",), ("audio", "text")):
        model, traced, _ = model_of(fusion, values, modalities)
        batch = batch_of(3, (1, 4)[-len(modalities) :], modalities)
        params = variables.drawn(model, batch, traced)["params"]

        def loss(params, model=model, traced=traced, batch=batch):
            output = model.apply(
                {"params": params}, batch, traced, train=True, rngs={"dropout": jax.random.key(1)}
            )
            return (output.valence**2).sum() + losses.own(output.aux, traced)

        for path, leaf in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(params)):
            assert np.isfinite(leaf).all(), jax.tree_util.keystr(path)


def gradient_of(fusion, values, name):
    """The gradient of a parameter that the release never trains, or trains."""
    model, traced, _ = model_of(fusion, values)
    batch = batch_of(2, (3, 3, 3))
    params = variables.drawn(model, batch, traced)["params"]
    found = jax.jit(jax.grad(lambda p: model.apply({"params": p}, batch, traced).valence.sum()))
    return found(params)["fusion"]["graph_mfn"][name]["kernel"]


def test_graph_mfns_nodes_train_unless_it_is_the_release():
    assert np.any(gradient_of("graph_mfn", CASES["graph_mfn"][0], "networks.0_1_2.0"))
    (group,) = FUSIONS["graph_mfn"].GROUPS
    assert group.when == ("release", True) and group.settings == {"learning_rate": 0.0}


def test_mctn_predicts_from_text_and_a_clip_alone_knows_nothing_of_its_batch():
    model, traced, _ = model_of("mctn", CASES["mctn"][0])
    batch = batch_of(3, (4, 4, 4))
    params = variables.drawn(model, batch, traced)
    apply = jax.jit(model.apply)
    whole = apply(params, batch, traced)
    alone = jax.tree.map(lambda x: x[:1], batch)
    np.testing.assert_allclose(apply(params, alone, traced).valence, whole.valence[:1], atol=1e-6)
    deaf = batch._replace(features={**batch.features, "audio": 0 * batch.features["audio"]})
    np.testing.assert_array_equal(apply(params, deaf, traced).valence, whole.valence)


@pytest.mark.parametrize("release", [False, True])
def test_mctns_decoders_are_told_the_targets_in_the_release_alone(release):
    """Of what does not depend on the target the mean square from it is a parabola in its size."""
    model, traced, _ = model_of("mctn", {**CASES["mctn"][0], "release": release})
    batch = batch_of(3, (4, 4, 4))
    params = jax.jit(model.init)(jax.random.key(0), batch, traced)

    @jax.jit
    def lost(size):
        features = {**batch.features, "audio": size * batch.features["audio"]}
        return model.apply(params, batch._replace(features=features), traced).aux["translation"]

    third_difference = np.dot([lost(size) for size in (0.0, 1.0, 2.0, 3.0)], [-1, 3, -3, 1])
    assert (abs(third_difference) > 1e-4) == release


def test_mult_with_positions_knows_where_frames_stand():
    swapped = np.array([0, 2, 1, 3])
    differ = {}
    for positions in (False, True):
        model, traced, _ = model_of("mult", {"hidden": 8, "num_heads": 2, "positions": positions})
        batch = batch_of(1, (4, 4, 4))
        params = variables.drawn(model, batch, traced)
        apply = jax.jit(model.apply)
        once = apply(params, batch, traced).valence
        other = batch._replace(features={m: x[:, swapped] for m, x in batch.features.items()})
        differ[positions] = np.abs(apply(params, other, traced).valence - once).max()
    assert differ[True] > differ[False] > 0  # the causal mask tells something of the order


def test_heads_that_do_not_divide_the_width_are_refused():
    model, traced, _ = model_of("mult", {"hidden": 6, "num_heads": 4})
    said = "4 heads do not divide config.model.hidden, 6"
    with pytest.raises(InputError, match=said):
        variables.drawn(model, batch_of(1, (4, 4, 4)), traced)


@pytest.mark.parametrize("fusion", ["mfn", "mfm", "mult"])
def test_weights_of_frames_are_shown(fusion):
    values, *_ = CASES[fusion]
    model, traced, _ = model_of(fusion, values)
    batch = batch_of(2, (4, 4, 4))
    params = variables.drawn(model, batch, traced)["params"]
    apply = jax.jit(partial(model.apply, mutable=[SOWN]))
    _, shown = apply({"params": params}, batch, traced)
    (weights,) = shown[SOWN]["fusion"][FRAME_ATTENTION]
    assert {m: w.shape for m, w in weights.items()} == dict.fromkeys(SIZES, (2, 4))
    # MFN's weights are a share of a frame's, MulT's of a modality's frames.
    total = sum(w for w in weights.values()) if fusion != "mult" else weights["text"].sum(1)
    np.testing.assert_allclose(total, np.ones_like(total), rtol=1e-5)
