"""Gathers what is trained into a table: the rows of a config, or any workdirs below a folder."""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import files, published
from mer_jax.config import rows
from mer_jax.config.rows import Row
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError, first_few
from mer_jax.evaluation import table
from mer_jax.evaluation.table import Entry
from mer_jax.tables import joined, kinds, over_corpora
from mer_jax.tables.over_corpora import Cell
from mer_jax.tables.reading import DAMAGED, FAILED, aliases_of, with_results
from mer_jax.tables.resolution import rows_of
from mer_jax.task import sets_of
from mer_jax.workdir import Workdir

_NO_SETTINGS = ("features.", "table.")  # told otherwise: by the paper's names


def gather(config: ConfigDict, folder: os.PathLike[str]) -> None:
    """Writes the table of what is trained: of the config's rows, or of every workdir below.

    Raises InputError, in the end, where the files of a workdir are damaged.
    """
    workdir = Workdir(folder)
    if kinds.is_table(config):
        notes: dict[Row | Cell, str] = {}
        with contextlib.suppress(InputError):  # the user's folder may be on another machine
            _, notes = kinds.resolve(config)
        found = entries(config, workdir, notes)
    else:
        found = _entries_below(workdir)
        if not found:
            raise InputError(f"{workdir}: holds no workdir of a training")
    write(found, config, workdir)
    show(found, config, workdir)
    damaged = [entry.label for entry in found if DAMAGED in entry.note]
    if damaged:
        raise InputError(
            f"{len(damaged)} of {len(found)} rows have damaged files; {workdir.table_markdown} "
            f"lists the errors: {first_few(damaged)}"
        )


def entries(config: ConfigDict, workdir: Workdir, notes: Mapping[Row | Cell, str]) -> list[Entry]:
    """The table's rows, with the scores of what is trained."""
    if over_corpora.is_asked_for(config):
        return joined.entries(config, workdir, notes)
    aliases = aliases_of(config)
    found = []
    for row in rows_of(config):
        features = {modality: rows.folders(name, aliases)[0] for modality, name in row.features}
        theirs = published.find(features, aliases, config.data.corpus)
        entry = Entry(row.label, features, None, theirs, notes.get(row, ""))
        if not entry.note.startswith(FAILED):
            entry, _ = with_results(entry, workdir.row(row.folder))
        found.append(entry)
    return found


def trained(config: ConfigDict, folder: os.PathLike[str]) -> dict[str, Workdir]:
    """The workdirs with results, each by its label: of the config's table, or all below."""
    workdir = Workdir(folder)
    if kinds.is_table(config):
        found = {row.label: workdir.row(row.folder) for row in kinds.trainings(config)}
    else:
        found = {str(w.folder.relative_to(workdir)): w for w in _workdirs_below(workdir.folder)}
    return {label: each for label, each in found.items() if each.has_results}


def _entries_below(workdir: Workdir) -> list[Entry]:
    """An entry for every workdir of a training below, with the settings in which they differ."""
    found = [
        with_results(Entry(str(below.folder.relative_to(workdir)), {}, None, None), below)
        for below in _workdirs_below(workdir.folder)
    ]
    settings = [{} if saved is None else _settings(saved) for _, saved in found]
    varied = {
        key
        for mine in settings
        for key, value in mine.items()
        if any(theirs.get(key, value) != value for theirs in settings)
    }
    return [
        entry._replace(settings=", ".join(f"{k} {v}" for k, v in mine.items() if k in varied))
        for (entry, _), mine in zip(found, settings, strict=True)
    ]


def _settings(saved: ConfigDict) -> dict[str, Any]:
    """What can set a training apart: its features, by the paper's names, and its config."""
    aliases = aliases_of(saved)
    sets = [
        published.name_of(name, aliases) or name for name in corpus_lib.modalities(saved).values()
    ]
    known = config_lib.declared()
    kept = {
        key: value
        for key, value in config_lib.flatten(saved).items()
        if known[key].identifies is True and not key.startswith(_NO_SETTINGS)
    }
    return {"features": " + ".join(sets), **kept}


def _workdirs_below(folder: pathlib.Path) -> Iterator[Workdir]:
    """The workdirs with a config.json, by name; those of a table are looked into."""
    for name, folders, inside in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        workdir = Workdir(name)
        begun = workdir.folder != folder and workdir.config_file.name in inside
        if begun and not _is_table(workdir):
            folders.clear()
            yield workdir


def _is_table(workdir: Workdir) -> bool:
    try:
        return kinds.is_table(workdir.config())
    except InputError:
        return False  # the entry's note says what is wrong


def write(entries: Sequence[Entry], config: ConfigDict, workdir: Workdir) -> None:
    """Writes table.md, table.tex and table.csv in `workdir`, of a cross-corpus table a report."""
    wanted, said = config.table.metrics, joined.said(config)
    files.write_text(workdir.table_markdown, table.markdown(entries, wanted, said))
    files.write_text(workdir.table_latex, table.latex(entries, wanted, said))
    files.write_csv(workdir.table_csv, *table.csv_rows(entries))
    if over_corpora.is_cross_corpus(config) and config.report:
        from mer_jax.reporting import cross_corpus  # loads matplotlib, which takes a second

        sets = ", ".join(sets_of(config.features).values())
        title = f"Cross-corpus: {config.model.fusion} of {sets}"
        cross_corpus.write(entries, joined.tested_columns(config), workdir, title)


def show(entries: Sequence[Entry], config: ConfigDict, workdir: Workdir) -> None:
    """Prints the table and where its files are."""
    print(table.text(entries, config.table.metrics, joined.said(config)))
    csv, latex = workdir.table_csv.name, workdir.table_latex.name
    print(f"Table: {workdir.table_markdown}, {csv}, {latex}")
    if over_corpora.is_cross_corpus(config) and workdir.report_page.is_file():
        print(f"Report: {workdir.report_page}")
