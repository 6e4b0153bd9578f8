"""What is predicted of a corpus: emotion, valence or both, by the config and by train's labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mer_jax import metrics
from mer_jax.corpora.info import CorpusInfo
from mer_jax.errors import InputError
from mer_jax.task import Task

if TYPE_CHECKING:  # scoring and asking load no config
    from ml_collections import ConfigDict

AUTO, BOTH, EMOTION, VALENCE = "auto", "both", "emotion", "valence"
TASKS = (AUTO, BOTH, EMOTION, VALENCE)  # values of `config.data.task`


def kind_of(task: Task) -> str:
    """What a task predicts: both, emotion or valence."""
    if task.classes and task.valence_range:
        return BOTH
    return EMOTION if task.classes else VALENCE


def task_of(info: CorpusInfo, config: ConfigDict, kind: str | None = None) -> Task:
    """A corpus's task, narrowed to `kind`, by default to `config.data.task`.

    AUTO leaves all that the corpus has. The metric that `config.train.selection` names chooses.
    Raises InputError for what the corpus does not have, and for a metric that the task has not.
    """
    return metrics.selecting(_narrowed(info, kind or config.data.task), config.train.selection)


def kind_by_labels(config: ConfigDict, has_emotion: bool, has_valence: bool) -> str:
    """What is predicted where train's clips have these labels: `config.data.task` if it says so."""
    if config.data.task != AUTO or has_emotion == has_valence:
        return config.data.task
    return EMOTION if has_emotion else VALENCE


def recorded(info: CorpusInfo, config: ConfigDict, record: Mapping, where: str) -> Task:
    """The task that a config.json names under `task`; one that names none is of earlier versions.

    Those trained what the corpus has. Raises InputError, beginning with `where`, for another value.
    """
    kind = record.get("task", config.data.task)
    if kind not in TASKS:
        raise InputError(f"{where}: task is {kind!r}; one of: {', '.join(TASKS)}")
    return task_of(info, config, kind)


def _narrowed(info: CorpusInfo, kind: str) -> Task:
    task = info.task
    own = kind_of(task)
    if kind in (AUTO, own):
        return task
    if own != BOTH:
        raise InputError(
            f"config.data.task={kind!r}: the corpus {info.name} has {own} alone; use {AUTO}"
        )
    without_numbers = {"valence_range": None, "targets": (), "ranges": ()}
    less = without_numbers if kind == EMOTION else {"classes": ()}
    narrowed = dataclasses.replace(task, **less, metrics=(), selected_by="")
    fitting = metrics.names(narrowed)
    return dataclasses.replace(
        narrowed,
        metrics=tuple(name for name in task.metrics if name in fitting),
        selected_by=task.selected_by if task.selected_by in fitting else "",
    )
