"""Which semi-supervised method is used: what cross-validation on the labelled clips says."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

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
_NO_ERROR = 1e-6  # of a Brier score: every clip is right, and nothing is left to tell


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
    training, with the least Brier score (Monthly Weather Review, 1950) among those that are better
    than supervised training by a standard error of the paired difference, each after the
    temperature that suits it: confidence alone, which grows with the number of steps, decides
    nothing; nor does one clip that is wrong for certain, as in the log loss. Where supervised
    training is right on all of them, though, every score is 0 after the temperature, and those
    before it decide. Methods that see the validation clips' labels stand back: from a handful they
    learn which classes these are.

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
    rows, errors, plain = [], [], []
    for method, number in best.items():
        predictions, labels = base if not method else validated(number)
        errors.append(_errors(predictions, labels))
        plain.append(_errors(predictions, labels, suited=False))
        rows.append(
            {
                "method": method or SUPERVISED,
                "metric": metric,
                "score": ensemble.score(task, predictions, labels)[metric],
                "brier": None if errors[-1] is None else float(errors[-1].mean()),
                "trial": trials[number],
                **_against(task, predictions, *base, seed=seed, is_base=not method),
            }
        )
    by_brier = few and all(row["brier"] is not None for row in rows)
    if by_brier:
        used = _of_few(rows, errors, plain)
    else:
        used = _of_many(rows, metrics.selection_sign(task))
    for row in rows:
        row["used"] = row is used
    LOG.info("used: %s, by cross-validation on the labelled clips", used["method"])
    return Choice(best["" if used["method"] == SUPERVISED else used["method"]], rows)


def _of_few(
    rows: Sequence[dict[str, Any]], suited: Sequence[np.ndarray], plain: Sequence[np.ndarray]
) -> dict[str, Any]:
    """By each row's errors [N] at its temperature; by those without it where they are all 0."""
    place = [row["method"] for row in rows].index(SUPERVISED)
    errors = plain if suited[place].mean() < _NO_ERROR else suited
    base = errors[place]
    able = [
        (row, of.mean())
        for row, of in zip(rows, errors, strict=True)
        if row["method"] == SUPERVISED
        or (not semi.METHODS[row["method"]].VALIDATES and _is_less(of, base))
    ]
    # The simplest of equals: where all clips are right scores are 0 but for the last digits.
    return min(able, key=lambda of_row: round(of_row[1] / _NO_ERROR))[0]


def _is_less(ours_N: np.ndarray, theirs_N: np.ndarray) -> bool:
    """Whether the mean is less by more than a standard error of the paired difference."""
    difference_N = ours_N - theirs_N
    error = difference_N.std(ddof=1) / np.sqrt(len(difference_N)) if len(difference_N) > 1 else 0.0
    return bool(difference_N.mean() < -error)


def _of_many(rows: Sequence[dict[str, Any]], sign: int) -> dict[str, Any]:
    # A score is None where no clip has the label.
    able = [row for row in rows if row["not_better"] is None or row["not_better"] <= _CHANCE]
    able = [row for row in able if row["method"] == SUPERVISED or row["not_better"] is not None]
    return max(able, key=lambda row: -2.0 if row["score"] is None else sign * row["score"])


def _errors(predictions: Predictions, labels: Labels, suited: bool = True) -> np.ndarray | None:
    """Each clip's squared distance from the truth, 0 to 2; None: no emotion is known.

    Their mean is the Brier score. `suited`: at the best temperature, else as it is predicted.
    """
    known = labels.emotion_mask
    if predictions.emotion is None or not known.any():
        return None
    logits, emotion = predictions.emotion[known], labels.emotion[known]
    if suited:
        logits = logits / calibration.temperature(logits, emotion)
    probability = np.exp(calibration.log_softmax(logits.astype(np.float64)))
    truth = np.eye(logits.shape[1])[emotion]
    return ((probability - truth) ** 2).sum(-1)


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
