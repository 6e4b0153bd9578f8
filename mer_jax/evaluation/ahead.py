"""What the end of a training takes, made ready in a thread while its runs train.

XLA compiles a program for each number of clips that are scored, ten or more in all: as long as a
short training takes. It does so on one core, and so does the compilation of what trains, so that
both together take little longer than one. Nothing is computed here, and no result depends on it.
"""

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax

from mer_jax.data import rows as rows_lib
from mer_jax.data.arrays import Split
from mer_jax.data.rows import Rows
from mer_jax.evaluation import bootstrap, ensemble, out_of_fold
from mer_jax.evaluation.ensemble import Weights
from mer_jax.task import Task
from mer_jax.training import program
from mer_jax.training import sizes as sizes_lib
from mer_jax.training.plan import Plan
from mer_jax.training.program import Static

# By then the first epoch is over where its programs were kept: Python, which one thread uses at a
# time, was busy until then. Where they were not it takes longer, and Python is idle meanwhile.
_PATIENCE_SECONDS = 5.0
LOG = logging.getLogger("mer_jax")
Job = Callable[[], None]


@contextlib.contextmanager
def beside(jobs: Iterable[Job], patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """A body beside which the jobs are done, one after another, as far as it leaves time.

    The first begins `patience` seconds after the body. The one under way at its end is waited for.
    A job that fails is left to whoever needs it, who meets the same mistake.
    """
    over = threading.Event()

    def work() -> None:
        over.wait(patience)
        for job in jobs:
            if over.is_set():
                return
            try:
                job()
            except Exception as error:  # of whatever kind: it is met again where it matters
                LOG.debug("not made ready: %s: %s", type(error).__name__, error)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()  # a process that ends while XLA compiles in a thread ends by a signal


def predictions(
    static: Static, plan: Plan, sizes: dict[str, int], splits: Mapping[str, Split]
) -> list[Job]:
    """The compilations of what a trial's runs predict: the samples that train, and `splits`.

    None on an accelerator, where XLA would choose a product's program by the clock, beside a
    training that keeps it busy.
    """
    if jax.default_backend() != "cpu":
        return []
    hparams = program.hparams_of(plan.trials[0])  # arguments of the program, whatever they are
    weights = functools.cache(functools.partial(_weights, static, plan, sizes))

    def ready(features: dict[str, Rows]) -> None:
        batch_size = plan.config.evaluate.batch_size
        ensemble.compile_predict(static, hparams, weights(), features, batch_size)

    every = (plan.samples.features, *(split.features for split in splits.values()))
    return [functools.partial(ready, features) for features in every]


def _weights(static: Static, plan: Plan, sizes: dict[str, int]) -> Weights:
    """The shapes of what the runs of one trial keep if none fails."""
    one = sizes_lib.zeros(static, sizes, 1, rows_lib.longest(plan.samples.features))
    state = sizes_lib.shapes(static, one)
    params = state.pop("params")
    scaler = next(iter(plan.folds.values())).scaler

    def of_all(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((len(plan.folds), *leaf.shape), leaf.dtype)

    return jax.tree.map(of_all, Weights(params, state, scaler))


def scores(task: Task, plan: Plan, splits: Mapping[str, Split]) -> list[Job]:
    """The compilations of the scores of a plan's runs, `splits` being those that they predict."""
    config, jobs = plan.config, []
    if config.folds:
        known = out_of_fold.labels(plan.samples.labels, plan.folds)
        jobs.append(functools.partial(ensemble.compile_score, task, known))
    for split in splits.values():
        jobs += (
            functools.partial(ensemble.compile_score, task, split.labels),
            functools.partial(
                bootstrap.compile_scores, task, split.labels, config.evaluate.bootstrap
            ),
        )
    return jobs
