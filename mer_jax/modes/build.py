"""--mode=build: builds the datasets, without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def build(config: ConfigDict, display: Display = SILENT) -> None:
    """Builds the datasets that the config or its rows name where absent, outdated or damaged."""
    from mer_jax.data import corpus as corpus_lib
    from mer_jax.tables import kinds

    configs = [config]
    if kinds.is_table(config) and not config.features.all:
        configs = list(kinds.resolve(config)[0].values())
    built = {}
    for each in configs:
        built |= corpus_lib.build(each, display.count, verify=True)
    for name, directory in built.items():
        print(f"{name}: {directory}")


def _run(arguments: Arguments) -> None:
    build(arguments.config, arguments.display())


MODE = Mode(
    name="build",
    help="Builds the datasets of a folder of features, without training.",
    run=_run,
    example="--mode=build --config=configs/mer_multi.py --config.data.root=my_mer2023",
    needs_config=True,
)
