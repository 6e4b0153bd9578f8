"""What is made ready while runs train is what the end of the training takes."""

import threading

import jax
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MELD, MER2023
from mer_jax.data.arrays import Labels, Split
from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.data.rows import Frames
from mer_jax.evaluation import ahead, bootstrap, ensemble, out_of_fold
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import of_bounds
from mer_jax.training import program
from mer_jax.training.batch import of_one_row
from mer_jax.training.frames import on_device
from mer_jax.training.plan import Plan
from tests.support.runs import SIZES, config_of, folds_of, samples_of

TARGETS = of_bounds(("calm", "angry"), ("openness", "trust"), (0, 1, 0, 1))
RESAMPLES = 7


def compiled_in(caplog):
    return [r.getMessage() for r in caplog.records if "XLA compilation" in r.getMessage()]


@pytest.mark.parametrize(
    ("task", "clips"), [(MER2023.task, 53), (MELD.task, 59), (TARGETS, 61)], ids=str
)
def test_scores_need_no_compilation_after_it(task, clips, caplog):
    """A split of clips of which some are unknown, and the clips that folds validate on."""
    samples = samples_of(count=clips, task=task)
    if task.targets:
        columns = [np.stack([x, x], 1) for x in samples.labels[2:]]
        samples = samples._replace(labels=Labels(*samples.labels[:2], *columns))
    labels = samples.labels
    mask = labels.valence_mask
    known = np.arange(clips) % 5 > 0
    partly = Labels(*labels)._replace(emotion_mask=known, valence_mask=(known & mask.T).T)
    partly = partly.rows(np.arange(clips - 8))
    plan = Plan(config_of(evaluate__bootstrap=RESAMPLES), [{}], samples, folds_of(samples))
    split = Split(np.arange(clips - 8).astype(str), {}, partly)
    for job in ahead.scores(task, plan, {"mer_multi": split}):
        job()
    validated = out_of_fold.labels(labels, plan.folds)
    of_all, of_split = (predicted(task, of) for of in (validated, partly))
    with jax.log_compiles():
        caplog.clear()
        ensemble.score(task, of_all, validated)
        ensemble.score(task, of_split, partly)
        bootstrap.intervals(task, of_split, partly, RESAMPLES, seed=0)
        assert not compiled_in(caplog)
        others = labels.rows(np.arange(167) % clips)  # as many as no other test scores
        ensemble.score(task, predicted(task, others), others)
        assert compiled_in(caplog), "of another number of clips a program is compiled"


def predicted(task, labels: Labels) -> Predictions:
    """Predictions such as an ensemble has, with the attention that no score looks at."""
    rng = np.random.default_rng(0)
    of = ensemble.blank(task, labels)
    attention = {"audio": np.ones(len(labels.emotion), np.float32)}
    return Predictions(*(x if x is None else rng.normal(size=x.shape).astype(np.float32)
                         for x in of[:2]), attention)  # fmt: skip


@pytest.mark.parametrize("level", [UTTERANCE, FRAME])
def test_predictions_need_no_compilation_after_it(level, caplog):
    """Of more clips than a batch holds, standardised; of frames in batches of unlike shapes."""
    samples, fusion = samples_of(count=29), "attention"
    if level == FRAME:
        fusion, lengths = "alstm_fcn", np.arange(29) % 7 + 1
        frames = {m: np.repeat(x, lengths, 0) for m, x in samples.features.items()}
        of_clips = {m: Frames.of_lengths(x, lengths) for m, x in frames.items()}
        samples = samples._replace(features=of_clips)
    changes = {"model__fusion": fusion, "data__standardise": True, "evaluate__batch_size": 17}
    config, folds = config_of(**changes), folds_of(samples, **changes)
    plan = Plan(config, config_lib.trials(config)[:1], samples, folds)
    static = program.static_of(config, plan.trials[0], tuple(SIZES), MER2023.task)
    assert static.level == level
    split = Split(np.arange(11).astype(str), {m: x[:11] for m, x in samples.features.items()}, None)
    jobs = ahead.predictions(static, plan, SIZES, {"mer_multi": split})
    hparams = program.hparams_of(plan.trials[0])
    kept = kept_of(static, plan, hparams)
    with jax.log_compiles():
        for job in jobs:
            job()
        assert len(compiled_in(caplog)) > 1
        caplog.clear()
        for features in (samples.features, split.features):
            ensemble.predict(static, hparams, kept, features, config.evaluate.batch_size)
    assert not compiled_in(caplog)


def kept_of(static, plan, hparams):
    """Weights of each fold's run, as the model itself begins with."""
    features = plan.samples.features
    one = of_one_row(
        jax.tree.map(on_device, features) if static.level == FRAME else jax.device_put(features)
    )
    keys = jax.random.split(jax.random.key(0), len(plan.folds))
    model = program.build_model(static)
    state = dict(jax.jit(jax.vmap(lambda key: model.init(key, one, hparams.model)))(keys))
    scaler = jax.tree.map(lambda *x: np.stack(x), *(fold.scaler for fold in plan.folds.values()))
    kept = {"params": state.pop("params"), "model_state": state, "scaler": scaler}
    return jax.device_get(kept)


def test_jobs_are_done_beside_the_body_and_left_when_it_ends():
    done, waiting, going_on = [], threading.Event(), threading.Event()

    def fails():
        raise ValueError("met again by whoever needs it")

    def waits():
        waiting.set()
        assert going_on.wait(60)
        done.append("waits")

    with ahead.beside([fails, waits, lambda: done.append("too late")], patience=0):
        assert waiting.wait(60), "the body runs while a job does"
        ending = threading.Timer(0.2, going_on.set)
        ending.start()
    assert done == ["waits"], "the job under way is waited for"
    ending.join()
    with ahead.beside([lambda: done.append("of a body that ended sooner")], patience=600):
        pass
    assert done == ["waits"]
