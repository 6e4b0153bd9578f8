"""--mode=build: the datasets by themselves, before anything is trained."""

from ml_collections import ConfigDict

from mer_jax.data import corpus as corpus_lib


def build(config: ConfigDict) -> None:
    """Builds the datasets that the config names where they are absent, outdated or damaged."""
    for name, directory in corpus_lib.build(config, verify=True).items():
        print(f"{name}: {directory}")
