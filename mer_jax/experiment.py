"""The modes of the command line, each from a checked config and a workdir."""

import contextlib
import importlib.metadata
import json
import logging
import pathlib
import subprocess
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import files, lock, termination
from mer_jax.config import HParams, Static
from mer_jax.data import corpus as corpus_lib
from mer_jax.data.corpus import Corpus, Split
from mer_jax.data.registry import SYNTHETIC, TRAIN, UNLABELLED, VALIDATION, corpus_info
from mer_jax.errors import InputError
from mer_jax.evaluation import bootstrap, ensemble, history, report, selection, submission
from mer_jax.evaluation import results as results_lib
from mer_jax.training import devices, grid, loop, measure, pool
from mer_jax.training import plan as plan_lib
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.plan import Chunk, Plan

LOG = logging.getLogger("mer_jax")
CONFIG_FILE = "config.json"
RESULTS_FILE = "results.json"
COMPARISON_FILE = "compare.json"
# What continuing and predicting rely on in config.json.
_RECORD = {"config": dict, "chunk": [int], "dataset": {str: str}, "sizes": {str: int}}
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "tensorflow-datasets")


class _Model(NamedTuple):
    """The kept weights of a workdir and what it takes to predict with them."""

    static: Static
    hparams: HParams
    kept: dict[str, Any]
    sizes: dict[str, int]  # of the features, by modality
    batch_size: int


def build(config: ConfigDict) -> None:
    """Builds the datasets that the config names where they are absent or outdated."""
    for name, directory in corpus_lib.build(config).items():
        print(f"{name}: {directory}")


class _Prepared(NamedTuple):
    """What the processes that train a grid agree on before they begin."""

    plan: Plan
    chunks: list[Chunk]
    corpus: Corpus
    record: dict[str, Any]  # the content of config.json


def train(config: ConfigDict, workdir: pathlib.Path, repeated: pathlib.Path | None = None) -> None:
    """Cross-validates the grid, keeps the best trial, predicts and scores the test splits.

    Started again in its workdir it continues where it was, or says that it is done. Of several
    processes each trains its share of the chunks; the first writes all else. `repeated` is the
    config.json of an earlier run, whose chunk widths a new workdir takes over: they decide bits.
    Raises Terminated where SIGTERM came, with what was trained saved.
    """
    with contextlib.ExitStack() as until_trained:
        _train(config, workdir, repeated, until_trained)


def _train(config, workdir, repeated, until_trained) -> None:
    with devices.first_before_others("prepared"):
        prepared = _prepare(config, workdir, repeated, until_trained)
    checkpoints = Checkpoints(workdir)
    trained = _is_trained(prepared, checkpoints, workdir)
    if trained:
        LOG.info("%s: already trained", workdir)
    else:
        LOG.info(
            "%d runs (%d trials, %d repeats, %d folds) in %d chunks",
            sum(len(chunk.runs) for chunk in prepared.chunks), len(prepared.plan.trials),
            config.repeats, max(config.folds, 1), len(prepared.chunks),
        )  # fmt: skip
        with termination.asked_for() as ending:
            grid.train(prepared.plan, prepared.chunks, checkpoints, ending)
    devices.wait_for_all("trained")
    with devices.first_before_others("finished"):
        if devices.is_first():
            if not trained:
                _finish(prepared, checkpoints, workdir)
            form = results_lib.form(prepared.corpus.task)
            _show(files.read_json(workdir / RESULTS_FILE, form), config, workdir)


