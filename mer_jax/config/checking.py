"""Checks of a config: unknown keys, wrong types, values out of range; each told in a sentence."""

import difflib
from typing import Any

from ml_collections import ConfigDict

from mer_jax.config.keys import Key, declared, flatten
from mer_jax.config.loading import load_base
from mer_jax.corpora import AUTO, CORPORA
from mer_jax.errors import InputError
from mer_jax.settings import kind_of, read_axis, read_single

# What the field calls a key elsewhere, by the last part of the name.
_ALSO_CALLED = {
    "train.learning_rate": ("lr", "learningrate", "base_lr", "init_lr", "step_size"),
    "train.batch_size": ("bs", "batchsize", "batch", "train_batch_size", "minibatch_size"),
    "train.weight_decay": ("wd", "l2", "l2_reg", "weightdecay", "decay"),
    "train.epochs": ("epoch", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs"),
    "train.dropout": ("dropout_rate", "drop_rate", "drop", "p_dropout", "dropout_prob"),
    "model.hidden": ("hidden_dim", "hidden_size", "hidden_units", "d_model", "dim", "width"),
    "model.layers": ("layer", "widths", "hidden_dims", "hidden_sizes", "mlp_dims"),
    "model.fusion": ("model", "arch", "architecture", "name", "fusion_type", "model_name"),
    "folds": ("n_folds", "num_folds", "k_folds", "kfold", "kfolds", "cv", "fold"),
    "repeats": ("n_repeats", "num_repeats", "runs", "num_runs", "n_runs", "repeat"),
    "seed": ("seeds", "random_seed", "random_state", "rng_seed", "manual_seed"),
    "data.corpus": ("dataset", "data_name", "dataset_name", "corpora"),
    "data.root": ("data_dir", "data_root", "data_path", "root_dir", "dataset_dir", "path"),
    "data.standardise": ("standardize", "normalize", "normalise", "zscore"),
    "semi.weight": ("lambda_u", "lambda", "ulb_loss_ratio", "unsup_weight"),
    "semi.threshold": ("tau", "p_cutoff", "cutoff"),
    "semi.mu": ("uratio", "unlabelled_ratio", "unlabeled_ratio"),
    "features.audio": ("audio_feature", "audio_features", "acoustic", "a_feat"),
    "features.text": ("text_feature", "text_features", "language", "lexical", "t_feat"),
    "features.video": ("video_feature", "video_features", "visual", "vision", "v_feat"),
}
# What is no key here, by the last part of the name: what to use instead.
_DEVICES = (
    "training uses every device that JAX finds; the environment variables JAX_PLATFORMS and "
    "CUDA_VISIBLE_DEVICES choose among them"
)
_STOPPING = (
    "every run trains for config.train.epochs and keeps its best epoch, so nothing stops early"
)
_INSTEAD = {
    **dict.fromkeys(("gpu", "gpus", "gpu_id", "num_gpus", "device", "devices", "cuda"), _DEVICES),
    **dict.fromkeys(("patience", "early_stop", "early_stopping", "earlystop"), _STOPPING),
}
_CLOSE = 0.6  # of difflib's ratio: below it, a guess would mislead more often than help


def unknown_key(key: str) -> str:
    """The sentence for a key that is not there, with the one that was probably meant."""
    if instead := _INSTEAD.get(_last(key)):
        return f"unknown key config.{key}; {instead}"
    known = list(declared())
    near = _meant(key, known)
    hint = f"did you mean config.{near}?" if near else f"known: {', '.join(known)}"
    return f"unknown key config.{key}; {hint}"


def _last(key: str) -> str:
    return key.rpartition(".")[2].lower().replace("-", "_")


def _meant(key: str, known: list[str]) -> str | None:
    last = _last(key)
    same = [name for name in known if name.rpartition(".")[2] == last]
    if same:  # in another part: the one of the most like name
        return difflib.get_close_matches(key, same, n=1, cutoff=0.0)[0]
    for name, others in _ALSO_CALLED.items():
        if last in others and name in known:
            return name
    near = difflib.get_close_matches(key, known, n=1, cutoff=_CLOSE)
    return near[0] if near else None


def check(config: ConfigDict) -> ConfigDict:
    """The config with its values normalised: numbers of their type, paths absolute.

    Raises InputError for an unknown or missing key, a wrong type, a value out of range or an
    unknown name, naming what there is.
    """
    check_keys(config)
    known, base = declared(), flatten(load_base())
    values = {key: _read(known[key], value, base[key]) for key, value in flatten(config).items()}
    info = CORPORA[values["data.corpus"]]
    if values["data.group_folds"] == AUTO and not info.from_file:
        # Of a table its file decides, once it is read.
        values["data.group_folds"] = info.folds_by_group(AUTO)
    checked = config.copy_and_resolve_references()
    checked = ConfigDict(checked.to_dict())  # forgets field types: the checks here are stricter
    with checked.ignore_type():
        checked.update_from_flattened_dict(values)
    return checked


def check_keys(config: ConfigDict) -> None:
    """Raises InputError for a config with a key too many or too few, or one without a value."""
    known, base, given = declared(), flatten(load_base()), flatten(config)
    for key in sorted(known.keys() ^ base.keys()):
        place = "mer_jax/config/keys.py" if key in base else "configs/base.py"
        raise InputError(f"config.{key} is not declared in {place}; a key needs both")
    parts = {name.rpartition(".")[0] for name in known} - {""}
    for key in given:
        if key in parts:
            inside = ", ".join(name for name in known if name.startswith(f"{key}."))
            raise InputError(f"config.{key} is {given[key]!r} instead of a ConfigDict of: {inside}")
        if key not in known:
            raise InputError(unknown_key(key))
        if given[key] is None:
            raise InputError(
                f"config.{key} has no value; give it one in the config file in place of None or of "
                "a placeholder, which no override can fill"
            )
    for key in known:
        if key not in given:
            absent = _missing_part(key, given)
            raise InputError(
                f"config.{absent} is missing; start from the get_config() of configs/base.py"
            )


def _missing_part(key: str, given: dict[str, Any]) -> str:
    """The largest part around a missing key that is missing as a whole."""
    pieces = key.split(".")
    for count in range(1, len(pieces)):
        part = ".".join(pieces[:count])
        if not any(name.startswith(f"{part}.") for name in given):
            return part
    return key


def _read(key: Key, value: Any, default: Any) -> Any:
    where = f"config.{key.name}"
    kind = key.kind or kind_of(default, where)
    read = read_axis if key.grid else read_single
    return read(value, kind, key.allowed, where)
