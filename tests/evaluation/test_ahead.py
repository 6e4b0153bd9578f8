"""What is made ready while runs train is what the end of the training takes."""

import threading

import jax
import numpy as np
import pytest

from mer_jax.corpora import MELD, MER2023
from mer_jax.data.arrays import Labels, Split
from mer_jax.evaluation import ahead, bootstrap, ensemble, out_of_fold
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import of_bounds
from mer_jax.training.plan import Plan
from tests.support.runs import config_of, folds_of, samples_of

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
    for job in ahead.programs(task, plan.config, plan, {"mer_multi": split}):
        job()
    validated = out_of_fold.labels(labels, plan.folds)
    of_all, of_split = (predicted(task, of) for of in (validated, partly))
    with jax.log_compiles():
        caplog.clear()
        ensemble.score(task, of_all, validated)
        ensemble.score(task, of_split, partly)
        bootstrap.intervals(task, of_split, partly, RESAMPLES, seed=0)
        assert not compiled_in(caplog)
        ensemble.score(task, predicted(task, labels.rows(slice(3))), labels.rows(slice(3)))
        assert compiled_in(caplog), "of another number of clips a program is compiled"


def predicted(task, labels: Labels) -> Predictions:
    """Predictions such as an ensemble has, with the attention that no score looks at."""
    rng = np.random.default_rng(0)
    of = ensemble.blank(task, labels)
    attention = {"audio": np.ones(len(labels.emotion), np.float32)}
    return Predictions(*(x if x is None else rng.normal(size=x.shape).astype(np.float32)
                         for x in of[:2]), attention)  # fmt: skip


def test_jobs_are_done_beside_the_body_and_left_when_it_ends():
    done, waiting, going_on = [], threading.Event(), threading.Event()

    def fails():
        raise ValueError("met again by whoever needs it")

    def waits():
        waiting.set()
        assert going_on.wait(60)
        done.append("waits")

    with ahead.beside([fails, waits, lambda: done.append("too late")]):
        assert waiting.wait(60), "the body runs while a job does"
        ending = threading.Timer(0.2, going_on.set)
        ending.start()
    assert done == ["waits"], "the job under way is waited for"
    ending.join()