def _prepare(
    config: ConfigDict,
    workdir: pathlib.Path,
    repeated: pathlib.Path | None,
    until_trained: contextlib.ExitStack,
) -> _Prepared:
    """The grid and its data; locks the workdir and writes config.json where it has none."""
    info = corpus_info(config.data.corpus)
    modalities = tuple(corpus_lib.modalities(config))
    trials = config_lib.trials(config)
    for trial in trials:  # refuses what does not fit together before anything is built
        config_lib.static_of(config, trial, modalities, info.task)
    _check_same_config(config, workdir)
    corpus = corpus_lib.load(config)
    grid_plan = Plan(config, trials, *_divide(config, corpus))
    groups = plan_lib.group(config, trials, modalities, corpus.task)
    if devices.is_first():  # one lock for all processes of a training: they share the workdir
        # Not sooner: wrong input leaves no workdir behind. What stood there may have changed since.
        until_trained.enter_context(lock.held(workdir))
        _check_same_config(config, workdir)
    record = _record(grid_plan, corpus, groups, workdir, repeated)
    chunks = plan_lib.cut(groups, record["chunk"])
    if not (workdir / CONFIG_FILE).is_file():
        files.write_json(workdir / CONFIG_FILE, record)
    return _Prepared(grid_plan, chunks, corpus, record)


def _is_trained(prepared: _Prepared, checkpoints: Checkpoints, workdir: pathlib.Path) -> bool:
    """Whether the workdir holds results, which are read, and the weights that they are of."""
    if not (workdir / RESULTS_FILE).is_file():
        return False
    files.read_json(workdir / RESULTS_FILE, results_lib.form(prepared.corpus.task))
    if checkpoints.has_kept():
        return True
    LOG.warning("%s: already trained, but its weights are gone: training again", workdir)
    return False


def _finish(prepared: _Prepared, checkpoints: Checkpoints, workdir: pathlib.Path) -> None:
    """Chooses the best trial of a grid that is trained; keeps, tests and writes it."""
    config, trials = prepared.plan.config, prepared.plan.trials
    corpus, chunks = prepared.corpus, prepared.chunks
    outcomes = grid.outcomes(chunks, checkpoints)
    best = results_lib.best_trial(outcomes, len(trials), corpus.task)
    kept = grid.kept_runs(chunks, best, checkpoints)
    checkpoints.save_kept(kept)
    model = _Model(
        static=config_lib.static_of(
            config, trials[best], tuple(corpus_lib.modalities(config)), corpus.task
        ),
        hparams=config_lib.hparams_of(trials[best]),
        kept=kept,
        sizes=prepared.record["sizes"],
        batch_size=config.evaluate.batch_size,
    )
    history.write(workdir / "history.csv", kept, corpus.task)
    history.draw_pool(workdir / "figures" / "pool.png", kept, corpus.task)
    test = _test(model, _test_splits(config, corpus), config, workdir)
    results = results_lib.assemble(outcomes, trials, best, corpus.task, test)
    files.write_json(workdir / RESULTS_FILE, results)
    checkpoints.drop_progress()


def evaluate(config: ConfigDict, workdir: pathlib.Path, labels: pathlib.Path | None) -> None:
    """Predicts and scores the test splits anew, with the labels of a file where one is given.

    Rewrites the predictions and the parts `test`, `ensemble` and `interval` of results.json.
    """
    results, model = _restore(config, workdir)
    _, splits = _labelled_splits(config, workdir, labels)
    scored = _test(model, splits, config, workdir)
    for part, blocks in scored.items():  # what an earlier file's labels gave stays
        for name, scores in blocks.items():
            if all(value is None for value in scores.values()):
                blocks[name] = results.get(part, {}).get(name, scores)
    results = {**results, **scored}
    files.write_json(workdir / RESULTS_FILE, results)
    _show(results, config, workdir)


def _labelled_splits(
    config: ConfigDict, workdir: pathlib.Path, labels: pathlib.Path | None
) -> tuple[Corpus, dict[str, Split]]:
    """The corpus and its test splits, with the labels of a file where one is given."""
    corpus = corpus_lib.load(config)
    splits = _test_splits(config, corpus)
    if not splits:
        raise InputError(
            f"the label file of {workdir}'s run lists no test clips, so there is nothing to "
            "evaluate: --mode=predict takes any folder"
        )
    if labels is not None:
        splits = corpus_lib.given_labels(corpus, labels, splits, config.data.zero_valence)
    return corpus, splits


