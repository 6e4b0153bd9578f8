"""The corpora that the package knows: a file and a line in `CORPORA` each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_jax.corpora.cmumosi import CMUMOSI
from mer_jax.corpora.info import CorpusInfo, before_last_underscore
from mer_jax.corpora.meld import MELD
from mer_jax.corpora.mer2023 import MER2023
from mer_jax.errors import InputError

if TYPE_CHECKING:  # scoring and asking know corpora and load no config
    from ml_collections import ConfigDict

__all__ = [
    "CMUMOSI",
    "CORPORA",
    "MELD",
    "MER2023",
    "SYNTHETIC",
    "CorpusInfo",
    "before_last_underscore",
    "corpus_info",
    "info_of",
]

# The synthetic corpus is written in MER 2023's layout and built by its builder.
CORPORA = {"mer2023": MER2023, "cmumosi": CMUMOSI, "meld": MELD, "synthetic": MER2023}
SYNTHETIC = "synthetic"


def corpus_info(name: str) -> CorpusInfo:
    """The corpus called `name`, or an InputError that lists those there are."""
    if name not in CORPORA:
        raise InputError(
            f"config.data.corpus: unknown corpus {name!r}; one of: {', '.join(CORPORA)}"
        )
    return CORPORA[name]


def info_of(config: ConfigDict) -> CorpusInfo:
    """A config's corpus, with all that it can be trained to predict."""
    return corpus_info(config.data.corpus)
