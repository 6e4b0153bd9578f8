"""Which semi-supervised method is used: what cross-validation on the labelled clips says."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mer_jax import metrics, resampling, semi
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import bootstrap, calibration, ensemble
from mer_jax.evaluation import results as results_lib
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.task import Task
from mer_jax.training.grid import Outcome

LOG = logging.getLogger("mer_jax")
METHODS = "methods"  # in results.json
SUPERVISED = "supervised"
# One standard error: the share of a normal distribution that lies further than it on one side.
_CHANCE = 0.16


class Choice(NamedTuple):
    """The trial that is used, and what results.json says of each method."""

    trial: int
    recorded: list[dict[str, Any]]


def choose(
    outcomes: Sequence[Outcome],
    trials: Sequence[dict[str, Any]],
    task: Task,
    validated: Callable[[int], tuple[Predictions, Labels]],
    seed: int,
    few: bool = False,
) -> Choice:
    """Chooses among the methods of a grid, each at its best trial in cross-validation.

    `validated(trial)` gives what its runs predict of the clips that they validated on, averaged
    over the repeats, and these clips' labels. A method is used if its selection metric over all of
    these clips together is the best of all methods', and if it is not better than supervised
    training's in at most 16 % of the bootstrap's drawings of the same clips, which is a difference
    of one standard error. Otherwise supervised training is used.

    `few` says that folds validate on few clips. The metric then moves by several points with one
    clip, and a gain of five is within a standard error. What is used is the method, or supervised
    training, with the least log loss, each after the temperature that suits it: confidence alone,
    which grows with the number of steps, decides nothing. Methods that see the validation clips'
    labels stand back: from a handful they learn which classes these are.

    Trials with a run that failed stand back; where supervised training has no other, the best trial
    of all is used.
    """
    whole = results_lib.whole_trials(outcomes, len(trials))
    by_method: dict[str, list[int]] = {}
    for number in whole:
        by_method.setdefault(trials[number].get("semi.method", ""), []).append(number)
    if "" not in by_method:
        LOG.warning("supervised training failed, so no method is compared with it")
        return Choice(results_lib.best_trial(outcomes, len(trials), task), [])
    best = {
        method: results_lib.best_trial(outcomes, len(trials), task, numbers)
        for method, numbers in by_method.items()
    }
    metric, base = task.selection, validated(best[""])
    rows = []
    for method, number in best.items():
        predictions, labels = base if not method else validated(number)
        rows.append(
            {
                "method": method or SUPERVISED,
                "metric": metric,
                "score": ensemble.score(task, predictions, labels)[metric],
                "log_loss": _log_loss(predictions, labels),
                "trial": trials[number],
                **_against(task, predictions, *base, seed=seed, is_base=not method),
            }
        )
    by_loss = few and all(row["log_loss"] is not None for row in rows)
    used = _of_few(rows) if by_loss else _of_many(rows, metrics.selection_sign(task))
    for row in rows:
        row["used"] = row is used
    LOG.info("used: %s, by cross-validation on the labelled clips", used["method"])
    return Choice(best["" if used["method"] == SUPERVISED else used["method"]], rows)


def _of_few(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    able = [
        row
        for row in rows
        if row["method"] == SUPERVISED or not semi.METHODS[row["method"]].VALIDATES
    ]
    # The simplest of equals: where all clips are right every loss is 0 but for the last digits.
    return min(able, key=lambda row: round(row["log_loss"], 6))


def _of_many(rows: Sequence[dict[str, Any]], sign: int) -> dict[str, Any]:
    # A score is None where no clip has the label.
    able = [row for row in rows if row["not_better"] is None or row["not_better"] <= _CHANCE]
    able = [row for row in able if row["method"] == SUPERVISED or row["not_better"] is not None]
    return max(able, key=lambda row: -2.0 if row["score"] is None else sign * row["score"])


def _log_loss(predictions: Predictions, labels: Labels) -> float | None:
    """The mean over the clips whose emotion is known, at the best temperature; None: no such."""
    known = labels.emotion_mask
    if predictions.emotion is None or not known.any():
        return None
    logits, emotion = predictions.emotion[known], labels.emotion[known]
    return calibration.errors(logits / calibration.temperature(logits, emotion), emotion)["nll"]


def _against(
    task: Task,
    ours: Predictions,
    theirs: Predictions,
    labels: Labels,
    *,
    seed: int,
    is_base: bool,
) -> dict[str, Any]:
    """The paired difference to supervised training, its interval and how often it is none."""
    nothing = {"difference": None, "interval": None, "not_better": None}
    if is_base:
        return nothing
    found = bootstrap.compare(task, ours, theirs, labels, resampling.RESAMPLES, seed)
    return found[task.selection] or nothing