def compare(
    config: ConfigDict, workdir: pathlib.Path, against: pathlib.Path, labels: pathlib.Path | None
) -> None:
    """The paired bootstrap of two runs' written predictions: a table, and compare.json."""
    resamples = config.evaluate.bootstrap
    if not resamples:
        raise InputError("--mode=compare needs config.evaluate.bootstrap above 0")
    corpus, splits = _labelled_splits(config, workdir, labels)
    found = {}
    for name, split in splits.items():
        if split.labels.emotion_mask.any() or split.labels.valence_mask.any():
            pair = [
                submission.read(
                    folder / "predictions" / f"{name}.csv", split.names.tolist(), corpus.task
                )
                for folder in (workdir, against)
            ]
            found[name] = bootstrap.compare(
                corpus.task, *pair, split.labels, resamples, config.seed
            )
    if not found:
        raise InputError("no test clip has a label to compare by: give them with --labels=FILE")
    content = {"against": str(against), "resamples": resamples, "splits": found}
    files.write_json(workdir / COMPARISON_FILE, content)
    print(report.comparison(content))
    print(f"Comparison: {workdir / COMPARISON_FILE}")


def predict(config: ConfigDict, workdir: pathlib.Path, out: pathlib.Path) -> None:
    """Writes the prediction of every clip in config.data.root's features, labelled or not."""
    _, model = _restore(config, workdir)
    if not config.data.root:
        raise InputError("--mode=predict needs --config.data.root, the folder that holds features/")
    names, features = corpus_lib.from_folder(
        pathlib.Path(config.data.root), corpus_lib.modalities(config)
    )
    together = ensemble.average(_predict(model, features))
    submission.write(out, names, together, model.static.task)
    print(f"{len(names)} predictions: {out}")


def select(config: ConfigDict, workdir: pathlib.Path, out: pathlib.Path) -> None:
    """Algorithm 1: writes the unlabelled clips that pass the threshold of their class."""
    _, model = _restore(config, workdir)
    saved = config_lib.check(config_lib.read_saved(workdir / CONFIG_FILE))
    corpus = corpus_lib.load(saved)
    task = corpus.task
    if UNLABELLED not in corpus.splits or not task.classes or not saved.folds:
        raise InputError(
            "--mode=select needs a corpus with emotions and unlabelled clips, trained with folds"
        )
    samples, folds = _divide(saved, corpus)
    pool_split = corpus.splits[UNLABELLED]
    labelled, known = selection.out_of_fold(
        selection.probabilities(_predict(model, samples.features)),
        model.kept["repeat"],
        model.kept["fold"],
        folds,
    )
    found = selection.select(
        task,
        labelled,
        samples.labels.emotion,
        known & samples.labels.emotion_mask,
        selection.probabilities(_predict(model, pool_split.features)).mean(0),
        config.select.eta,
    )
    names = pool_split.names[found.row].tolist()
    rows = zip(
        names,
        (task.classes[i] for i in found.emotion),
        map(str, found.confidence),
        (str(found.threshold[i]) for i in found.emotion),
        strict=True,
    )
    files.write_csv(out, selection.COLUMNS, rows)
    print(f"{len(names)} of {len(pool_split.names)} unlabelled clips selected: {out}")


def _divide(config: ConfigDict, corpus: Corpus):
    """The samples that training sees and their folds. Test splits are not among them."""
    split = corpus.splits[TRAIN]
    validation = None
    if not config.folds:
        if VALIDATION not in corpus.splits:
            raise InputError(
                f"config.folds=0 needs a {VALIDATION} split, which the label file lacks: use folds"
            )
        validation = corpus.splits[VALIDATION]
    groups = None
    if config.data.group_folds:
        if corpus.info.group is None:
            raise InputError(f"config.data.group_folds: {corpus.info.name}'s names tell no groups")
        groups = [corpus.info.group(name) for name in split.names.tolist()]
    for name in [TRAIN] if validation is None else [TRAIN, VALIDATION]:
        _check_labels(corpus, name)
    samples = plan_lib.training_samples(split, validation)
    samples = samples._replace(pool=pool.find(config, samples, corpus.splits.get(UNLABELLED)))
    return samples, plan_lib.make_folds(config, samples, split.names, groups)


