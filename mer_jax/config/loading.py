"""Where a config comes from: the defaults, a Python file, or a workdir's config.json."""

import importlib.util
import pathlib

from ml_collections import ConfigDict

from mer_jax import paths
from mer_jax.errors import InputError
from mer_jax.paths import CONFIGS


def load_base() -> ConfigDict:
    """The defaults of configs/base.py."""
    return _get_config(CONFIGS / "base.py")


def load_file(argument: str) -> ConfigDict:
    """The config of `--config=FILE` or `--config=FILE:what get_config takes`.

    FILE is a path, or the bare name of a file that came with the package.

    Raises:
      InputError: there is no such file, or it does not give a ConfigDict.
    """
    name, colon, given = argument.partition(":")
    path = paths.config_file(name)
    if path is None:
        present = ", ".join(sorted(file.name for file in CONFIGS.glob("*.py")))
        raise InputError(f"--config={name}: no such Python file; {CONFIGS} has: {present}")
    paths.make_configs_importable()
    try:
        config = _get_config(path, *([given] if colon else []))
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # code of the user's, which may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"{path}: could not be loaded: {type(error).__name__}: {reason}") from None
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
