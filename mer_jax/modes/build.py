"""--mode=build: the datasets by themselves, before anything is trained."""

from ml_collections import ConfigDict

from mer_jax.data import corpus as corpus_lib
from mer_jax.modes import table
from mer_jax.progress import SILENT, Display


def build(config: ConfigDict, shown: Display = SILENT) -> None:
    """Builds the datasets that the config or its rows name where absent, outdated or damaged."""
    configs = [config]
    if config.table.rows and not config.features.all:
        configs = list(table.resolve(config)[0].values())
    built = {}
    for each in configs:
        built |= corpus_lib.build(each, shown.count, verify=True)
    for name, directory in built.items():
        print(f"{name}: {directory}")
