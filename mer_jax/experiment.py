"""An experiment: cross-validates a grid, keeps the best trial, predicts, scores and reports."""

import contextlib
import importlib.metadata
import logging
import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import lock, termination, ways
from mer_jax.corpora import info_of, tasks
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import standardise
from mer_jax.data.arrays import Corpus, Labels
from mer_jax.errors import counted
from mer_jax.evaluation import (
    ahead,
    counts,
    decoding,
    events,
    history,
    kept,
    methods,
    out_of_fold,
    trial_ensemble,
)
from mer_jax.evaluation import model as model_lib
from mer_jax.evaluation import results as results_lib
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.model import Model, test_splits
from mer_jax.evaluation.predicted import Predicted
from mer_jax.extraction.writer import copy_manifests
from mer_jax.progress import SILENT, Display
from mer_jax.reporting import written
from mer_jax.task import TRAIN
from mer_jax.training import devices, grid, order, program, spreading
from mer_jax.training import plan as plan_lib
from mer_jax.training import record as record_lib
from mer_jax.training import sizes as sizes_lib
from mer_jax.training.checkpoint import Checkpoints, load_orbax
from mer_jax.training.division import divide
from mer_jax.training.plan import Chunk, Plan
from mer_jax.workdir import Workdir

LOG = logging.getLogger("mer_jax")


class _Prepared(NamedTuple):
    """What the processes that train a grid agree on before they begin."""

    plan: Plan
    chunks: list[Chunk]
    corpus: Corpus
    record: dict[str, Any]  # the content of config.json


def train(
    config: ConfigDict,
    workdir: os.PathLike[str],
    repeated: pathlib.Path | None = None,
    display: Display = SILENT,
) -> None:
    """Cross-validates the grid, keeps the best trial, predicts and scores the test splits.

    Started again in its workdir it continues where it was, or says that it is done. Of several
    processes each trains its share of the chunks; the first writes all else. `repeated` is the
    config.json of an earlier run, whose chunk widths a new workdir takes over: they decide bits.
    Raises Terminated where Ctrl-C or SIGTERM came, with what was trained saved.
    """
    with contextlib.ExitStack() as until_trained:
        config = corpus_lib.resolved(config)
        _train(config, Workdir(workdir), repeated, display, until_trained)


def _train(config, workdir, repeated, display, until_trained) -> None:
    with devices.first_before_others("prepared"):
        prepared = _prepare(config, workdir, repeated, display, until_trained)
    checkpoints = Checkpoints(workdir)
    trained = _is_trained(prepared, checkpoints, workdir)
    if trained:
        LOG.info("%s: already trained", workdir)
        if devices.is_first():
            checkpoints.drop_progress()  # a kill may have come between the results and this
    else:
        LOG.info("%s", _surroundings())
        if prepared.plan.devices > 1:
            LOG.info("the runs of a chunk are on %d cores", prepared.plan.devices)
        LOG.info(
            "%s (%s, %s, %s) in %s",
            counted(sum(len(chunk.runs) for chunk in prepared.chunks), "run"),
            counted(len(prepared.plan.trials), "trial"), counted(config.repeats, "repeat"),
            counted(max(config.folds, 1), "fold"), counted(len(prepared.chunks), "chunk"),
        )  # fmt: skip
        with ahead.beside(_needed_later(prepared) if devices.is_first() else ()):
            _train_chunks(prepared, checkpoints, workdir, display)
    with devices.first_before_others("finished"):
        if devices.is_first():
            predicted = {}
            if not trained:
                predicted = _finish(prepared, checkpoints, workdir, display)
            kept.show(workdir.results(prepared.corpus.task), config, workdir)
            if config.report:
                written.ensure(config, workdir, None, display, prepared.corpus, predicted)


