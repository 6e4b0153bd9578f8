"""Configurations: the defaults, the checks of what is given, and the trials of a grid."""

import difflib
import importlib.util
import itertools
import math
import pathlib
from typing import Any

from ml_collections import ConfigDict

from mer_jax import files, metrics, rows
from mer_jax.corpora import CORPORA
from mer_jax.data import views
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.task import Task
from mer_jax.training.semi import METHODS

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"
GRID = (
    "model.fusion",
    "model.hidden",
    "model.layers",
    "train.learning_rate",
    "train.dropout",
    "train.weight_decay",
    "train.views",
    "semi.method",
    "semi.mu",
    "semi.weight",
    "semi.valence_weight",
    "semi.warmup",
    "semi.threshold",
    "semi.momentum",
    "semi.fairness_weight",
    "semi.eta",
    "semi.top_k",
    "semi.weak",
    "semi.strong",
    "semi.ema",
)
_VIEWS = ("train.views", "semi.weak", "semi.strong")
_SEMI_STATIC = ("semi.method", "semi.mu", "semi.top_k", "semi.weak", "semi.strong")
SEMI_TRACED = (
    "semi.weight",
    "semi.valence_weight",
    "semi.warmup",
    "semi.ema",
)  # beside the method's own
_OPTIMISER = ("train.learning_rate", "train.weight_decay")  # traced whatever the model
_PATHS = ("data.root", "data.tfds_dir")
_METRICS = metrics.names(Task(("any",), (-1.0, 1.0), signed=True))  # of every kind of task
# What each number must be: a test, and its words.
_POSITIVE = (lambda value: value > 0, "greater than 0")
_AT_LEAST_0 = (lambda value: value >= 0, "0 or more")
_AT_LEAST_1 = (lambda value: value >= 1, "1 or more")
_SHARE = (lambda value: 0 <= value <= 1, "in [0, 1]")
_SEED = (lambda value: 0 <= value < 1 << 32, "from 0 to 2**32 - 1")  # what a JAX key holds
_RANGES = {
    "seed": _SEED,
    "folds": (lambda value: value == 0 or value >= 2, "2 or more, or 0 to use the val split"),
    "repeats": _AT_LEAST_1,
    "data.synthetic.seed": _SEED,
    "data.synthetic.pool": _AT_LEAST_0,
    "model.hidden": _AT_LEAST_1,
    "train.learning_rate": _POSITIVE,
    "train.dropout": (lambda value: 0 <= value < 1, "in [0, 1)"),
    "train.weight_decay": _AT_LEAST_0,
    "train.epochs": _AT_LEAST_1,
    "train.batch_size": _AT_LEAST_1,
    "train.segment": _AT_LEAST_1,
    "train.checkpoint_seconds": _AT_LEAST_0,
    "data.labelled_fraction": (
        lambda value: 0 < value <= 1 or value == int(value) > 1,
        "a share in (0, 1], or a whole number of clips of each class",
    ),
    "semi.mu": _AT_LEAST_1,
    "semi.weight": _AT_LEAST_0,
    "semi.valence_weight": _AT_LEAST_0,
    "semi.warmup": _AT_LEAST_0,
    "semi.threshold": _SHARE,
    "semi.momentum": _SHARE,
    "semi.fairness_weight": _AT_LEAST_0,
    "semi.eta": _SHARE,
    "semi.top_k": _AT_LEAST_0,
    "semi.ema": (lambda value: 0 <= value < 1, "in [0, 1)"),
    "data.device_bytes": _AT_LEAST_0,
    "select.eta": _SHARE,
    "evaluate.batch_size": _AT_LEAST_1,
    "evaluate.bootstrap": _AT_LEAST_0,
}
_CHOICES = {
    "data.corpus": tuple(CORPORA),
    "data.zero_valence": ("positive", "drop"),
    "model.fusion": tuple(FUSIONS),
    "semi.method": ("", *METHODS),
    "table.unimodal_fusion": tuple(FUSIONS),
}


