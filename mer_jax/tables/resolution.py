"""From a table's config to the config of each of its rows."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax.config import rows
from mer_jax.config.rows import Row
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError, counted, first_few
from mer_jax.tables.reading import aliases_of
from mer_jax.task import MODALITIES


def resolve(config: ConfigDict) -> tuple[dict[Row, ConfigDict], dict[Row, str]]:
    """The config of each row whose features are there, and a note for each other row.

    Raises InputError where no row can be trained.
    """
    for modality in MODALITIES:
        if config.features[modality]:
            raise InputError(
                f"config.features.{modality}: the rows of config.table.rows name the feature sets; "
                "leave it empty"
            )
    aliases = aliases_of(config)
    present = corpus_lib.available(config)
    of_rows, notes = {}, {}
    for row in rows_of(config):
        features, missing = rows.resolve(row, aliases, present)
        if missing:
            notes[row] = f"missing: {', '.join(missing)}"
        else:
            of_rows[row] = _config_of(config, row, features, aliases)
    if not of_rows:
        raise InputError(
            f"none of the {counted(len(notes), 'row')} can be trained: "
            f"{first_few(notes.values())}; present: {', '.join(present) or 'none'}; "
            'name your folders in config.table.aliases, "HuBERT-large=my_hubert"'
        )
    return of_rows, notes


def _config_of(
    config: ConfigDict, row: Row, features: Mapping[str, str], aliases: Mapping[str, str]
) -> ConfigDict:
    """The config of a row's training: of the table it keeps the aliases that the row uses."""
    of_row = config.copy_and_resolve_references()
    for modality in MODALITIES:
        of_row.features[modality] = features.get(modality, "")
    if len(features) == 1:
        of_row.model.fusion = config.table.unimodal_fusion
    of_row.table = config_lib.load_base().table
    used = [f"{name}={aliases[name]}" for _, name in row.features if name in aliases]
    of_row.table.aliases = ", ".join(used)
    return config_lib.check(of_row)


def rows_of(config: ConfigDict) -> list[Row]:
    """The rows that a config names."""
    return [rows.parse(text, "config.table.rows") for text in config.table.rows]