def _needed_later(prepared: _Prepared) -> list[ahead.Job]:
    """What `_finish` and the report take, to be made ready while the chunks train."""
    plan, corpus = prepared.plan, prepared.corpus
    splits = test_splits(plan.config, corpus)
    jobs = ahead.scores(corpus.task, plan, splits)
    statics = {chunk.static for chunk in prepared.chunks}
    if len(statics) == 1:  # of several the best is not known yet
        jobs = ahead.predictions(*statics, plan, prepared.record["sizes"], splits) + jobs
    return [*jobs, load_orbax, *([written.load] if plan.config.report else [])]


def _train_chunks(
    prepared: _Prepared, checkpoints: Checkpoints, workdir: Workdir, display: Display
) -> None:
    """Trains this process's share; returns, or raises Terminated, in all processes alike.

    One that is asked to end waits for the others, which were asked too and save what they have:
    JAX ends them on the spot when one is gone.
    """
    chunks = prepared.chunks
    share = [chunk for _, chunk in grid.share(chunks)]
    left = None
    with contextlib.ExitStack() as around:
        ending = around.enter_context(termination.asked_for())
        observers = [around.enter_context(display.grid(share, len(chunks)))]
        if prepared.plan.config.train.tensorboard:
            observers.append(around.enter_context(contextlib.closing(events.Live(workdir))))

        def observe(snapshot: grid.Snapshot) -> None:
            for observer in observers:
                observer(snapshot)

        try:
            grid.train(prepared.plan, chunks, checkpoints, ending, observe)
        except termination.Terminated as asked:
            left = asked
        devices.wait_for_all("trained")
        done = grid.is_trained(chunks, checkpoints)
        devices.wait_for_all("counted")  # the first is about to remove what was counted
    if not done:
        raise left or termination.Terminated("chunks of other processes are not done")
    if left is not None and devices.is_alone():
        raise left


def _prepare(
    config: ConfigDict,
    workdir: Workdir,
    repeated: pathlib.Path | None,
    display: Display,
    until_trained: contextlib.ExitStack,
) -> _Prepared:
    """The grid and its data; locks the workdir and writes what is used into config.json."""
    task = tasks.task_of(info_of(config), config)
    modalities = tuple(corpus_lib.modalities(config))
    trials = config_lib.trials(config)
    decoding.check(config, task)
    for trial in trials:  # refuses what does not fit together before anything is built
        program.static_of(config, trial, modalities, task)
    workdir.check_same_config(config)
    corpus = corpus_lib.load(
        config, display.count, program.level_of(config), framing=program.framing_of(config)
    )
    grid_plan = Plan(config, trials, *divide(config, corpus))
    if not workdir.has_results:  # what was trained elsewhere needs no graph any more
        spreading.check_memory(grid_plan)
    groups = plan_lib.group(config, trials, modalities, corpus.task)
    splits = corpus.splits.items()
    of_all = {(name, m): x for name, split in splits for m, x in split.features.items()}
    for static in groups:
        sizes_lib.check_lengths(static, of_all)
    if devices.is_first():  # one lock for all processes of a training: they share the workdir
        # Not sooner: wrong input leaves no workdir behind. What stood there may have changed since.
        until_trained.enter_context(lock.held(workdir))
        workdir.check_same_config(config)
    record = record_lib.of(grid_plan, corpus, groups, workdir, repeated)
    grid_plan = grid_plan._replace(devices=record_lib.devices_of(record))
    chunks = plan_lib.cut(groups, record["chunk"], grid_plan.devices)
    if not workdir.has_config and config.data.root:  # new clips may be extracted without the root
        folders = corpus_lib.modalities(config).values()
        copy_manifests(pathlib.Path(config.data.root), workdir.folder, folders)
    if not workdir.has_config or (devices.is_first() and not workdir.holds(config)):
        workdir.write_record(record)
    return _Prepared(grid_plan, chunks, corpus, record)


