"""Attention over time, from a model's weights to the figure and its words."""

import types

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.corpora import CMUMOSI
from mer_jax.data.arrays import Labels
from mer_jax.data.npy import FRAME
from mer_jax.data.rows import Frames
from mer_jax.evaluation import ensemble
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.predicted import Predicted
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import FRAME_ATTENTION, SOWN, Batch
from mer_jax.reporting import frame_figures
from mer_jax.training.batch import of_one_row
from mer_jax.training.frames import on_device
from mer_jax.training.program import HParams, Static, build_model

LENGTHS = (2, 5, 3)


def test_a_models_weights_over_time_are_predicted(monkeypatch):
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(length, 4)).astype(np.float32) for length in LENGTHS]
    features = {"text": Frames.of_clips(clips)}
    declared = FUSIONS["alstm_fcn"].SETTINGS
    fields = (("hidden", 4), ("shuffle", False))
    assert {s.name for s in declared if not s.traced} == dict(fields).keys()
    static = Static("alstm_fcn", fields, ("text",), CMUMOSI.task, 1, 2, level=FRAME)
    hparams = HParams({}, {"lstm_dropout": 0.0})
    one_row = of_one_row({"text": on_device(features["text"])})
    variables = build_model(static).init(jax.random.key(0), one_row, hparams.model)
    whole = dict(variables)
    params = variables.pop("params")
    padded, filled = [], ensemble._filled

    def told(batch, more):
        padded.append(batch[0]["text"])
        return filled(batch, more)

    monkeypatch.setattr(ensemble, "_filled", told)
    two = jax.tree.map(lambda x: jnp.stack([x, x]), {"params": params, "model_state": variables})
    found = ensemble.predict(static, hparams, two, features, 64).frame_attention["text"]
    assert found.shape == (2, 3, 5)
    np.testing.assert_allclose(found.sum(-1), np.ones((2, 3)), atol=1e-5)
    np.testing.assert_array_equal(frame_figures.lengths({"text": found[0]}), LENGTHS)
    # In batches of like length, every clip's numbers are its own, in the order that was asked for.
    seen = []
    shapes = ensemble.predict(static, hparams, two, features, 5, seen.append)
    values, mask = features["text"].padded(5)
    batch = Batch({"text": jnp.asarray(values)}, {"text": jnp.asarray(mask)}, jnp.ones(3))
    apply = build_model(static).apply
    output, sown = apply(whole, batch, hparams.model, mutable=[SOWN])
    np.testing.assert_allclose(shapes.valence[1], output.valence, atol=1e-6)
    (weight,) = sown[SOWN]["fusion"][FRAME_ATTENTION]
    np.testing.assert_allclose(shapes.frame_attention["text"][1], weight["text"], atol=1e-6)
    assert [len(batch) for batch in padded] == [3, 1, 1, 1]
    assert [batch.shape[1] for batch in padded] == [5, 2, 3, 5] and seen == [1, 1, 1]
    monkeypatch.setattr(ensemble, "_FRAME_WEIGHT_BYTES", 4 * 2 * 3 * 5 - 1)
    assert ensemble.predict(static, hparams, two, features, 64).frame_attention is None


def predicted(weights):
    """Three clips of unlike lengths, of which the second is the longest."""
    labels = Labels(np.zeros(3, int), np.zeros(3, bool), np.zeros(3, np.float32), np.ones(3, bool))
    predictions = Predictions(None, np.zeros(3, np.float32), None, weights)
    return Predicted(np.array(["a", "b", "c"]), predictions, labels)


def test_the_longest_clips_are_drawn(monkeypatch):
    weight = np.array([[0.5, 0.5, 0, 0], [0.1, 0.2, 0.3, 0.4], [0.2, 0.7, 0.1, 0]], np.float32)
    monkeypatch.setattr(frame_figures, "CLIPS", 2)
    of = predicted({"text": weight})
    run = types.SimpleNamespace(
        task=CMUMOSI.task, labelled_splits=["test"], predicted=lambda _: of, out_of_fold="train"
    )
    (name, picture), *_ = frame_figures.over_time(run).items()
    assert name == "time_test"
    assert picture.alt == (
        "Attention weights over time of the 2 longest clips of test. The largest are at: b, text: "
        "frame 3; c, text: frame 1."
    )
    drawn = [axes.lines[0].get_ydata() for axes in picture.figure.axes]
    np.testing.assert_array_equal(drawn[0], weight[1])
    np.testing.assert_array_equal(drawn[1], weight[2, :3])
    rows = of.rows(np.array([1])).predictions.frame_attention["text"]
    np.testing.assert_array_equal(rows, weight[1:2])
    none = predicted(None)
    run.predicted = lambda _: none
    assert frame_figures.over_time(run) == {}
