"""What a compiled program is of: the part of a trial that shapes it, and the numbers it takes."""

import dataclasses
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from mer_jax.config import SEMI_TRACED
from mer_jax.data import views
from mer_jax.data.views import Steps
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.task import Task
from mer_jax.training.semi import METHODS


@dataclasses.dataclass(frozen=True)
class Semi:
    """What a semi-supervised method changes in a compiled program."""

    method: str  # a name in mer_jax/training/semi.py
    mu: int
    top_k: int  # pseudo_label: 0 for thresholds by quantile
    weak: Steps
    strong: Steps


@dataclasses.dataclass(frozen=True)
class Static:
    """What changes a compiled program: runs that share it are trained side by side."""

    fusion: str
    settings: tuple[tuple[str, Any], ...]  # the fusion's STATIC settings
    modalities: tuple[str, ...]
    task: Task
    epochs: int
    batch_size: int
    views: Steps = ()  # augmentation of the labelled batch
    semi: Semi | None = None  # None: supervised


class HParams(NamedTuple):
    """What a compiled program takes as numbers."""

    learning_rate: Any
    weight_decay: Any
    model: dict[str, Any]  # the fusion's TRACED settings
    semi: dict[str, Any] | None = None  # the method's


def static_of(
    config: ConfigDict, trial: dict[str, Any], modalities: tuple[str, ...], task: Task
) -> Static:
    """The part of a trial that changes the compiled program."""
    fusion = FUSIONS[trial["model.fusion"]]
    if trial["model.fusion"] == "unimodal" and len(modalities) > 1:
        others = ", ".join(name for name in FUSIONS if name != "unimodal")
        raise InputError(
            f"config.model.fusion: 'unimodal' takes one modality, the config names "
            f"{', '.join(modalities)}; for these, one of: {others}"
        )
    settings = {}
    for key, value in trial.items():
        name = key.rpartition(".")[2]
        if name in fusion.STATIC:
            is_layers = name == "layers"
            settings[name] = tuple(int(width) for width in value.split(",")) if is_layers else value
    return Static(
        fusion=trial["model.fusion"],
        settings=tuple(settings.items()),
        modalities=modalities,
        task=task,
        epochs=config.train.epochs,
        batch_size=config.train.batch_size,
        views=views.parse(trial.get("train.views", ""), "config.train.views"),
        semi=_semi_of(trial, task),
    )


def _semi_of(trial: dict[str, Any], task: Task) -> Semi | None:
    if "semi.method" not in trial:
        return None
    if not task.classes:
        raise InputError("config.semi.method: pseudo-labels need emotions, which the task lacks")
    return Semi(
        method=trial["semi.method"],
        mu=trial["semi.mu"],
        top_k=trial.get("semi.top_k", 0),
        weak=views.parse(trial["semi.weak"], "config.semi.weak"),
        strong=views.parse(trial["semi.strong"], "config.semi.strong"),
    )


def hparams_of(trial: dict[str, Any]) -> HParams:
    """The part of a trial that a compiled program takes as numbers."""
    fusion = FUSIONS[trial["model.fusion"]]
    by_name = {
        key.rpartition(".")[2]: value for key, value in trial.items() if not key.startswith("semi.")
    }
    semi = None
    if "semi.method" in trial:
        own = METHODS[trial["semi.method"]].TRACED
        traced = (*SEMI_TRACED, *(f"semi.{name}" for name in own))
        semi = {key.removeprefix("semi."): trial[key] for key in traced}
    return HParams(
        learning_rate=by_name["learning_rate"],
        weight_decay=by_name["weight_decay"],
        model={name: by_name[name] for name in fusion.TRACED},
        semi=semi,
    )
