"""What the kept weights say of the test splits, and how well: for training and evaluating."""

import os
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from mer_jax import metrics
from mer_jax.corpora import SYNTHETIC
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import label_arrays
from mer_jax.data.arrays import Corpus, Split
from mer_jax.errors import InputError
from mer_jax.evaluation import decoding as decoding_lib
from mer_jax.evaluation import ensemble, out_of_fold, submission, terminal
from mer_jax.evaluation import results as results_lib
from mer_jax.evaluation.decoding import Decoding
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.model import Model, predict_runs, test_splits
from mer_jax.evaluation.predicted import Predicted
from mer_jax.progress import Display
from mer_jax.task import TRAIN
from mer_jax.training.plan import Plan
from mer_jax.training.program import framing_of, level_of
from mer_jax.workdir import Workdir

OUT_OF_FOLD = f"{TRAIN}_out_of_fold"  # the file of predictions of clips by those that validated


def labelled_splits(
    config: ConfigDict, workdir: os.PathLike[str], labels: pathlib.Path | None, display: Display
) -> tuple[Corpus, dict[str, Split]]:
    """The corpus and its test splits, with the labels of a file where one is given."""
    config = Workdir(workdir).standardised(config)
    corpus = corpus_lib.load(
        config,
        display.count,
        level_of(config),
        Workdir(workdir).task_of(config),
        framing_of(config),
    )
    splits = test_splits(config, corpus)
    if not splits:
        raise InputError(
            f"the label file of {workdir}'s run lists no test clips, so there is nothing to "
            "evaluate; --mode=predict predicts any folder"
        )
    if labels is not None:
        rules = label_arrays.rules_of(config)
        splits = label_arrays.given_labels(corpus, labels, splits, rules)
    return corpus, splits


def predict_and_score(
    model: Model,
    splits: dict[str, Split],
    config: ConfigDict,
    workdir: Workdir,
    display: Display,
    decoding: Decoding,
) -> tuple[dict[str, Any], dict[str, Predicted]]:
    """Predicts `splits`, writes their CSV files, and gives their scores, decoded as asked for.

    Beside them what the ensemble predicts of each, as it is before decoding.
    """
    task = model.static.task
    predicted = {}
    predictions = {}
    for name, split in splits.items():
        predictions[name] = predict_runs(model, split.features, display, name)
        together = ensemble.average(predictions[name])
        predicted[name] = Predicted(split.names, together, split.labels)
        submission.write(
            workdir.predictions_file(name),
            split.names,
            decoding.calibrated(decoding.decoded(together)),
            task,
            config.evaluate.probabilities,
        )
    scores = results_lib.test_scores(
        task,
        predictions,
        splits,
        model.kept["repeat"],
        config.evaluate.bootstrap,
        config.seed,
        decode=decoding.decoded,
    )
    return scores, predicted


class Validated(NamedTuple):
    """What the kept runs say of the clips that they validated on."""

    scores: dict[str, list[float]]  # by the metrics that training leaves to the end, a repeat each
    recorded: dict[str, Any]  # for results.json: scores over repeats, of the decoding; or nothing
    decoding: Decoding = Decoding()
    predicted: Predicted | None = None  # these clips, before decoding; None: of no fold


def predict_validated(
    model: Model,
    plan: Plan,
    names: np.ndarray,
    config: ConfigDict,
    workdir: Workdir,
    display: Display,
) -> Validated:
    """Predicts the clips that runs validated on, and scores the predictions in two ways.

    First each repeat's validation score by the metrics that training leaves to the end. Then, in
    cross-validation, the scores out of fold: each of `names`, the clips of train, as the runs that
    validated on it predict it, which is written too; each metric over repeats. What a clip is
    scored by has not seen it in training, but its run's best epoch was chosen by it. To the same
    predictions the decoding is fitted, and what is written of a clip is decoded by other folds'.
    """
    task, labels = model.static.task, plan.samples.labels
    if not (config.folds or metrics.at_the_end(task)):
        return Validated({}, {})
    of_runs = predict_runs(model, plan.samples.features, display, "the clips validated on")
    repeat, fold = model.kept["repeat"], model.kept["fold"]
    validation = out_of_fold.scores(task, of_runs, repeat, fold, plan.folds, labels)
    if not config.folds:  # a split of its own validated, which no fold trained on
        return Validated(validation, {})
    scores = []
    for one in np.unique(repeat):
        runs = np.flatnonzero(repeat == one)
        mine = jax.tree.map(lambda values, runs=runs: values[runs], Predictions(*of_runs[:2]))
        scores.append(
            ensemble.score(task, *_known(mine, labels, repeat[runs], fold[runs], plan)[:2])
        )
    together, of_known, known = _known(of_runs, labels, repeat, fold, plan)
    folds = out_of_fold.fold_of(plan.folds, len(known))[known]
    fitted = decoding_lib.fit(task, config, together, of_known, folds)
    submission.write(
        workdir.predictions_file(OUT_OF_FOLD),
        names[known],
        fitted.predictions,
        task,
        config.evaluate.probabilities,
    )
    of_clips = Predicted(names[known], together, of_known)
    over_repeats = {
        name: results_lib.over_repeats([each[name] for each in scores])
        for name in metrics.names(task)
    }
    recorded = {"out_of_fold": over_repeats, **fitted.recorded}
    return Validated(validation, recorded, fitted.decoding, of_clips)


def validated_by(
    model: Model, plan: Plan, display: Display, what: str
) -> tuple[Predictions, np.ndarray]:
    """What a model's runs predict of the clips that they validated on, and which these are.

    Averaged over the repeats. `what` is shown while it predicts.
    """
    runs = Predictions(*predict_runs(model, plan.samples.features, display, what)[:2])
    repeat, fold = model.kept["repeat"], model.kept["fold"]
    return out_of_fold.validated(runs, repeat, fold, plan.folds)


def _known(of_runs, labels, repeat, fold, plan):
    """What runs predict of the clips that they validated on, those clips' labels, and which."""
    predictions, known = out_of_fold.validated(of_runs, repeat, fold, plan.folds)
    return predictions, labels.rows(known), known


def show(results: dict[str, Any], config: ConfigDict, workdir: Workdir) -> None:
    """Prints the result table and where the files lie."""
    wanted = metrics.shown(Workdir(workdir).task_of(config), config.evaluate.metrics)
    print(terminal.table(results, config.data.corpus == SYNTHETIC, wanted))
    is_predicted = results["test"] or "out_of_fold" in results
    predictions = f"; predictions: {workdir.predictions}" if is_predicted else ""
    print(f"Scores: {workdir.results_file}{predictions}")
