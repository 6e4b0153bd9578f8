"""Configs for tests: the defaults with some keys changed."""

from ml_collections import ConfigDict

from mer_jax import config as config_lib


def changed(**changes) -> ConfigDict:
    """The unchecked defaults with changes; a dot in a key is written as __: `data__root="x"`."""
    config = config_lib.load_base()
    config.update_from_flattened_dict(
        {key.replace("__", "."): value for key, value in changes.items()}
    )
    return config
