"""What a compiled program is of: the part of a trial that shapes it, and the numbers it takes."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from mer_jax.data import views
from mer_jax.data.views import Steps
from mer_jax.errors import InputError
from mer_jax.models import multitask
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import Batch
from mer_jax.semi import METHODS
from mer_jax.semi.method import Semi
from mer_jax.settings import traced
from mer_jax.task import Task
from mer_jax.training import optimizer

_TRACED_BY_ALL = ("weight", "valence_weight", "warmup", "ema")  # beside a semi method's own


@dataclasses.dataclass(frozen=True)
class Static:
    """What changes a compiled program: runs that share it are trained side by side."""

    fusion: str
    settings: tuple[tuple[str, Any], ...]  # the fusion's static ones
    modalities: tuple[str, ...]
    task: Task
    epochs: int
    batch_size: int
    optimizer: tuple[str, ...] = ("learning_rate", "weight_decay")  # its settings that are on
    views: Steps = ()  # augmentation of the labelled batch
    semi: Semi | None = None  # None: supervised


class HParams(NamedTuple):
    """What a compiled program takes as numbers."""

    optimizer: dict[str, Any]  # by name: those of optimizer.SETTINGS that are on
    model: dict[str, Any]  # the fusion's traced settings
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
    return Static(
        fusion=trial["model.fusion"],
        settings=tuple(
            (setting.name, setting.kind.build(trial[setting.key]))
            for setting in fusion.SETTINGS
            if not setting.traced
        ),
        modalities=modalities,
        task=task,
        epochs=config.train.epochs,
        batch_size=config.train.batch_size,
        optimizer=tuple(_optimizer_of(trial)),
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
    semi = None
    if "semi.method" in trial:
        names = (*_TRACED_BY_ALL, *METHODS[trial["semi.method"]].TRACED)
        semi = {name: trial[f"semi.{name}"] for name in names}
    return HParams(
        optimizer=_optimizer_of(trial),
        model={setting.name: trial[setting.key] for setting in fusion.SETTINGS if setting.traced},
        semi=semi,
    )


def _optimizer_of(trial: dict[str, Any]) -> dict[str, Any]:
    return {s.name: trial[s.key] for s in optimizer.SETTINGS if s.key in trial}


def make_optimizer(static: Static, hparams: HParams) -> optax.GradientTransformation:
    """Makes the optimiser of a run, with the groups that its model declares."""
    groups = [
        optimizer.Group(
            group.label,
            group.pattern,
            {
                name: hparams.model[value] if isinstance(value, str) else value
                for name, value in group.settings.items()
            },
        )
        for group in getattr(FUSIONS[static.fusion], "GROUPS", ())
    ]
    return optimizer.make(hparams.optimizer, groups)


def build_model(static: Static) -> multitask.MultitaskModel:
    """Builds the model that `static` describes."""
    return multitask.build(static.fusion, dict(static.settings), static.modalities, static.task)


def count_parameters(static: Static, sizes: dict[str, int]) -> int:
    """The number of a model's parameters for features of these sizes; computes nothing."""
    batch = Batch({m: jnp.zeros((1, size)) for m, size in sizes.items()}, {}, jnp.ones(1))
    settings = dict.fromkeys(traced(FUSIONS[static.fusion].SETTINGS), 0.0)
    variables = jax.eval_shape(build_model(static).init, jax.random.key(0), batch, settings)
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def fits(static: Static, sizes: dict[str, int], kept: dict[str, Any]) -> bool:
    """Whether a checkpoint's parameters are as many as this model has, for each of its runs."""
    if not {"params", "repeat"} <= kept.keys() or sizes.keys() != set(static.modalities):
        return False
    held = sum(leaf.size for leaf in jax.tree.leaves(kept["params"]))
    return held == kept["repeat"].size * count_parameters(static, sizes)