def _check_labels(corpus: Corpus, split: str) -> None:
    """Refuses a split without any label of one kind: no epoch would have a score to choose by."""
    task, labels = corpus.task, corpus.splits[split].labels
    for what, known in (
        ("emotion", labels.emotion_mask.any() or not task.classes),
        ("valence", labels.valence_mask.any() or not task.valence_range),
    ):
        if not known:
            raise InputError(
                f"no clip of {split} has a label for its {what}, which {corpus.info.name}'s models "
                "learn and are chosen by: add them to the label file"
            )


def _test_splits(config: ConfigDict, corpus: Corpus) -> dict[str, Split]:
    return corpus.test_splits(without=None if config.folds else VALIDATION)


def _test(
    model: _Model, splits: dict[str, Split], config: ConfigDict, workdir: pathlib.Path
) -> dict[str, Any]:
    """Predicts `splits`, writes their CSV files, and gives their scores."""
    task = model.static.task
    predictions = {}
    for name, split in splits.items():
        predictions[name] = _predict(model, split.features)
        together = ensemble.average(predictions[name])
        submission.write(workdir / "predictions" / f"{name}.csv", split.names, together, task)
    return results_lib.test_scores(
        task, predictions, splits, model.kept["repeat"], config.evaluate.bootstrap, config.seed
    )


def _predict(model: _Model, features: dict[str, np.ndarray]) -> ensemble.Predictions:
    sizes = {modality: x.shape[1] for modality, x in features.items()}
    if sizes != model.sizes:
        raise InputError(f"features of sizes {sizes}; the weights were trained on {model.sizes}")
    return ensemble.predict(model.static, model.hparams, model.kept, features, model.batch_size)


def _restore(config: ConfigDict, workdir: pathlib.Path) -> tuple[dict[str, Any], _Model]:
    """The results and the model of a workdir, by its own config.json.

    Of `config` only what predicting takes is used: no override changes the model.
    """
    for name in (CONFIG_FILE, RESULTS_FILE):
        if not (workdir / name).is_file():
            raise InputError(f"{workdir}: no {name}; train in this workdir first")
    saved = config_lib.check(config_lib.read_saved(workdir / CONFIG_FILE))
    sizes = files.read_json(workdir / CONFIG_FILE, _RECORD)["sizes"]
    task = corpus_info(saved.data.corpus).task
    results = files.read_json(workdir / RESULTS_FILE, results_lib.form(task))
    trial = next(
        (
            trial
            for trial in config_lib.trials(saved)
            if all(trial.get(key) == value for key, value in results["best"].items())
        ),
        None,
    )
    if trial is None:
        raise InputError(
            f"{workdir / RESULTS_FILE}: best is {results['best']}, which {CONFIG_FILE} did not "
            "try: the two are of different trainings; use another --workdir"
        )
    static = config_lib.static_of(saved, trial, tuple(corpus_lib.modalities(saved)), task)
    kept = Checkpoints(workdir).restore_kept()
    if not loop.fits(static, sizes, kept):
        raise InputError(
            f"{workdir}: the kept weights are not of the model that {CONFIG_FILE} and "
            f"{RESULTS_FILE} name: they are of different trainings; use another --workdir"
        )
    hparams = config_lib.hparams_of(trial)
    return results, _Model(static, hparams, kept, sizes, config.evaluate.batch_size)


