"""One start, from what lies on disk to arrays on the device, timed inside after the imports.

    PYTHONPATH=. python benchmarks/start.py --how=read --root=FOLDER --datasets=FOLDER

`build` builds the datasets of a folder, `read` loads built ones as a later start does, `copy` does
that and copies them, as an accelerator would have it, `files` opens the feature files one by one.
Prints JSON.
"""

import argparse
import json
import mmap
import os
import pathlib
import time

import corpus
import jax
import jax.numpy as jnp
import numpy as np

from mer_jax import config as config_lib
from mer_jax.data import corpus as corpus_lib


def config_of(root: pathlib.Path, datasets: pathlib.Path):
    """The config that names the corpus and the folder of its datasets."""
    config = config_lib.load_base()
    config.data.root = str(root)
    config.data.tfds_dir = str(datasets)
    for modality, feature_set in corpus.SETS.items():
        config.features[modality] = feature_set
    return config_lib.check(config)


def read(config, copied: bool) -> int:
    """Loads the built corpus; the number of its clips on the device."""
    splits = [split.features for split in corpus_lib.load(config).splits.values()]
    return _to_device(jax.tree.map(np.array, splits) if copied else splits)


def files(root: pathlib.Path) -> int:
    """Opens every feature file by the names of the label file, and the rest as the pool."""
    with np.load(root / "label-6way.npz", allow_pickle=True) as members:
        names = {name: list(members[name].item()) for name in members.files}
    folders = {modality: root / "features" / name for modality, name in corpus.SETS.items()}
    labelled = {name for clips in names.values() for name in clips}
    present = sorted(name.removesuffix(".npy") for name in os.listdir(folders["audio"]))
    names["unlabelled"] = [name for name in present if name not in labelled]
    return _to_device(
        [
            {
                modality: np.stack([np.load(folder / f"{name}.npy") for name in clips])
                for modality, folder in folders.items()
            }
            for clips in names.values()
            if clips
        ]
    )


def _to_device(splits: list[dict[str, np.ndarray]]) -> int:
    # A CPU uses the host's memory as it is, a mapped file too: every page of it is touched, since
    # what nobody touched would not have been read.
    for array in jax.tree.leaves(splits):
        array.reshape(-1)[:: mmap.PAGESIZE // array.itemsize].max()
    jax.block_until_ready(jax.device_put(splits))
    return sum(len(features["audio"]) for features in splits)


def main():
    """Prints {"seconds", "clips"}."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--how", choices=("build", "read", "copy", "files"), required=True)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--datasets", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    jax.block_until_ready(
        jnp.array(np.zeros(1), copy=True)
    )  # the device itself starts outside the time
    config = config_of(arguments.root, arguments.datasets)
    start = time.perf_counter()
    match arguments.how:
        case "build":
            corpus_lib.build(config)
            clips = None
        case "read" | "copy":
            clips = read(config, arguments.how == "copy")
        case "files":
            clips = files(arguments.root)
    print(json.dumps({"seconds": time.perf_counter() - start, "clips": clips}))


if __name__ == "__main__":
    main()
