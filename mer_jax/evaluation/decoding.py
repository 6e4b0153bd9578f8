"""What becomes of an ensemble's logits and valences before they are written: as the config asks."""

from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from mer_jax import ways
from mer_jax.data.arrays import Labels
from mer_jax.errors import InputError
from mer_jax.evaluation import calibration, ensemble, greedy, joint
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.joint import Joint
from mer_jax.metrics import EMOTION, VALENCE
from mer_jax.task import Task

CALIBRATION, JOINT = "calibration", "joint_decoding"  # in results.json; the second also a key


class Decoding(NamedTuple):
    """How predictions are changed; by default not at all."""

    temperature: float = 1.0  # divides the logits whose probabilities are written
    joint: Joint | None = None

    def decoded(self, predictions: Predictions) -> Predictions:
        """Predictions as they are scored."""
        return predictions if self.joint is None else self.joint.apply(predictions)

    def calibrated(self, predictions: Predictions) -> Predictions:
        """Decoded predictions as they are written: the same classes, other probabilities."""
        if predictions.emotion is None or self.temperature == 1:
            return predictions
        return predictions._replace(emotion=predictions.emotion / np.float32(self.temperature))


def check(config: ConfigDict, task: Task) -> None:
    """Refuses to fit to clips out of fold where no folds are trained, or one head to the other."""
    of_evaluate = config.evaluate
    asked = {
        "ensemble": of_evaluate.ensemble != ways.BEST,
        "calibrate": of_evaluate.calibrate,
        JOINT: of_evaluate.joint_decoding,
    }
    for key, is_on in asked.items():
        if is_on and not config.folds:
            raise InputError(
                f"config.evaluate.{key} rests on clips that are predicted out of fold, and with "
                "config.folds=0 none are; leave it out, or train with folds"
            )
    _check_heads(config, task)


def _check_heads(config: ConfigDict, task: Task) -> None:
    if config.evaluate.joint_decoding and task.targets:
        raise InputError(
            f"config.evaluate.{JOINT}: emotions are decoded together with a valence, not with "
            f"targets of one's own ({', '.join(task.targets)}); leave it out"
        )
    if config.evaluate.joint_decoding and not (task.classes and task.valence_range):
        raise InputError(
            f"config.evaluate.{JOINT}: emotion and valence are decoded together, and only one of "
            "them is predicted; leave it out"
        )


class Fitted(NamedTuple):
    """What was fitted to the clips that are predicted out of fold."""

    decoding: Decoding
    predictions: Predictions  # of these clips, decoded and calibrated by the other folds' ones
    recorded: dict[str, Any]  # for results.json


def fit(
    task: Task,
    config: ConfigDict,
    predictions: Predictions,
    labels: Labels,
    fold: np.ndarray,
) -> Fitted:
    """Fits what the config asks for to N clips predicted out of fold; `fold` is int [N].

    The temperature is fitted and recorded in any case, and used where `evaluate.calibrate` is on.
    Raises InputError where `evaluate.joint_decoding` is on and one of the two is not predicted.
    """
    _check_heads(config, task)
    jointly = config.evaluate.joint_decoding
    if jointly and not (labels.emotion_mask & labels.valence_mask).any():
        raise InputError(
            f"config.evaluate.{JOINT}: no clip of train has an emotion and a valence; leave it out"
        )
    fitted, decoded = _fit(task, jointly, predictions, labels, fold)
    if config.evaluate.calibrate:
        return fitted
    return fitted._replace(decoding=fitted.decoding._replace(temperature=1.0), predictions=decoded)


def calibration_of(
    task: Task, predictions: Predictions, labels: Labels, fold: np.ndarray
) -> dict[str, Any] | None:
    """The temperature of N clips predicted out of fold, and their errors before it and after.

    Each fold, int [N], is judged at the temperature of the others. None where no clip's emotion is
    known.
    """
    return _fit(task, False, predictions, labels, fold)[0].recorded.get(CALIBRATION)


def _fit(
    task: Task, jointly: bool, predictions: Predictions, labels: Labels, fold: np.ndarray
) -> tuple[Fitted, Predictions]:
    """What the clips tell, with their calibrated predictions; and these only decoded."""
    predictions = Predictions(*predictions[:2])
    found = _fitted(task, jointly, predictions, labels)
    decoded, calibrated = (_copied(predictions) for _ in range(2))
    for number in np.unique(fold):
        held = fold == number
        of_others = _fitted(task, jointly, predictions.rows(~held), labels.rows(~held))
        of_fold = of_others.decoded(predictions.rows(held))
        for whole, part in ((decoded, of_fold), (calibrated, of_others.calibrated(of_fold))):
            for values, of_held in zip(whole[:2], part[:2], strict=True):
                if values is not None:
                    values[held] = of_held
    recorded: dict[str, Any] = {}
    if found.joint is not None:
        before, after = (ensemble.score(task, of, labels) for of in (predictions, decoded))
        recorded[JOINT] = {**found.joint._asdict(), "before": before, "after": after}
    known = labels.emotion_mask
    if task.classes and known.any():
        errors = [
            calibration.errors(of.emotion[known], labels.emotion[known])
            for of in (decoded, calibrated)
        ]
        recorded[CALIBRATION] = {
            "clips": int(known.sum()),
            "temperature": found.temperature,
            "before": errors[0],
            "after": errors[1],
        }
    return Fitted(found, calibrated, recorded), decoded


def _fitted(task: Task, jointly: bool, predictions: Predictions, labels: Labels) -> Decoding:
    """What some clips tell; the default of what none of them has the labels for."""
    found = Decoding()
    if jointly and (labels.emotion_mask & labels.valence_mask).any():

        def score(head: str):
            return lambda decoded: greedy.score(task, decoded, labels, head)

        of_both = joint.fit(predictions, labels, score(EMOTION), score(VALENCE))
        found = found._replace(joint=of_both)
    known = labels.emotion_mask
    if task.classes and known.any():
        logits = found.decoded(predictions).emotion[known]
        found = found._replace(temperature=calibration.temperature(logits, labels.emotion[known]))
    return found


def restore(results: dict[str, Any], config: ConfigDict, task: Task) -> Decoding | None:
    """The decoding that the config asks for, as results.json holds it; None where it does not."""
    found = Decoding()
    if config.evaluate.joint_decoding:
        if JOINT not in results:
            return None
        found = found._replace(joint=joint.from_results(results[JOINT]))
    if config.evaluate.calibrate and task.classes:
        if CALIBRATION not in results:
            return None
        found = found._replace(temperature=results[CALIBRATION]["temperature"])
    return found


def _copied(of: Predictions) -> Predictions:
    return Predictions(*(None if x is None else np.array(x) for x in of[:2]))