def _check_same_config(config: ConfigDict, workdir: pathlib.Path) -> None:
    path = workdir / CONFIG_FILE
    if not path.is_file():
        left = [name for name in (RESULTS_FILE, "checkpoints") if (workdir / name).exists()]
        if left:
            raise InputError(
                f"{workdir} holds {left[0]} without {CONFIG_FILE}, which tells what was trained: "
                "use another --workdir"
            )
        return
    theirs = config_lib.flatten(config_lib.check(config_lib.read_saved(path)))
    ours = config_lib.flatten(config)
    for key, value in ours.items():
        if value != theirs[key]:
            raise InputError(
                f"{workdir} holds a run with config.{key}={theirs[key]!r}, not {value!r}: use "
                "another --workdir, or leave --config out to continue that run"
            )


def _record(
    grid_plan: Plan,
    corpus: Corpus,
    groups: plan_lib.Groups,
    workdir: pathlib.Path,
    repeated: pathlib.Path | None,
) -> dict[str, Any]:
    """The content of config.json: as it stands there, or made for a workdir that has none."""
    path = workdir / CONFIG_FILE
    sizes = {m: x.shape[1] for m, x in corpus.splits[TRAIN].features.items()}
    if path.is_file():
        record = files.read_json(path, _RECORD)
        if record["dataset"] != corpus.fingerprint:
            raise InputError(
                f"{workdir} was begun on a dataset that has changed since: use another --workdir"
            )
        if record["sizes"] != sizes:
            raise InputError(f"{path}: sizes is {record['sizes']}, the features have {sizes}")
        _check_widths(record["chunk"], groups, path, "use another --workdir")
        return record
    record = {
        "config": grid_plan.config.to_dict(),
        "chunk": [],  # of each group of runs, in order
        "dataset": corpus.fingerprint,
        "sizes": sizes,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "commit": _commit(),
        "device": devices.description(),
    }
    if repeated is None:
        record["chunk"] = _widths(grid_plan, groups, sizes)
    else:
        record["chunk"] = _repeated_widths(record, groups, repeated)
    return record


def _widths(grid_plan: Plan, groups: plan_lib.Groups, sizes: dict[str, int]) -> list[int]:
    widths = plan_lib.widths(grid_plan.config, groups, sizes)
    if grid_plan.config.train.chunk == "measure":
        return measure.widths(grid_plan, groups, widths)
    return widths


def _repeated_widths(
    record: dict[str, Any], groups: plan_lib.Groups, repeated: pathlib.Path
) -> list[int]:
    """The widths that an earlier run recorded. Says what else differs and may change bits."""
    theirs = files.read_json(repeated, _RECORD)
    _check_widths(theirs["chunk"], groups, repeated, "this configuration is not a repetition of it")
    for key in ("config", "dataset", "sizes", "versions", "commit", "device"):
        # As it would be read back: JSON has no tuples.
        if theirs.get(key) != json.loads(json.dumps(record[key])):
            LOG.warning(
                "%s: its %s is not this run's, so the results may differ from its", repeated, key
            )
    return theirs["chunk"]


def _check_widths(
    widths: list[int], groups: plan_lib.Groups, path: pathlib.Path, advice: str
) -> None:
    if len(widths) != len(groups) or any(width < 1 for width in widths):
        raise InputError(
            f"{path}: chunk is {widths}, not a width of 1 or more for each of the "
            f"{len(groups)} groups of runs; {advice}"
        )


def _commit() -> str | None:
    """The commit of the code that runs, or None where it stands in no git checkout."""
    command = [
        "git",
        "-C",
        str(config_lib.CONFIGS),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _show(results: dict[str, Any], config: ConfigDict, workdir: pathlib.Path) -> None:
    print(report.table(results, synthetic=config.data.corpus == SYNTHETIC))
    predictions = f"; predictions: {workdir / 'predictions'}" if results["test"] else ""
    print(f"Scores: {workdir / RESULTS_FILE}{predictions}")