def _is_trained(prepared: _Prepared, checkpoints: Checkpoints, workdir: Workdir) -> bool:
    """Whether the workdir holds results, which are read, and the weights that they are of."""
    if not workdir.has_results:
        return False
    workdir.results(prepared.corpus.task)
    if checkpoints.has_kept():
        return True
    LOG.warning("%s: already trained, but its weights are missing; training again", workdir)
    return False


def _finish(
    prepared: _Prepared, checkpoints: Checkpoints, workdir: Workdir, display: Display
) -> dict[str, Predicted]:
    """Chooses the best trial of a grid that is trained; keeps, tests and writes it.

    Gives what it predicts, by split.
    """
    config, trials = prepared.plan.config, prepared.plan.trials
    corpus, chunks = prepared.corpus, prepared.chunks
    outcomes = grid.outcomes(chunks, checkpoints)
    best, of_methods = results_lib.best_trial(outcomes, len(trials), corpus.task), {}
    if config_lib.chooses_method(config):
        best, compared = methods.choose(
            outcomes,
            trials,
            corpus.task,
            _validated(prepared, checkpoints, display),
            config.seed,
            few=any(order.validates_few(fold) for fold in prepared.plan.folds.values()),
        )
        of_methods = {methods.METHODS: compared}
    model = _model(prepared, checkpoints, best)
    checkpoints.save_kept(model.kept)
    history.write(workdir.history_file, model.kept, corpus.task)
    if config.train.tensorboard:
        events.write(workdir, outcomes, trials, best, corpus.task)
    splits = test_splits(config, corpus)
    of_train = prepared.plan, corpus.splits[TRAIN].names
    validated = kept.predict_validated(model, *of_train, config, workdir, display)
    test, predicted = kept.predict_and_score(
        model, splits, config, workdir, display, validated.decoding
    )
    if validated.predicted is not None:
        predicted[TRAIN] = validated.predicted
    known = out_of_fold.labels(prepared.plan.samples.labels, prepared.plan.folds)
    test["clips"] = {"cross_validation": counts.of_labels(corpus.task, known), **test["clips"]}
    results = results_lib.assemble(outcomes, trials, best, corpus.task, test, validated.scores)
    results |= {"left_out": results_lib.left_out(corpus), **validated.recorded, **of_methods}
    whole = results_lib.whole_trials(outcomes, len(trials))
    if len(whole) > 1 and config.evaluate.ensemble != ways.BEST:
        models = ((trials[number], _model(prepared, checkpoints, number)) for number in whole)
        trial_ensemble.write(models, *of_train, splits, workdir, display)
    written.discard(workdir)
    workdir.write_results(results)
    checkpoints.drop_progress()
    return predicted


def _validated(
    prepared: _Prepared, checkpoints: Checkpoints, display: Display
) -> Callable[[int], tuple[Predictions, Labels]]:
    """What a trial's runs predict of the clips that they validated on, and these clips' labels."""
    plan = prepared.plan

    def of_trial(number: int) -> tuple[Predictions, Labels]:
        what = f"{TRAIN}, {plan.trials[number].get('semi.method', methods.SUPERVISED)}"
        model = _model(prepared, checkpoints, number)
        predicted, known = kept.validated_by(model, plan, display, what)
        return predicted, plan.samples.labels.rows(known)

    return of_trial


def _model(prepared: _Prepared, checkpoints: Checkpoints, number: int) -> Model:
    """A trial's model, with what its runs left that did not fail."""
    config, corpus = prepared.plan.config, prepared.corpus
    weights = grid.kept_runs(prepared.chunks, number, checkpoints)
    weights |= standardise.kept(corpus.columns, len(weights["repeat"]))
    trial, sizes = prepared.plan.trials[number], prepared.record["sizes"]
    return model_lib.of_trial(config, trial, corpus.task, sizes, weights)


def _surroundings() -> str:
    """On which devices a training runs, with which versions."""
    device = devices.description()
    names = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"training on {device['count']} x {device['kind']} ({device['backend']}); {versions}"
