"""What results.json holds: cross-validation, the best trial, test scores over repeats."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mer_jax import config as config_lib
from mer_jax import metrics
from mer_jax.data.arrays import Corpus, Split
from mer_jax.evaluation import bootstrap, counts, ensemble
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task
from mer_jax.training.grid import Outcome

OK, FAILED = "ok", "failed"


def left_out(corpus: Corpus) -> list[dict[str, Any]]:
    """What results.json says of clips that a feature set gave nothing for; empty: of none."""
    return [
        {
            "split": each.split,
            "features": each.feature_set,
            "reason": each.reason,
            "handled": each.handled,
            "clips": len(each.names),
        }
        for each in corpus.left_out
    ]


def over_repeats(values: Sequence[float | None]) -> dict[str, Any] | None:
    """`{"mean", "std", "values"}`; std has ddof 1, and is None for one repeat.

    None where any repeat has no value.
    """
    if not values or any(value is None for value in values):
        return None
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "values": list(values),
    }


def cross_validation(
    outcomes: Sequence[Outcome], trial: int, task: Task
) -> dict[str, dict[str, Any] | None]:
    """A trial's scores: each repeat's is the mean over its folds at their own best epochs.

    A failed run is left out of its repeat's mean.
    """
    by_repeat: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.run.trial == trial and outcome.best_epoch >= 0:
            by_repeat.setdefault(outcome.run.repeat, []).append(outcome)
    scores = {}
    for name in metrics.every_epoch(task):
        folds = [[o.validation[name] for o in by_repeat[r]] for r in sorted(by_repeat)]
        scores[name] = over_repeats([ensemble.number(float(np.mean(fold))) for fold in folds])
    return scores


def best_trial(
    outcomes: Sequence[Outcome], trials: int, task: Task, among: Sequence[int] | None = None
) -> int:
    """The trial with the best selection metric in cross-validation, averaged over repeats.

    `among` are the trials that are looked at; None: all.
    """

    whole = whole_trials(outcomes, trials)

    def quality(trial: int) -> tuple[bool, float]:
        """A trial whose failures were left out of its mean stands behind those without any."""
        score = cross_validation(outcomes, trial, task)[task.selection]
        return trial in whole, -np.inf if score is None else metrics.selection_sign(task) * score[
            "mean"
        ]

    return max(range(trials) if among is None else among, key=quality)  # the first of equals


def whole_trials(outcomes: Sequence[Outcome], trials: int) -> list[int]:
    """The trials of which no run failed."""
    failed = {outcome.run.trial for outcome in outcomes if outcome.best_epoch < 0}
    return [trial for trial in range(trials) if trial not in failed]


def test_scores(
    task: Task,
    predictions: Mapping[str, Predictions],
    splits: Mapping[str, Split],
    repeat_of_run: np.ndarray,
    resamples: int = 0,
    seed: int = 0,
    *,
    decode: Callable[[Predictions], Predictions] = lambda predictions: predictions,
) -> dict[str, Any]:
    """`test` (each repeat's fold ensemble) and `ensemble` (all repeats together) by split.

    `clips` says over how many clips they are. With `resamples` also `interval`, the bootstrap's
    95 % for `ensemble`. `decode` changes each ensemble's predictions before they are scored.
    """
    test, together, intervals, clips = {}, {}, {}, {}
    for name, split in splits.items():
        scores = [
            ensemble.score(
                task,
                decode(ensemble.average(predictions[name], repeat_of_run == repeat)),
                split.labels,
            )
            for repeat in np.unique(repeat_of_run)
        ]
        test[name] = {m: over_repeats([s[m] for s in scores]) for m in metrics.names(task)}
        of_all = decode(ensemble.average(predictions[name]))
        together[name] = ensemble.score(task, of_all, split.labels)
        clips[name] = counts.of_labels(task, split.labels)
        if resamples:
            intervals[name] = bootstrap.intervals(task, of_all, split.labels, resamples, seed)
    return {"test": test, "ensemble": together, "interval": intervals, "clips": clips}


def with_scores(results: dict[str, Any], scored: dict[str, Any]) -> dict[str, Any]:
    """Results with the test scores anew; of a split without any label the earlier ones stay."""
    unlabelled = [name for name, scores in scored["ensemble"].items() if not any_score(scores)]
    parts = {
        part: {
            name: results.get(part, {}).get(name, block) if name in unlabelled else block
            for name, block in blocks.items()
        }
        for part, blocks in scored.items()
    }
    parts["clips"] = {**results.get("clips", {}), **parts["clips"]}
    return {**results, **parts}


def any_score(scores: Mapping[str, Any]) -> bool:
    """Whether any metric of a split has a score."""
    return any(value is not None for value in scores.values())


def assemble(
    outcomes: Sequence[Outcome],
    trials: Sequence[dict[str, Any]],
    best: int,
    task: Task,
    test: dict[str, Any],
    validation: Mapping[str, Sequence[float]],
) -> dict[str, Any]:
    """The content of results.json; `validation` are further metrics' scores by repeat."""
    at_the_end = {
        name: over_repeats([ensemble.number(value) for value in values])
        for name, values in validation.items()
    }
    return {
        "cross_validation": {**cross_validation(outcomes, best, task), **at_the_end},
        **test,
        "best": {key: trials[best].get(key) for key in config_lib.varied(list(trials))},
        "runs": [
            {
                "hparams": trials[outcome.run.trial],
                "repeat": outcome.run.repeat,
                "fold": outcome.run.fold,
                "best_epoch": outcome.best_epoch if outcome.best_epoch >= 0 else None,
                "validation": {n: ensemble.number(v) for n, v in outcome.validation.items()},
                "failed_epoch": outcome.failed_epoch if outcome.failed_epoch >= 0 else None,
                "status": OK if outcome.best_epoch >= 0 else FAILED,
            }
            for outcome in outcomes
        ],
    }
