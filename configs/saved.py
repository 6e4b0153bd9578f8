"""A finished or begun run's configuration: `--config=configs/saved.py:DIR/config.json`."""

from mer_jax import config as config_lib


def get_config(path: str):
    """Reads the config out of `path`, a config.json written by an earlier run."""
    return config_lib.read_saved(path)
