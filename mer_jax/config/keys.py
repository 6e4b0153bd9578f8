"""The registry of keys: what each may hold, whether a grid varies it, whether it decides results.

A key's default and its meaning stand in configs/base.py; a fusion's own settings, which are keys
too, in the files of mer_jax/models/fusion/, those of semi-supervised methods in mer_jax/semi/, the
optimiser's in mer_jax/training/optimizer.py, the loss's in mer_jax/training/losses.py.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict
from ml_collections.config_dict import RequiredValueError

from mer_jax import semi, ways
from mer_jax.config import kinds
from mer_jax.config.kinds import as_tuple
from mer_jax.corpora import CORPORA, tasks
from mer_jax.data import framing, left_out, placeholders, standardise, views
from mer_jax.data import rows as rows_lib
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.settings import (
    AT_LEAST_0,
    AT_LEAST_1,
    SHARE,
    Choices,
    Kind,
    Range,
    Setting,
)
from mer_jax.training import losses, optimizer


class Key(NamedTuple):
    """One key of the config."""

    name: str  # dotted: train.epochs
    allowed: Range | Choices | None = None
    kind: Kind | None = None  # None: that of its default in configs/base.py
    grid: bool = False  # whether a tuple of values is an axis of the grid
    # False: a workdir may be continued with another value. Or a function of all values by key.
    identifies: bool | Callable[[Mapping[str, Any]], bool] = True
    doc: str = ""  # of what code declares; that of other keys stands in configs/base.py


def flatten(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Every leaf by its dotted key, in the config's order; None for a placeholder."""
    leaves = {}
    for key in config:
        try:
            value = config[key]
        except RequiredValueError:
            value = None
        if isinstance(value, ConfigDict):
            leaves.update(flatten(value, f"{prefix}{key}."))
        else:
            leaves[prefix + key] = value
    return leaves


def _has_pool(values: Mapping[str, Any]) -> bool:
    """Whether clips without labels are trained on: how they reach the device decides which."""
    return any(as_tuple(values["semi.method"]))


def _of_settings(settings: Iterable[Setting]) -> list[Key]:
    """The keys of declared settings, each an axis of the grid."""
    return [Key(s.key, s.allowed, s.kind, grid=True, doc=s.doc) for s in settings]


