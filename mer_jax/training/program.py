"""What a compiled program is of: the part of a trial that shapes it, and the numbers it takes."""

import dataclasses
from typing import Any, NamedTuple

import optax
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax.data import framing as framing_lib
from mer_jax.data import views
from mer_jax.data.framing import ALIGNED, TEXT, Framing
from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.data.rows import AUTO, LEVELS
from mer_jax.data.views import View
from mer_jax.errors import InputError
from mer_jax.models import multitask
from mer_jax.models.fusion import FUSIONS, check_sets, check_task, levels
from mer_jax.models.groups import groups_of
from mer_jax.semi import settings_of
from mer_jax.semi.method import SHARED, Semi
from mer_jax.task import MODALITIES, Task
from mer_jax.training import losses, optimizer

_TAKES = {UTTERANCE: "one vector a clip", FRAME: "frames"}


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
    views: View = ()  # augmentation of the labelled batch
    semi: Semi | None = None  # None: supervised
    level: str = UTTERANCE  # what the fusion takes: vectors, or frames with masks
    framing: Framing | None = None  # how clips' frames become those; None: vectors
    steps: int = 0  # at least, of a run: its epochs take the labelled clips again until then
    objective: tuple[str, ...] = ()  # the settings of losses.SETTINGS that are on


class HParams(NamedTuple):
    """What a compiled program takes as numbers."""

    optimizer: dict[str, Any]  # by name: those of optimizer.SETTINGS that are on
    model: dict[str, Any]  # the fusion's traced settings
    semi: dict[str, Any] | None = None  # the method's
    objective: dict[str, Any] | None = None  # by name: those of losses.SETTINGS that are on


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
    check_sets(trial["model.fusion"], modalities)
    settings = {
        setting.name: setting.kind.build(trial[setting.key])
        for setting in fusion.SETTINGS
        if not setting.traced
    }
    check_task(trial["model.fusion"], settings, task)
    objective = tuple(losses.switched_on(trial))
    losses.check(objective, task)
    return Static(
        fusion=trial["model.fusion"],
        settings=tuple(settings.items()),
        modalities=modalities,
        task=task,
        epochs=config.train.epochs,
        batch_size=config.train.batch_size,
        optimizer=tuple(_optimizer_of(trial)),
        views=_views_of(trial),
        semi=_semi_of(trial, task),
        level=_level(config, trial["model.fusion"]),
        framing=_framing(config, trial["model.fusion"], modalities),
        steps=config_lib.least_steps(config),
        objective=objective,
    )


def _views_of(trial: dict[str, Any]) -> View:
    """The augmentation of labelled clips, which no graph joins to others."""
    view = views.parse(trial.get("train.views", ""), "config.train.views")
    if views.takes_neighbours(view):
        raise InputError(
            f"config.train.views: {views.NEIGHBOURS} is for unlabelled clips, in config.semi.weak "
            "and config.semi.strong; for labelled ones use mixup"
        )
    return view


def _level(config: ConfigDict, fusion: str) -> str:
    """What a fusion takes of a config's features: what the config says, or else its default."""
    chosen, possible = config.features.level, levels(fusion)
    if chosen == AUTO:
        return possible[0]
    if LEVELS[chosen] not in possible:
        raise InputError(
            f"config.features.level={chosen!r}: the fusion {fusion!r} takes "
            f"{_TAKES[possible[0]]} alone"
        )
    return LEVELS[chosen]


def level_of(config: ConfigDict) -> str:
    """The level at which a config's fusions take features.

    Raises InputError where one takes vectors and another frames: a grid has its features once.
    """
    found = {_level(config, name): name for name in config_lib.as_tuple(config.model.fusion)}
    if len(found) > 1:
        raise InputError(
            f"config.model.fusion: {found[FRAME]!r} takes frames and {found[UTTERANCE]!r} one "
            "vector a clip; train them in workdirs of their own"
        )
    return next(iter(found))


def _framing(config: ConfigDict, fusion: str, modalities: tuple[str, ...]) -> Framing | None:
    if _level(config, fusion) == UTTERANCE:
        return None
    align = config.frames.align
    if align == ALIGNED and TEXT not in modalities:
        raise InputError(
            "config.frames.align: frames are aligned to the text's, and the config names no "
            'features.text; set it, or use config.frames.align="none"'
        )
    wanted = align == framing_lib.AUTO and getattr(FUSIONS[fusion], "ALIGNED", False)
    aligned = align == ALIGNED or (wanted and TEXT in modalities)
    return Framing(aligned, config.frames.scale, config.frames.padding)


def framing_of(config: ConfigDict) -> Framing | None:
    """How a config's fusions take frames; None: they take vectors.

    Raises InputError where one takes them aligned and another not, or there is no text to align to.
    """
    modalities = tuple(m for m in MODALITIES if config.features[m])
    names = config_lib.as_tuple(config.model.fusion)
    found = {_framing(config, name, modalities): name for name in names}
    if len(found) > 1:
        one, other = found.values()
        raise InputError(
            f"config.model.fusion: of {one!r} and {other!r} one takes aligned frames; set "
            f'config.frames.align="{ALIGNED}", or train them in workdirs of their own'
        )
    return next(iter(found))


def _semi_of(trial: dict[str, Any], task: Task) -> Semi | None:
    if "semi.method" not in trial:
        return None
    if not task.classes:
        raise InputError("config.semi.method: pseudo-labels need emotions, which the task lacks")
    own = settings_of(trial)
    return Semi(
        method=trial["semi.method"],
        mu=trial["semi.mu"],
        weak=views.parse(trial["semi.weak"], "config.semi.weak"),
        strong=views.parse(trial["semi.strong"], "config.semi.strong"),
        settings=tuple((s.name, trial[s.key]) for s in own if not s.traced),
    )


def hparams_of(trial: dict[str, Any]) -> HParams:
    """The part of a trial that a compiled program takes as numbers."""
    fusion = FUSIONS[trial["model.fusion"]]
    semi = None
    if "semi.method" in trial:
        own = settings_of(trial)
        semi = {s.name: trial[s.key] for s in (*SHARED, *own) if s.traced}
    return HParams(
        optimizer=_optimizer_of(trial),
        model={setting.name: trial[setting.key] for setting in fusion.SETTINGS if setting.traced},
        semi=semi,
        objective=losses.switched_on(trial) or None,
    )


def _optimizer_of(trial: dict[str, Any]) -> dict[str, Any]:
    return {s.name: trial[s.key] for s in optimizer.SETTINGS if s.key in trial}


def make_optimizer(static: Static, hparams: HParams) -> optax.GradientTransformation:
    """Makes the optimiser of a run, with the groups that its model declares."""
    return optimizer.make(hparams.optimizer, optimizer_groups(static, hparams))


def optimizer_groups(static: Static, hparams: HParams) -> list[optimizer.Group]:
    """The groups of parameters that the optimiser of a run treats apart."""
    of = groups_of(
        FUSIONS[static.fusion], dict(static.settings), hparams.model, len(static.modalities)
    )
    return [optimizer.Group(group.label, group.pattern, group.settings) for group in of]


def build_model(static: Static) -> multitask.MultitaskModel:
    """Builds the model that `static` describes."""
    weighs_itself = losses.UNCERTAINTY in static.objective
    return multitask.build(
        static.fusion, dict(static.settings), static.modalities, static.task, weighs_itself
    )
