"""The corpora that the package knows: a file and a line in `CORPORA` each."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mer_jax.corpora import shared
from mer_jax.corpora.cmumosei import CMUMOSEI
from mer_jax.corpora.cmumosi import CMUMOSI
from mer_jax.corpora.iemocap import IEMOCAP4, IEMOCAP6
from mer_jax.corpora.info import ABSENT_VALENCE, AUTO, CorpusInfo, before_last_underscore
from mer_jax.corpora.meld import MELD
from mer_jax.corpora.mer2023 import MER2023
from mer_jax.corpora.mer_challenges import MER2024, MER2025, MER2026
from mer_jax.corpora.release import Release
from mer_jax.corpora.sims import SIMS, SIMSV2
from mer_jax.corpora.table import TABLE
from mer_jax.errors import InputError
from mer_jax.task import of_bounds

if TYPE_CHECKING:  # scoring and asking know corpora and load no config
    from ml_collections import ConfigDict

__all__ = [
    "ABSENT_VALENCE",
    "AUTO",
    "CMUMOSEI",
    "CMUMOSI",
    "CORPORA",
    "IEMOCAP4",
    "IEMOCAP6",
    "MELD",
    "MER2023",
    "MER2024",
    "MER2025",
    "MER2026",
    "SIMS",
    "SIMSV2",
    "SYNTHETIC",
    "TABLE",
    "CorpusInfo",
    "Release",
    "before_last_underscore",
    "corpus_info",
    "info_of",
    "shared",
    "tested",
]

# The synthetic corpus is written in MER 2023's layout and built by its builder.
CORPORA = {
    "mer2023": MER2023,
    "cmumosi": CMUMOSI,
    "meld": MELD,
    "synthetic": MER2023,
    "table": TABLE,
    **{
        info.name: info
        for info in (MER2024, MER2025, MER2026, IEMOCAP4, IEMOCAP6, CMUMOSEI, SIMS, SIMSV2)
    },
}
SYNTHETIC = "synthetic"


def corpus_info(name: str) -> CorpusInfo:
    """The corpus called `name`, or an InputError that lists those there are."""
    if name not in CORPORA:
        raise InputError(
            f"config.data.corpus: unknown corpus {name!r}; one of: {', '.join(CORPORA)}"
        )
    return CORPORA[name]


def info_of(config: ConfigDict) -> CorpusInfo:
    """A config's corpus, with all that it can be trained to predict.

    That of a table is what the config records; its file is not read here. Of one that is tested on
    other corpora it is what these have as well.
    """
    info = corpus_info(config.data.corpus)
    if others := tested(config):
        theirs = {name: corpus_info(name) for name in others}
        return shared.described(info, theirs, "config.data.test_corpora")
    classes, bounds = tuple(config.data.classes), tuple(config.data.valence_range)
    targets, signed = tuple(config.data.targets), config.data.signed
    if info.from_file:
        if bounds and len(bounds) != 2 * len(targets or ("valence",)):
            raise InputError(
                f"config.data.valence_range: {len(bounds)} numbers; give the lowest and the "
                "highest of the valence, or of each of config.data.targets in their order"
            )
        if signed and targets:
            raise InputError(
                "config.data.signed: the sign of a valence is judged, not that of targets; leave "
                "it or config.data.targets out"
            )
        task = dataclasses.replace(of_bounds(classes, targets, bounds), signed=signed)
        return dataclasses.replace(info, task=task)
    given = {"classes": classes, "valence_range": bounds, "targets": targets, "signed": signed}
    for key, value in given.items():
        if value:
            raise InputError(
                f"config.data.{key}: {config.data.corpus} has its own; only "
                f"config.data.corpus={TABLE.name} takes others"
            )
    return info


def tested(config: ConfigDict) -> dict[str, str]:
    """The folder of each corpus that a config is tested on beside its own."""
    return shared.read(tuple(config.data.test_corpora), "config.data.test_corpora")