def flatten(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Every leaf by its dotted key, in the config's order."""
    leaves = {}
    for key in config:
        value = config[key]
        if isinstance(value, ConfigDict):
            leaves.update(flatten(value, f"{prefix}{key}."))
        else:
            leaves[prefix + key] = value
    return leaves


def load_base() -> ConfigDict:
    """The defaults of configs/base.py."""
    return _get_config(CONFIGS / "base.py")


def load_file(argument: str) -> ConfigDict:
    """The config of `--config=FILE` or `--config=FILE:what get_config takes`.

    Raises:
      InputError: there is no such file, or it does not give a ConfigDict.
    """
    name, colon, given = argument.partition(":")
    path = pathlib.Path(name)
    if not path.is_file() or path.suffix != ".py":
        present = ", ".join(sorted(file.name for file in CONFIGS.glob("*.py")))
        raise InputError(f"--config={name}: no such Python file; {CONFIGS} has: {present}")
    try:
        config = _get_config(path, *([given] if colon else []))
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # code of the user's, which may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"{path}: no config came of it: {type(error).__name__}: {reason}"
        ) from None
    if not isinstance(config, ConfigDict):
        raise InputError(
            f"{path}: get_config() gives a {type(config).__name__} instead of a ConfigDict; start "
            "from configs/base.py's"
        )
    return config


