"""The examples of docs/extending.md work as they stand there."""

import pathlib
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax import config as config_lib
from mer_jax import corpora, experiment, extraction, metrics, semi
from mer_jax.data import folder, folds
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import ensemble, terminal
from mer_jax.evaluation import model as model_lib
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.models import fusion, multitask
from mer_jax.models.layers import Batch
from mer_jax.progress import SILENT
from mer_jax.task import Task
from mer_jax.training import program
from tests.support import media, user_folder

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extending.md"


def code_of(heading):
    """The example under a heading."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return code


@pytest.fixture
def example(monkeypatch):
    """Executes the example under a heading; what it registers is gone after the test."""
    for holder, name in ((corpora, "CORPORA"), (extraction, "EXTRACTORS")):
        monkeypatch.setattr(holder, name, dict(getattr(holder, name)))
    # These are one object each for all who read them.
    shared = (fusion.FUSIONS, metrics.METRICS, semi.METHODS)
    before = [dict(registry) for registry in shared]

    def execute(heading):
        found = {"__name__": "example"}
        exec(compile(code_of(heading), str(PAGE), "exec"), found)
        return found

    yield execute
    for registry, entries in zip(shared, before, strict=True):
        registry.clear()
        registry.update(entries)


def test_the_corpus(example):
    example("A corpus")
    info = corpora.corpus_info("iemocap")
    assert (info.task.classes, info.task.selection) == (("happy", "sad", "neutral", "angry"), "com")
    # Both speakers of a session are in one group, whichever dialogue and whoever is filmed.
    of_one_session = {"Ses01F_impro01_F003", "Ses01M_script02_1_M012", "Ses01F_impro02_M000"}
    assert {info.group(name) for name in of_one_session} == {"Ses01"}
    assert info.group("Ses05M_script01_1b_F010") == "Ses05"
    names = [f"Ses0{s}{of}_impro0{d}_{of}00{n}" for s in range(1, 6) for of in "FM"
             for d in range(3) for n in range(s)]  # fmt: skip
    fold = folds.assign(names, 5, seed=0, repeat=0, groups=[info.group(name) for name in names])
    assert len({(info.group(name), k) for name, k in zip(names, fold, strict=True)}) == 5
    assert set(fold) == set(range(5))


def test_the_extractor(example, tmp_path):
    pytest.importorskip("av", reason="the extra extract is not installed")
    from mer_jax.extraction import clips, engine, sets

    example("An extractor")
    media.write_wav(tmp_path / "clips" / "a.wav", np.full(1_000, 2**14))
    media.write_wav(tmp_path / "clips" / "b.wav", np.full(100, 2**14))
    wanted = sets.wanted("Loudness", sets.Settings())
    found = engine.run(wanted, clips.of_folder(tmp_path / "clips"), tmp_path / "out")
    assert found.failed == {"loudness_UTT": {"b": "its audio is shorter than 10 ms"}}
    vector = np.load(tmp_path / "out/features/loudness_UTT/a.npy")
    np.testing.assert_allclose(vector, [np.log(0.25)], atol=1e-4)


def test_the_fusion_model(example):
    example("A fusion model")
    modalities = ("audio", "text")
    model = multitask.build("gated", {"hidden": 4}, modalities, corpora.MER2023.task)
    rng = np.random.default_rng(0)
    features = {m: jnp.asarray(rng.normal(size=(3, 5)), jnp.float32) for m in modalities}
    batch = Batch(features, {}, jnp.ones(3))
    settings = {"dropout": jnp.float32(0), "gate_sharpness": jnp.float32(1)}
    variables = model.init(jax.random.key(0), batch, settings)
    output = model.apply(variables, batch, settings)
    assert output.emotion.shape == (3, 6)
    weights = variables["params"]["fusion"]
    assert {"audio_gate", "text_gate"} <= weights.keys()
    config = config_lib.load_base()
    config.model.fusion, config.model.gate_sharpness = "gated", (1, 4)
    config.model.hidden, config.train.learning_rate = 4, 1e-3
    trials = config_lib.trials(config_lib.check(config))
    assert config_lib.varied(trials) == ["model.gate_sharpness"]
    given = [program.hparams_of(trial).model for trial in trials]
    assert given == [{"dropout": 0.3, "gate_sharpness": sharp} for sharp in (1.0, 4.0)]
    half = {m: features[m] * 0 for m in modalities}  # gates of what is zero are those of the bias
    assert not np.allclose(
        output.emotion, model.apply(variables, batch._replace(features=half), settings).emotion
    )


def test_the_frame_level_fusion(example):
    example("A frame-level fusion")
    modalities, lengths = ("audio", "text"), {"audio": [4, 2, 1], "text": [1, 3, 3]}
    model = multitask.build("frame_attention", {"hidden": 4}, modalities, corpora.MER2023.task)
    settings = {"dropout": jnp.float32(0)}
    rng = np.random.default_rng(0)
    clips = {m: [rng.normal(size=(n, 5)) for n in lengths[m]] for m in modalities}

    def padded(frames, filler):
        features = {m: np.full((3, frames, 5), filler, np.float32) for m in modalities}
        mask = {m: np.arange(frames) < np.array(lengths[m])[:, None] for m in modalities}
        for m in modalities:
            for row, clip in enumerate(clips[m]):
                features[m][row, : len(clip)] = clip
        return Batch(jax.tree.map(jnp.asarray, features), jax.tree.map(jnp.asarray, mask),
                     jnp.ones(3))  # fmt: skip

    variables = model.init(jax.random.key(0), padded(4, 0), settings)
    output = model.apply(variables, padded(4, 0), settings)
    further = model.apply(variables, padded(7, 100), settings)
    np.testing.assert_allclose(further.emotion, output.emotion, atol=1e-6)
    weights = jax.tree.map(np.float64, variables["params"])

    def by_hand(row):
        pooled = []
        for m in modalities:
            of, score = weights["fusion"][m], weights["fusion"][f"{m}_score"]
            h = np.maximum(clips[m][row] @ of["kernel"] + of["bias"], 0)
            alpha = np.exp(h @ score["kernel"] + score["bias"])
            pooled.append((alpha / alpha.sum() * h).sum(0))
        head = weights["emotion"]
        return np.mean(pooled, 0) @ head["kernel"] + head["bias"]

    np.testing.assert_allclose(output.emotion, [by_hand(row) for row in range(3)], atol=1e-5)


def test_the_frame_level_fusion_trains_from_a_folder(example, tmp_path):
    example("A frame-level fusion")
    root = tmp_path / "user"
    names = user_folder.write_mer2023(root)
    rng = np.random.default_rng(0)
    every = sorted({name for split in names.values() for name in split})
    clips = {name: rng.normal(size=(rng.integers(1, 6), 5)).astype(np.float32) for name in every}
    user_folder.write_features(root, "faces_FRA", clips)
    config = user_folder.config(
        root, tmp_path / "tfds", model__fusion="frame_attention", model__hidden=4, train__epochs=2,
        folds=2, repeats=1, train__learning_rate=1e-2, evaluate__bootstrap=0,
        train__tensorboard=False, features__video="faces_FRA",
    )  # fmt: skip
    experiment.train(config, tmp_path / "work")
    predicted = (tmp_path / "work" / "predictions" / "mer_noise.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in predicted[1:]] == names["mer_noise"]
    _, model = model_lib.restore(config, tmp_path / "work")
    assert model.kept["params"]["fusion"]["video"]["kernel"].shape == (2, 5, 4)
    sets = {"audio": user_folder.AUDIO, "video": "faces_FRA"}
    _, features = folder.read(root, sets, level=model.static.level)
    whole, last = (
        model_lib.predict_runs(model, x, SILENT, "clips").emotion
        for x in (features, {m: x[-1:] for m, x in features.items()})
    )
    np.testing.assert_allclose(whole[:, -1:], last, rtol=1e-4, atol=1e-5)  # without padding


def test_the_method(example):
    example("A semi-supervised method")
    method = semi.METHODS["entropy"]
    p = jnp.asarray([[0.5, 0.5], [1.0, 0.0], [0.9, 0.1]])
    chosen = method.choose(
        method.init(2, jnp.ones(3, bool)), semi.Weak(p, jnp.arange(3)), {"sharpness": 2}
    )
    by_hand = 1 + (0.9 * np.log2(0.9) + 0.1 * np.log2(0.1))
    np.testing.assert_allclose(chosen.weight, [0, 1, by_hand**2], atol=1e-6)
    trial = config_lib.trials(config_lib.check(config_lib.load_base()))[0]
    assert "semi.sharpness" not in trial  # no method is on
    config = config_lib.load_base()
    config.data.corpus, config.semi.method, config.semi.sharpness = "synthetic", "entropy", (1, 2)
    trials = config_lib.trials(config_lib.check(config))
    assert {trial["semi.sharpness"] for trial in trials} == {1.0, 2.0}
    assert not any("semi.threshold" in trial for trial in trials)


def test_the_metric(example):
    example("A metric")
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 50), rng.integers(0, 5, 50)
    twice = rng.integers(0, 3, 50)
    task = Task(tuple("abcde"))
    known = np.ones(50, bool)
    labels = Labels(true.astype(np.int32), known, np.zeros(50, np.float32), ~known)
    logits = np.eye(5, dtype=np.float32)[predicted]
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        drawn, once = (
            sk.balanced_accuracy_score(np.repeat(true, n), np.repeat(predicted, n))
            for n in (twice, np.ones(50, int))
        )
    for xp in (np, jnp):
        weight = xp.asarray(twice, dtype=xp.float32)
        value = metrics.compute(task, xp.asarray(logits), None, labels, weight)["uar"]
        np.testing.assert_allclose(value, drawn, rtol=1e-6)
    scores = ensemble.score(task, Predictions(logits, None), labels)
    assert scores["uar"] == pytest.approx(once, rel=1e-6)
    of_all = {name: {"mean": value, "std": None} for name, value in scores.items()}
    results = {"cross_validation": {"dis": None, "acc": None}, "test": {"test": of_all}}
    text = terminal.table({**results, "best": {}, "runs": []}, False, ("dis", "uar"))
    assert text.splitlines()[0].split() == ["Dis", "(↑)", "UAR", "(↑)"]
    assert text.splitlines()[3].split()[-1] == f"{100 * once:.2f}"
    assert "uar" not in metrics.every_epoch(task)
    assert "uar" in metrics.every_epoch(metrics.selecting(task, "uar"))


def test_the_command(tmp_path):
    submission = tmp_path / "mer_multi.csv"
    submission.write_text("name,discrete,valence\na,sad,-1\nb,happy,2\nc,sad,0\n")
    script = (
        f"{code_of('A command')}\n"
        "import atexit, sys\n"
        "from mer_jax import main\n"
        "atexit.register(lambda: print([m for m in ('jax', 'tensorflow_datasets') "
        "if m in sys.modules]))\n"
        "main.main()\n"
    )

    def count(*arguments):
        command = [sys.executable, "-c", script, "--mode=count", *arguments]
        root = PAGE.parents[1]  # the package need not be installed
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=root)
        return done.returncode, done.stdout, done.stderr

    said = "sad: 2 of 3 clips\nhappy: 1 of 3 clips\n[]\n"
    assert count(f"--predictions={submission}") == (0, said, "")
    assert count() == (2, "[]\n", "mer_jax: --mode=count needs --predictions=FILE\n")
    absent = tmp_path / "absent.csv"
    status, _, error = count(f"--predictions={absent}")
    assert (status, error) == (2, f"mer_jax: {absent}: No such file or directory\n")
    status, out, _ = count("--help")
    assert status == 0
    assert "--predictions=FILE" in out
