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

from ml_collections import ConfigDict

from mer_jax.data.arrays import Split
from mer_jax.evaluation import bootstrap, ensemble, out_of_fold
from mer_jax.task import Task
from mer_jax.training.plan import Plan

LOG = logging.getLogger("mer_jax")
Job = Callable[[], None]


@contextlib.contextmanager
def beside(jobs: Iterable[Job]) -> Iterator[None]:
    """A body beside which the jobs are done, one after another, as far as it leaves time.

    A job that fails is left to whoever needs it, who meets the same mistake.
    """
    over = threading.Event()

    def work() -> None:
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


def programs(task: Task, config: ConfigDict, plan: Plan, splits: Mapping[str, Split]) -> list[Job]:
    """The compilations of the scores of a plan's runs, `splits` being those that they predict."""
    jobs = []
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