def declared() -> dict[str, Key]:
    """Every key by its name; those that a grid varies stand in the order of its axes."""
    own = FUSIONS.settings()
    of_fusions = {
        part: _of_settings(setting for setting in own.values() if setting.part == part)
        for part in ("model", "train")
    }
    rate, *of_optimizer = _of_settings(optimizer.SETTINGS)
    of_losses = _of_settings(losses.SETTINGS)
    of_methods = _of_settings(semi.settings().values())
    keys = (
        Key("seed", kinds.SEED),
        Key("folds", kinds.FOLDS),
        Key("repeats", AT_LEAST_1),
        Key("data.corpus", Choices(tuple(CORPORA))),
        Key("data.task", Choices(tasks.TASKS)),
        Key("data.root", kind=kinds.PATH),
        Key("data.test_corpora", kind=kinds.TEST_CORPORA),
        Key("data.tfds_dir", kind=kinds.PATH, identifies=False),
        Key("data.standardise", kind=standardise.KIND),
        Key("data.device_bytes", AT_LEAST_0, identifies=_has_pool),
        Key("data.labelled_fraction", kinds.LABELLED),
        Key("data.labelled_per_class", AT_LEAST_0),
        Key("data.group_folds", kind=kinds.GROUP_FOLDS),
        Key("data.classes", kind=kinds.CLASSES),
        Key("data.valence_range", kind=kinds.VALENCE_RANGE),
        Key("data.targets", kind=kinds.TARGETS),
        Key("data.signed"),
        Key("data.bad", Choices(left_out.BAD_POLICIES)),
        Key("data.missing", Choices(left_out.MISSING_POLICIES)),
        Key("data.zero_valence", Choices(("positive", "negative", "drop"))),
        Key("data.placeholders", Choices(placeholders.MODES)),
        Key("data.synthetic.seed", kinds.SEED),
        Key("data.synthetic.pool", AT_LEAST_0),
        Key("features.audio"),
        Key("features.text"),
        Key("features.video"),
        Key("features.train_snr"),
        Key("features.test_snr"),
        Key("features.level", Choices((rows_lib.AUTO, *rows_lib.LEVELS))),
        Key("features.all", identifies=False),
        Key("frames.align", Choices(framing.ALIGNMENTS)),
        Key("frames.scale", AT_LEAST_1),
        Key("frames.padding", Choices(framing.PADDINGS)),
        Key("frames.buckets", AT_LEAST_1),
        Key("model.fusion", Choices(tuple(FUSIONS)), grid=True),
        *of_fusions["model"],
        rate,
        *of_fusions["train"],
        *of_optimizer,
        *of_losses,
        Key("train.epochs", AT_LEAST_1),
        Key("train.batch_size", AT_LEAST_1),
        Key("train.steps", kind=kinds.STEPS),
        Key("train.chunk", kind=kinds.CHUNK),
        Key("train.segment", AT_LEAST_1, identifies=False),
        Key("train.checkpoint_seconds", AT_LEAST_0, identifies=False),
        Key("train.tensorboard", identifies=False),
        Key("train.selection", kind=kinds.SELECTION),
        Key("train.views", kind=views.KIND, grid=True),
        Key("semi.method", Choices(("", semi.AUTO, *semi.METHODS)), grid=True),
        Key("semi.transductive"),
        *of_methods,
        Key("search.trials", AT_LEAST_0),
        Key("search.repeats", AT_LEAST_1, identifies=False),
        Key("select.eta", SHARE, identifies=False),
        Key("evaluate.batch_size", AT_LEAST_1, identifies=False),
        Key("evaluate.bootstrap", AT_LEAST_0, identifies=False),
        Key("evaluate.probabilities", identifies=False),
        Key("evaluate.ensemble", Choices((ways.BEST, *ways.WAYS)), identifies=False),
        Key("evaluate.calibrate", identifies=False),
        Key("evaluate.joint_decoding", identifies=False),
        Key("evaluate.metrics", kind=kinds.ANY_METRICS, identifies=False),
        Key("report", identifies=False),
        Key("table.rows", kind=kinds.ROWS),
        Key("table.corpora", kind=kinds.CORPORA_OF_TABLE),
        Key("table.algorithms", kind=kinds.ALGORITHMS),
        Key("table.aliases", kind=kinds.ALIASES, identifies=False),
        Key("table.unimodal_fusion", Choices(tuple(FUSIONS))),
        Key("table.metrics", kind=kinds.SOME_METRICS, identifies=False),
    )
    by_name: dict[str, Key] = {}
    for key in keys:
        if key.name in by_name:
            raise InputError(
                f"{key.name} is declared twice: as a key of the config and as a fusion's own "
                "setting, or twice in mer_jax/config/keys.py; choose another name"
            )
        by_name[key.name] = key
    return by_name


def identity(config: ConfigDict) -> dict[str, Any]:
    """The values that decide a training's results: a workdir is continued with these alone.

    What only other fusions declare decides none, save in a table, whose rows choose theirs.
    """
    known, values = declared(), flatten(config)
    of_ours = {
        setting.key
        for fusion in as_tuple(values["model.fusion"])
        for setting in FUSIONS[fusion].SETTINGS
    }
    of_rows = values["table.rows"] or values["table.algorithms"]
    unused = set() if of_rows else FUSIONS.settings().keys() - of_ours

    def decides(name: str) -> bool:
        if name in unused:
            return False
        identifies = known[name].identifies
        return identifies(values) if callable(identifies) else identifies

    return {name: value for name, value in values.items() if decides(name)}
