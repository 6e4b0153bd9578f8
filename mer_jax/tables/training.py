"""Trains a config with rows: each row in a workdir of its own, then their table."""

import contextlib
import logging
import os
import pathlib

import jax
from ml_collections import ConfigDict

from mer_jax import experiment, lock, search
from mer_jax.config.rows import Row
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError, first_few
from mer_jax.progress import SILENT, Display
from mer_jax.tables import gathering, kinds
from mer_jax.tables.over_corpora import Cell
from mer_jax.tables.reading import FAILED
from mer_jax.training import devices
from mer_jax.workdir import Workdir

LOG = logging.getLogger("mer_jax")


def train(
    config: ConfigDict,
    folder: os.PathLike[str],
    repeated: pathlib.Path | None = None,
    display: Display = SILENT,
) -> None:
    """Trains what the table names, each in a workdir of its own, and writes the table.

    Rows whose features are absent are left out by name. With `config.search.trials` each is
    searched.

    Started again it goes on where it was; rows that are trained stay as they are. What is wrong
    with one row stops no other. `repeated` is the config.json of an earlier table, whose rows are
    repeated. Raises InputError where a row failed, or none can be trained.
    """
    workdir = Workdir(folder)
    config = corpus_lib.resolved(config)
    of_rows, notes = kinds.resolve(config)
    _check_table(config, workdir)
    rows = kinds.trainings(config)
    failed = [row.label for row in rows if notes.get(row, "").startswith(FAILED)]
    with contextlib.ExitStack() as until_trained:
        if devices.is_first():
            until_trained.enter_context(lock.held(workdir))
            _check_table(config, workdir)  # what stood there may have changed since
            workdir.write_record({"config": config.to_dict()})
        for number, row in enumerate(rows, start=1):
            LOG.info("row %d of %d, %s: %s", number, len(rows), row.label,
                     notes.get(row, workdir.row(row.folder)))  # fmt: skip
            if row not in of_rows:
                continue
            try:
                earlier = _config_json(repeated, row)
                of_row = of_rows[row]
                trained = search if of_row.search.trials else experiment
                trained.train(of_row, workdir.row(row.folder).folder, earlier, display)
            except InputError as error:
                if jax.process_count() > 1:  # the others may not have met it, and wait for this one
                    raise
                LOG.error("%s failed: %s", row.label, error)
                notes[row] = f"{FAILED}{error}"
                failed.append(row.label)
            if devices.is_first():
                gathering.write(gathering.entries(config, workdir, notes), config, workdir)
        if devices.is_first():
            gathering.show(gathering.entries(config, workdir, notes), config, workdir)
    if failed:
        raise InputError(
            f"{len(failed)} of {len(rows)} rows failed; {workdir.table_markdown} "
            f"lists the errors: {first_few(failed)}"
        )


def _config_json(repeated: pathlib.Path | None, row: Row | Cell) -> pathlib.Path | None:
    """The config.json of a row in an earlier table, None where it trained no such row."""
    path = repeated and Workdir(repeated.parent).row(row.folder).config_file
    return path if path and path.is_file() else None


def _check_table(config: ConfigDict, workdir: Workdir) -> None:
    """Refuses a workdir that holds a run, or a table whose rows are trained otherwise."""
    as_theirs = config.copy_and_resolve_references()
    if workdir.has_config:
        theirs = workdir.config()
        if not kinds.is_table(theirs):
            raise InputError(
                f"{workdir} holds a single training; use another --workdir for a table"
            )
        if not any(workdir.row(row.folder).has_config for row in kinds.trainings(theirs)):
            return  # nothing is trained in it yet
        as_theirs.table = theirs.table  # rows may come and go
    workdir.check_same_config(as_theirs)
