"""Feature sets of corrupted clips: another folder for training than for the test splits.

A noise experiment extracts one set from several versions of the clips. As in MERBench's release a
version stands before the ending: `hubert-UTT` at 5 dB is `hubert-5-UTT`.
"""

import re

from ml_collections import ConfigDict

from mer_jax.data.labels import check_name
from mer_jax.task import TRAIN, UNLABELLED, VALIDATION

_LEARNT_FROM = (TRAIN, VALIDATION, UNLABELLED)  # what training sees; other splits are test splits
_ENDING = re.compile(r"([-_])(?:UTT|FRA)$")


def folder(feature_set: str, split: str, config: ConfigDict) -> str:
    """The folder in which a split's clips of a set lie, by config.features.*_snr.

    Raises InputError for a version that is no part of a folder's name.
    """
    key = "train_snr" if split in _LEARNT_FROM else "test_snr"
    version = config.features[key]
    if not version:
        return feature_set
    check_name(version, f"config.features.{key}", what="version")
    ending = _ENDING.search(feature_set)
    if ending is None:
        return f"{feature_set}-{version}"
    return f"{feature_set[: ending.start()]}{ending[1]}{version}{ending[0]}"


def folders(
    feature_sets: list[str], splits: tuple[str, ...], config: ConfigDict
) -> dict[str, frozenset[str]]:
    """The splits that each folder serves, of all folders that the config needs."""
    found: dict[str, frozenset[str]] = {}
    for feature_set in feature_sets:
        for split in splits:
            name = folder(feature_set, split, config)
            found[name] = found.get(name, frozenset()) | {split}
    return found
