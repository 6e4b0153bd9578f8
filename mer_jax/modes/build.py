"""--mode=build: the datasets by themselves, before anything is trained."""

from ml_collections import ConfigDict

from mer_jax.data import corpus as corpus_lib
from mer_jax.progress import SILENT, Display


def build(config: ConfigDict, shown: Display = SILENT) -> None:
    """Builds the datasets that the config names where they are absent or outdated."""
    for name, directory in corpus_lib.build(config, shown.count).items():
        print(f"{name}: {directory}")
