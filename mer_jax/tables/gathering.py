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
from mer_jax.corpora import SYNTHETIC
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError, first_few
from mer_jax.evaluation import results as results_lib
from mer_jax.evaluation import table
from mer_jax.evaluation.table import Entry
from mer_jax.tables.resolution import aliases_of, resolve, rows_of
from mer_jax.workdir import Workdir

FAILED, _DAMAGED = "failed: ", "damaged: "  # how the notes of rows begin that went wrong
_NO_SETTINGS = ("features.", "table.")  # told otherwise: by the paper's names


def gather(config: ConfigDict, folder: os.PathLike[str]) -> None:
    """Writes the table of what is trained: of the config's rows, or of every workdir below.

    Raises InputError, in the end, where the files of a workdir are damaged.
    """
    workdir = Workdir(folder)
    if config.table.rows:
        notes: dict[Row, str] = {}
        with contextlib.suppress(InputError):  # the user's folder may be on another machine
            _, notes = resolve(config)
        found = entries(config, workdir, notes)
    else:
        found = _entries_below(workdir)
        if not found:
            raise InputError(f"{workdir}: holds no workdir of a training")
    write(found, config, workdir)
    show(found, config, workdir)
    damaged = [entry.label for entry in found if entry.note.startswith(_DAMAGED)]
    if damaged:
        raise InputError(
            f"{len(damaged)} of {len(found)} rows have damaged files; {workdir.table_markdown} "
            f"lists the errors: {first_few(damaged)}"
        )


def entries(config: ConfigDict, workdir: Workdir, notes: Mapping[Row, str]) -> list[Entry]:
    """The table's rows, with the scores of those that are trained."""
    aliases = aliases_of(config)
    found = []
    for row in rows_of(config):
        features = {modality: rows.folders(name, aliases)[0] for modality, name in row.features}
        theirs = published.find(features, aliases, config.data.corpus)
        entry = Entry(row.label, features, None, theirs, notes.get(row, ""))
        if not entry.note.startswith(FAILED):
            entry, _ = _with_results(entry, workdir.row(row.folder))
        found.append(entry)
    return found


def _entries_below(workdir: Workdir) -> list[Entry]:
    """An entry for every workdir of a training below, with the settings in which they differ."""
    found = [
        _with_results(Entry(str(below.folder.relative_to(workdir)), {}, None, None), below)
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
        return bool(workdir.config().table.rows)
    except InputError:
        return False  # the entry's note says what is wrong


def _with_results(entry: Entry, workdir: Workdir) -> tuple[Entry, ConfigDict | None]:
    """The entry with what a workdir holds, and the workdir's config; a note where it is damaged."""
    saved = results = None
    try:
        if workdir.has_config:
            saved = workdir.config()
            features = corpus_lib.modalities(saved)
            entry = entry._replace(
                features=features,
                published=published.find(features, aliases_of(saved), saved.data.corpus),
                synthetic=saved.data.corpus == SYNTHETIC,
            )
        if saved is not None and workdir.has_results:
            results = workdir.results(workdir.task_of(saved))
    except InputError as error:
        return entry._replace(note=f"{_DAMAGED}{error}"), saved
    if results is None:
        return entry._replace(note=entry.note or "not trained yet"), saved
    failed = sum(run["status"] != results_lib.OK for run in results["runs"])
    note = f"{failed} of {len(results['runs'])} runs failed" if failed else ""
    return entry._replace(results=results, note=entry.note or note), saved


def write(entries: Sequence[Entry], config: ConfigDict, workdir: Workdir) -> None:
    """Writes table.md, table.tex and table.csv in `workdir`."""
    wanted = config.table.metrics
    files.write_text(workdir.table_markdown, table.markdown(entries, wanted))
    files.write_text(workdir.table_latex, table.latex(entries, wanted))
    files.write_csv(workdir.table_csv, *table.csv_rows(entries))


def show(entries: Sequence[Entry], config: ConfigDict, workdir: Workdir) -> None:
    """Prints the table and where its files are."""
    print(table.text(entries, config.table.metrics))
    csv, latex = workdir.table_csv.name, workdir.table_latex.name
    print(f"Table: {workdir.table_markdown}, {csv}, {latex}")
