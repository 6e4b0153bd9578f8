"""The examples of docs/extending.md work as they stand there."""

import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax import corpora
from mer_jax.models import fusion, multitask
from mer_jax.models.layers import Batch
from mer_jax.training import semi

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extending.md"


@pytest.fixture
def example(monkeypatch):
    """Executes the example under a heading; what it registers is gone after the test."""
    for holder, name in (
        (corpora, "CORPORA"),
        (fusion, "FUSIONS"),
        (semi, "METHODS"),
    ):
        monkeypatch.setattr(holder, name, dict(getattr(holder, name)))
    monkeypatch.setattr(multitask, "FUSIONS", fusion.FUSIONS)

    def execute(heading):
        section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
        found = {"__name__": "example"}
        exec(compile(code, str(PAGE), "exec"), found)
        return found

    return execute


def test_the_corpus(example):
    example("A corpus")
    info = corpora.corpus_info("iemocap")
    assert (info.task.classes, info.task.selection) == (("happy", "sad", "neutral", "angry"), "com")
    # Both speakers of a session are in one group, whichever dialogue and whoever is filmed.
    of_one_session = {"Ses01F_impro01_F003", "Ses01M_script02_1_M012", "Ses01F_impro02_M000"}
    assert {info.group(name) for name in of_one_session} == {"Ses01"}
    assert info.group("Ses05M_script01_1b_F010") == "Ses05"


def test_the_fusion_model(example):
    example("A fusion model")
    modalities = ("audio", "text")
    model = multitask.build("gated", {"hidden": 4}, modalities, corpora.MER2023.task)
    rng = np.random.default_rng(0)
    features = {m: jnp.asarray(rng.normal(size=(3, 5)), jnp.float32) for m in modalities}
    batch = Batch(features, {}, jnp.ones(3))
    settings = {"dropout": jnp.float32(0)}
    variables = model.init(jax.random.key(0), batch, settings)
    output = model.apply(variables, batch, settings)
    assert output.emotion.shape == (3, 6)
    weights = variables["params"]["fusion"]
    assert {"audio_gate", "text_gate"} <= weights.keys()
    half = {m: features[m] * 0 for m in modalities}  # gates of what is zero are those of the bias
    assert not np.allclose(
        output.emotion, model.apply(variables, batch._replace(features=half), settings).emotion
    )


def test_the_method(example):
    example("A semi-supervised method")
    method = semi.METHODS["entropy"]
    p = jnp.asarray([[0.5, 0.5], [1.0, 0.0], [0.9, 0.1]])
    chosen = method.choose(method.init(2, 3), semi.Weak(p, jnp.arange(3)), {})
    by_hand = 1 + (0.9 * np.log2(0.9) + 0.1 * np.log2(0.1))
    np.testing.assert_allclose(chosen.weight, [0, 1, by_hand], atol=1e-6)


def test_the_metric(example):
    metric = example("A metric")["unweighted_recall"]
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 50), rng.integers(0, 5, 50)
    twice = rng.integers(0, 3, 50)
    value = metric(jnp.asarray(true), jnp.asarray(predicted), jnp.asarray(twice, jnp.float32), 5)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        expected = sk.balanced_accuracy_score(np.repeat(true, twice), np.repeat(predicted, twice))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