def _get_config(path: pathlib.Path, *arguments: str):
    spec = importlib.util.spec_from_file_location("mer_jax_config_file", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(*arguments)


def read_saved(path) -> ConfigDict:
    """The config out of a config.json, over today's defaults.

    Raises:
      InputError: the file is absent, is no config.json or holds what `check` refuses.
    """
    try:
        saved = files.read_json(pathlib.Path(path), {"config": dict})["config"]
        leaves = flatten(ConfigDict(saved))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a config.json: {error}") from None
    config = load_base()
    known = flatten(config)
    for key, value in leaves.items():
        if key not in known:
            raise InputError(f"{path}: {unknown_key(key)}")
        try:
            config.update_from_flattened_dict(
                {key: tuple(value) if isinstance(value, list) else value}
            )
        except TypeError:
            raise InputError(f"{path}: config.{key}: {value!r} is of the wrong type") from None
    try:
        check(config)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return config


def unknown_key(key: str) -> str:
    """The sentence for a key that is not there, with the nearest that is."""
    known = list(flatten(load_base()))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean config.{near[0]}?" if near else f"known: {', '.join(known)}"
    return f"unknown key config.{key}; {hint}"


def check(config: ConfigDict) -> ConfigDict:
    """The config with its values normalised: numbers of their type, paths absolute.

    Raises InputError for an unknown key, a wrong type, a value out of range or an unknown name,
    naming what there is.
    """
    base = flatten(load_base())
    given = flatten(config)
    for key in given:
        if key not in base:
            raise InputError(unknown_key(key))
    for key in base:
        if key not in given:
            raise InputError(f"config.{key} is missing")
    checked = config.copy_and_resolve_references()
    checked = ConfigDict(checked.to_dict())  # forgets field types: the checks here are stricter
    with checked.ignore_type():
        checked.update_from_flattened_dict(
            {key: _normal(key, value, base[key]) for key, value in given.items()}
        )
    return checked


def _normal(key: str, value, default):
    normal_of_key = {
        "model.layers": _normal_layers,
        "train.chunk": _normal_chunk,
        "table.rows": _normal_rows,
        "table.metrics": _normal_metrics,
    }
    if key in normal_of_key:
        return normal_of_key[key](value)
    if key not in GRID:
        value = _element(key, value, default)
        return str(pathlib.Path(value).expanduser().resolve()) if key in _PATHS and value else value
    example = default[0] if isinstance(default, tuple) else default
    if not isinstance(value, tuple | list):
        return _element(key, value, example)
    values = tuple(_element(key, item, example) for item in value)
    if not values or len(set(values)) < len(values):
        raise InputError(f"config.{key}: {value!r} is empty or holds a value twice")
    return values[0] if len(values) == 1 else values


def _element(key: str, value, example):
    kind = type(example)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise InputError(f"config.{key}: {value!r} is not {_KIND_WORDS[kind]}")
    if kind is float and not math.isfinite(value):
        raise InputError(f"config.{key}: {value} is not finite")
    if key in _RANGES and not _RANGES[key][0](value):
        raise InputError(f"config.{key}: {value} must be {_RANGES[key][1]}")
    if key in _VIEWS:
        views.parse(value, f"config.{key}")
    if key == "table.aliases":
        rows.parse_aliases(value, f"config.{key}")
    if key in _CHOICES and value not in _CHOICES[key]:
        what = key.rpartition(".")[2]
        raise InputError(
            f"config.{key}: unknown {what} {value!r}; one of: {', '.join(_CHOICES[key])}"
        )
    return value


_KIND_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a name"}


def _normal_layers(value):
    """One stack as "256,128"; a command line's 256,128 arrives as numbers and is one stack too."""
    if isinstance(value, tuple | list) and any(isinstance(item, str) for item in value):
        stacks = tuple(_normal_layers(item) for item in value)
        return stacks[0] if len(stacks) == 1 else stacks
    text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    widths = [width.strip() for width in text.split(",")]
    if not all(width.isascii() and width.isdigit() and int(width) > 0 for width in widths):
        raise InputError(f'config.model.layers: {value!r} is no list of widths such as "256,128"')
    return ",".join(widths)


def _normal_chunk(value):
    text = str(value)
    if text in ("auto", "measure"):
        return text
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InputError(
            f'config.train.chunk: {value!r} is not "auto", "measure" or a number above 0'
        )
    return int(text)


def _normal_rows(value):
    given = as_tuple(value)
    for text in given:
        if not isinstance(text, str):
            raise InputError(f"config.table.rows: {text!r} is not a row's text")
    folders = [rows.parse(text, "config.table.rows").folder for text in given]
    twice = [folder for folder in folders if folders.count(folder) > 1]
    if twice:
        raise InputError(f"config.table.rows: {twice[0]} stands there twice")
    return given


def _normal_metrics(value):
    given = as_tuple(value)
    for name in given:
        if name not in _METRICS:
            raise InputError(
                f"config.table.metrics: unknown metric {name!r}; one of: {', '.join(_METRICS)}"
            )
    if not given:
        raise InputError("config.table.metrics is empty")
    return given


def trials(config: ConfigDict) -> list[dict[str, Any]]:
    """The grid: every combination of the values that the trial's own parts have a use for."""
    axes = flatten(config)
    found = []
    for values in itertools.product(*(as_tuple(axes[key]) for key in GRID)):
        trial = _used(dict(zip(GRID, values, strict=True)))
        if trial not in found:
            found.append(trial)
    return found


def _used(trial: dict[str, Any]) -> dict[str, Any]:
    fusion = FUSIONS[trial["model.fusion"]]
    used = {"model.fusion", *_OPTIMISER}
    used |= {key for key in GRID if key.rpartition(".")[2] in (*fusion.STATIC, *fusion.TRACED)}
    if trial["train.views"]:
        used.add("train.views")
    if trial["semi.method"]:
        own = METHODS[trial["semi.method"]]
        used |= {*_SEMI_STATIC, *SEMI_TRACED, *(f"semi.{name}" for name in own.TRACED)}
        if trial["semi.method"] != "pseudo_label":
            used.remove("semi.top_k")
    return {key: value for key, value in trial.items() if key in used}


def varied(all_trials: list[dict[str, Any]]) -> list[str]:
    """The keys in which the trials differ, in the grid's order."""
    missing = object()
    return [
        key
        for key in GRID
        if any(trial.get(key, missing) != all_trials[0].get(key, missing) for trial in all_trials)
    ]


def is_semi_supervised(config: ConfigDict) -> bool:
    """Whether any trial of the grid uses unlabelled clips."""
    return any(as_tuple(config.semi.method))


def uses_views(config: ConfigDict) -> bool:
    """Whether any trial augments clips."""
    return is_semi_supervised(config) or any(as_tuple(config.train.views))


def as_tuple(value) -> tuple:
    """A grid's values: one value is a grid of one."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)
