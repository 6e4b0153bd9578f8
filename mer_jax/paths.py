"""Where the package's own files are: the configs and dataset builders that came with it."""

import pathlib
import sys
import types

_PACKAGE = pathlib.Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_root"  # where setup.py maps the two folders below in a wheel

IS_INSTALLED = _INSTALLED.is_dir()  # False in a checkout, also one that is installed as editable
ROOT = _INSTALLED if IS_INSTALLED else _PACKAGE.parent
CONFIGS = ROOT / "configs"
BUILDERS = ROOT / "datasets"


def config_file(name: str) -> pathlib.Path | None:
    """The Python file that `name` names: a path, or one of CONFIGS without its suffix."""
    path = pathlib.Path(name)
    if path.suffix == ".py" and path.is_file():
        return path
    came_along = CONFIGS / f"{name}.py"
    return came_along if came_along.is_file() else None


def make_configs_importable() -> None:
    """Lets config files say `from configs import base`, whatever else is called configs.

    A folder of that name where the program is started, or another project's, would
    otherwise be found in place of this package's.
    """
    if "configs" not in sys.modules:
        package = types.ModuleType("configs", "Configs of mer_jax, and of the folders on sys.path.")
        others = (pathlib.Path(folder) / "configs" for folder in sys.path)
        package.__path__ = list(dict.fromkeys(map(str, (CONFIGS, *others))))
        sys.modules["configs"] = package
