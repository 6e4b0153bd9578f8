"""The config of an earlier training, read back from its config.json."""

import pathlib

from ml_collections import ConfigDict

from mer_jax import files
from mer_jax.config.checking import check, unknown_key
from mer_jax.config.keys import flatten
from mer_jax.config.loading import load_base
from mer_jax.errors import InputError


def read_saved(path) -> ConfigDict:
    """The config out of a config.json, over today's defaults, which fill in keys that are newer.

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
