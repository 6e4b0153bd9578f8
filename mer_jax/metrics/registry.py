"""The metrics that there are, those of a task, and their values."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from mer_jax.errors import InputError
from mer_jax.metrics.emotion import accuracy, macro_f1, unweighted_recall, weighted_f1
from mer_jax.metrics.record import EMOTION, SIGN, VALENCE, Judged, Metric, Pair
from mer_jax.metrics.valence import (
    binned_accuracy,
    concordance,
    correlation,
    mean_absolute_error,
    mean_squared_error,
    non_negative_accuracy,
    non_negative_f1,
    positive_f1,
    rounded_accuracy,
    sign_accuracy,
    sign_f1,
)
from mer_jax.task import Task

COM_DIM_WEIGHT = 0.25  # Eq. 12
_MOSI, _SIMS = (-3.0, 3.0), (-1.0, 1.0)  # the valences of CMU-MOSI and CMU-MOSEI, of CH-SIMS


def _dis(of: Judged):
    return weighted_f1(*of.emotion, of.classes)


def _f1_ccc(of: Judged):
    return macro_f1(*of.emotion, of.classes) + concordance(*of.valence)


def _dim(of: Judged):
    return mean_squared_error(*of.valence)


class _Metrics(dict[str, Metric]):
    """Metrics by the key in results.json, in the order of reports.

    One that needs numbers alone is there for each target too, as `ccc_openness`, without being
    listed: which targets there are is a table's own.
    """

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or self._of_target(name) is not None

    def __missing__(self, name: str) -> Metric:
        found = self._of_target(name)
        if found is None:
            raise KeyError(name)
        return found

    def _of_target(self, name: object) -> Metric | None:
        base, _, target = name.partition("_") if isinstance(name, str) else ("", "", "")
        metric = self.get(base)
        return metric.of(target) if target and metric and metric.needs == (VALENCE,) else None


METRICS = _Metrics({
    "dis": Metric("Dis", "Dis (weighted F1)", _dis, (EMOTION,), percent=True, every_epoch=True),
    "dim": Metric(
        "Dim", "Dim (mean squared error)", _dim, (VALENCE,),
        higher_is_better=False, every_epoch=True,
    ),
    "com": Metric(
        "Com", f"Com (Dis − {COM_DIM_WEIGHT} Dim)", lambda of: _dis(of) - COM_DIM_WEIGHT * _dim(of),
        (EMOTION, VALENCE), every_epoch=True, of_targets=False,
    ),
    "acc": Metric(
        "Acc", "accuracy", lambda of: accuracy(*of.emotion), (EMOTION,),
        percent=True, every_epoch=True,
    ),
    "mae": Metric(
        "MAE", "mean absolute error", lambda of: mean_absolute_error(*of.valence), (VALENCE,),
        higher_is_better=False, every_epoch=True,
    ),
    "corr": Metric(
        "Corr", "correlation", lambda of: correlation(*of.valence), (VALENCE,), every_epoch=True
    ),
    "sign_f1": Metric(
        "Sign F1", "F1 of the sign", lambda of: sign_f1(*of.valence), (VALENCE, SIGN),
        percent=True, every_epoch=True,
    ),
    "sign_acc": Metric(
        "Sign Acc-2", "accuracy of the sign", lambda of: sign_accuracy(*of.valence),
        (VALENCE, SIGN), percent=True,
    ),
    "macro_f1": Metric(
        "Macro F1", "F1 averaged over classes", lambda of: macro_f1(*of.emotion, of.classes),
        (EMOTION,), percent=True,
    ),
    "uar": Metric(
        "UAR", "unweighted average recall",
        lambda of: unweighted_recall(*of.emotion, of.classes), (EMOTION,), percent=True,
    ),
    "ccc": Metric(
        "CCC", "concordance correlation", lambda of: concordance(*of.valence), (VALENCE,)
    ),
    # CMU-MOSI and CMU-MOSEI: beside the two of the sign, from which clips of valence 0 are left
    # out, the same two of non-negative against negative, which have all clips.
    "acc2": Metric(
        "Acc-2", "accuracy of non-negative against negative",
        lambda of: non_negative_accuracy(*of.valence), (VALENCE, SIGN), _MOSI, percent=True,
    ),
    "f1": Metric(
        "F1", "weighted F1 of non-negative against negative",
        lambda of: non_negative_f1(*of.valence), (VALENCE, SIGN), _MOSI, percent=True,
    ),
    "acc5": Metric(
        "Acc-5", "accuracy of five classes", lambda of: rounded_accuracy(*of.valence, 2),
        (VALENCE, SIGN), _MOSI, percent=True,
    ),
    "acc7": Metric(
        "Acc-7", "accuracy of seven classes", lambda of: rounded_accuracy(*of.valence, 3),
        (VALENCE, SIGN), _MOSI, percent=True,
    ),
    # CH-SIMS, whose zeros are negative.
    "sims_acc2": Metric(
        "Acc-2", "accuracy of positive against the rest",
        lambda of: binned_accuracy(*of.valence, (0.0,)), (VALENCE, SIGN), _SIMS, percent=True,
    ),
    "sims_f1": Metric(
        "F1", "weighted F1 of positive against the rest", lambda of: positive_f1(*of.valence),
        (VALENCE, SIGN), _SIMS, percent=True,
    ),
    "sims_acc3": Metric(
        "Acc-3", "accuracy of three classes",
        lambda of: binned_accuracy(*of.valence, (-0.1, 0.1)), (VALENCE, SIGN), _SIMS, percent=True,
    ),
    "sims_acc5": Metric(
        "Acc-5", "accuracy of five classes",
        lambda of: binned_accuracy(*of.valence, (-0.7, -0.1, 0.1, 0.7)),
        (VALENCE, SIGN), _SIMS, percent=True,
    ),
    # As the multi-task challenge of ABAW (Kollias, CVPR Workshops 2022) adds up its tasks' scores:
    # targets in unlike units have no squared error in common, as Com's.
    "f1_ccc": Metric(
        "F1+CCC", "macro F1 + mean concordance correlation", _f1_ccc, (EMOTION, VALENCE),
        of_targets=True,
    ),
})  # fmt: skip


def names(task: Task) -> tuple[str, ...]:
    """The metrics of a task, in the order of reports: those it names, else all that fit it.

    Behind the mean over targets stands each target's.
    """
    every: list[str] = []
    for name, metric in METRICS.items():
        if metric.fits(task):
            of_targets = task.targets if metric.needs == (VALENCE,) else ()
            every += [name, *(f"{name}_{target}" for target in of_targets)]
    return tuple(name for name in every if not task.metrics or name in task.metrics)


def ordered(found: Iterable[str]) -> list[str]:
    """Names of metrics of any tasks, each once, in the order of reports."""
    order = list(METRICS)

    def place(name: str) -> int:
        return order.index(name if name in order else name.partition("_")[0])

    return sorted(dict.fromkeys(found), key=place)


def every_epoch(task: Task) -> tuple[str, ...]:
    """The metrics that training computes every epoch; the one that it chooses by among them."""
    return tuple(
        name for name in names(task) if METRICS[name].every_epoch or name == task.selection
    )


def at_the_end(task: Task) -> tuple[str, ...]:
    """The metrics of which the predictions in the end are judged alone."""
    computed = every_epoch(task)
    return tuple(name for name in names(task) if name not in computed)


def shown(task: Task, wanted: Sequence[str]) -> tuple[str, ...]:
    """The metrics that tables of a task show: those `wanted`, else those of every epoch.

    Of targets also the concordance correlation, which is of no unit, and each target's own.
    """
    if wanted or not task.targets:
        return tuple(wanted) or every_epoch(task)
    ours = {*every_epoch(task), "ccc", *(f"ccc_{target}" for target in task.targets)}
    return tuple(name for name in names(task) if name in ours)


def selection_sign(task: Task) -> int:
    """1 where more of the metric that chooses epochs and trials is better, -1 where less is."""
    return METRICS[task.selection].sign


def selecting(task: Task, name: str) -> Task:
    """The task with another metric to choose epochs and trials by; its own where `name` is empty.

    Raises InputError for a metric that the task does not have.
    """
    if not name:
        return task
    if name not in names(task):
        raise InputError(
            f"config.train.selection: {name!r} is not a metric of this task; one of: "
            f"{', '.join(names(task))}"
        )
    return dataclasses.replace(task, selected_by=name)


def compute(
    task: Task,
    emotion_logits: Float[Any, "B C"] | None,
    valence: Float[Any, "B *V"] | None,
    labels,
    weight: Float[Any, "B"],
    only: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The metrics `only`, by default all of `names(task)`: a scalar by name.

    Each clip counts by its weight (0: padding; 2: drawn twice) where it has the label; without any
    such clip a metric is NaN. With targets valences are [B, V]. `labels` has the fields of
    `mer_jax.data.arrays.Labels`. The arrays are all of JAX or all of NumPy.
    """
    emotion = of_valence = None
    if task.classes:
        predicted = emotion_logits.argmax(-1).astype(labels.emotion.dtype)
        emotion = Pair(labels.emotion, predicted, weight * labels.emotion_mask)
    if task.valence_range:
        of_each = weight[:, None] if task.targets else weight
        of_valence = Pair(labels.valence, valence, of_each * labels.valence_mask)
    judged = Judged(task, emotion, of_valence, emotion_logits)
    with np.errstate(divide="ignore", invalid="ignore"):  # NumPy warns where JAX gives NaN
        return {
            name: METRICS[name].value(judged) for name in (names(task) if only is None else only)
        }
