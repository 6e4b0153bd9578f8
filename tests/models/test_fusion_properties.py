"""What holds of every fusion: padding of rows and frames is nothing, and the order of clips too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.config.kinds import as_tuple
from mer_jax.corpora import MER2023
from mer_jax.data.npy import FRAME
from mer_jax.models import multitask
from mer_jax.models.fusion import FUSIONS, levels
from mer_jax.models.layers import Batch
from mer_jax.task import MODALITIES
from mer_jax.training import losses
from tests.support import variables

SIZES = {"audio": 5, "text": 4, "video": 3}
LENGTHS = {"audio": (5, 2, 4, 1), "text": (5, 2, 4, 1), "video": (5, 2, 4, 1)}  # aligned
ROWS, HIDDEN, DRAWS = 4, 8, 4
# Small values of settings whose defaults make programs large; all others have their defaults.
SMALL = {"hidden": HIDDEN, "layers": "6,8", "dropout": 0.0, "lstm_dropout": 0.0}
CASES = [
    pytest.param(fusion, level, id=f"{fusion}-{level}")
    for fusion in FUSIONS
    for level in levels(fusion)
]


def model_of(fusion):
    values = {s.name: SMALL.get(s.name, as_tuple(s.default)[0]) for s in FUSIONS[fusion].SETTINGS}
    declared = FUSIONS[fusion].SETTINGS
    static = {s.name: s.kind.build(values[s.name]) for s in declared if not s.traced}
    traced = {s.name: jnp.float32(values[s.name]) for s in declared if s.traced}
    modalities = MODALITIES[:1] if fusion == "unimodal" else MODALITIES
    return multitask.build(fusion, static, modalities, MER2023.task), traced, modalities


def batch_of(modalities, level, rng):
    features, masks = {}, {}
    for m in modalities:
        if level == FRAME:
            longest = max(LENGTHS[m])
            mask = np.arange(longest)[None] < np.array(LENGTHS[m])[:, None]
            x = rng.normal(size=(ROWS, longest, SIZES[m])) * mask[..., None]
            masks[m] = mask
        else:
            x = rng.normal(size=(ROWS, SIZES[m]))
        features[m] = x.astype(np.float32)
    noise = rng.normal(size=(DRAWS, ROWS, HIDDEN)).astype(np.float32)
    return Batch(features, masks, np.ones(ROWS, np.float32), noise)


def reordered_and_padded(batch, order, rng):
    """Its rows in another order, with a row and frames that are padding after them."""

    def rows(x, value=0):
        return np.concatenate([x[order], np.full((1, *x.shape[1:]), value, x.dtype)])

    features = {m: rows(x) for m, x in batch.features.items()}
    masks = {m: rows(mask) for m, mask in batch.frame_mask.items()}
    for m, mask in masks.items():
        more = ((0, 0), (0, 3))
        masks[m] = np.pad(mask, more)
        features[m] = np.pad(features[m], (*more, (0, 0)))
    for m, x in features.items():
        # A padded row is no zeros in training: it is some clip again. So are its frames.
        x[-1] = rng.normal(size=x.shape[1:])
        if m in masks:
            masks[m][-1] = True
    noise = np.concatenate([batch.noise[:, order], batch.noise[:, :1]], axis=1)
    return Batch(features, masks, rows(batch.row_weight), noise)


@pytest.mark.parametrize(("fusion", "level"), CASES)
def test_padding_changes_nothing_and_order_only_the_order(fusion, level):
    model, settings, modalities = model_of(fusion)
    rng = np.random.default_rng(0)
    batch = batch_of(modalities, level, rng)
    order = rng.permutation(ROWS)
    made = variables.drawn(model, jax.tree.map(jnp.asarray, batch), settings)
    params = made.pop("params")

    def objective(params, batch):
        output, state = model.apply(
            {"params": params, **made},
            batch,
            settings,
            train=True,
            rngs={"dropout": jax.random.key(2)},
            mutable=list(made),
        )
        outputs = jnp.concatenate([output.emotion, output.valence[:, None]], axis=1)
        own = losses.own(output.aux, settings)
        total = (batch.row_weight[:, None] * outputs**2).sum() + own
        return total, (outputs, output.aux, state)

    grad = jax.jit(jax.grad(objective, has_aux=True))
    padded = jax.tree.map(jnp.asarray, reordered_and_padded(batch, order, rng))
    gradient, (outputs, aux, state) = grad(params, jax.tree.map(jnp.asarray, batch))
    of_padded, (outputs_padded, aux_padded, state_padded) = grad(params, padded)
    np.testing.assert_allclose(outputs_padded[:ROWS], outputs[order], rtol=1e-4, atol=1e-5)
    for name, value in aux.items():
        np.testing.assert_allclose(aux_padded[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
    # A bias before a batch norm or a softmax has a gradient of rounding alone.
    floor = 1e-2 * max(float(np.abs(x).max()) for x in jax.tree.leaves(gradient))
    for (path, x), y in zip(
        jax.tree.leaves_with_path((gradient, state)),
        jax.tree.leaves((of_padded, state_padded)),
        strict=True,
    ):
        assert np.isfinite(x).all(), path
        scale = max(float(np.abs(x).max()), floor, 1e-2)
        np.testing.assert_allclose(y, x, atol=1e-4 * scale, err_msg=jax.tree_util.keystr(path))
