"""Which kind of table a config asks for, its trainings, and the config of each."""

from collections.abc import Sequence

from ml_collections import ConfigDict

from mer_jax.config.rows import Row
from mer_jax.errors import InputError
from mer_jax.tables import over_corpora, resolution
from mer_jax.tables.over_corpora import Cell


def is_table(config: ConfigDict) -> bool:
    """Whether a config asks for many trainings rather than one."""
    return bool(config.table.rows) or over_corpora.is_asked_for(config)


def trainings(config: ConfigDict) -> Sequence[Row | Cell]:
    """The trainings of a table, each with its label and its folder.

    Raises InputError where the config names rows and corpora, or algorithms without corpora.
    """
    if not over_corpora.is_asked_for(config):
        return resolution.rows_of(config)
    if config.table.rows:
        raise InputError(
            "config.table.rows and config.table.corpora: a table has one or the other; leave one "
            "of them out"
        )
    return over_corpora.cells(config)


def resolve(config: ConfigDict) -> tuple[dict[Row | Cell, ConfigDict], dict[Row | Cell, str]]:
    """The config of each training whose features are there, and a note for each other one.

    Raises InputError where none can be trained.
    """
    trainings(config)
    if over_corpora.is_asked_for(config):
        return over_corpora.resolve(config)
    return resolution.resolve(config)
