"""Tables of many runs: --mode=train for a config with rows, --mode=table for what is trained."""

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import files, lock, published, rows
from mer_jax.corpora import SYNTHETIC, info_of
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError, first_few
from mer_jax.evaluation import results as results_lib
from mer_jax.evaluation import table
from mer_jax.evaluation.table import Entry
from mer_jax.modes import train as train_lib
from mer_jax.progress import SILENT, Display
from mer_jax.rows import Row
from mer_jax.task import MODALITIES
from mer_jax.training import devices
from mer_jax.workdir import CONFIG_FILE, RESULTS_FILE, check_same_config

LOG = logging.getLogger("mer_jax")
MARKDOWN_FILE, CSV_FILE, LATEX_FILE = "table.md", "table.csv", "table.tex"
_FAILED, _DAMAGED = "failed: ", "damaged: "  # how the notes of rows begin that went wrong
_NO_SETTINGS = ("features.", "data.tfds_dir", "table.")  # keys that set no training apart


def train(
    config: ConfigDict,
    workdir: pathlib.Path,
    repeated: pathlib.Path | None = None,
    shown: Display = SILENT,
) -> None:
    """Trains each row whose features are there, in a workdir of its own, and writes the table.

    Started again it goes on where it was; rows that are trained stay as they are. What is wrong
    with one row stops no other. `repeated` is the config.json of an earlier table, whose rows are
    repeated. Raises InputError where a row failed, or none can be trained.
    """
    of_rows, notes = resolve(config)
    _check_table(config, workdir)
    failed = []
    with contextlib.ExitStack() as until_trained:
        if devices.is_first():
            until_trained.enter_context(lock.held(workdir))
            _check_table(config, workdir)  # what stood there may have changed since
            files.write_json(workdir / CONFIG_FILE, {"config": config.to_dict()})
        for number, row in enumerate(_rows(config), start=1):
            LOG.info("row %d of %d, %s: %s", number, len(config.table.rows), row.label,
                     notes.get(row, workdir / row.folder))  # fmt: skip
            if row not in of_rows:
                continue
            try:
                earlier = _config_json(repeated, row)
                train_lib.train(of_rows[row], workdir / row.folder, earlier, shown)
            except InputError as error:
                if jax.process_count() > 1:  # the others may not have met it, and wait for this one
                    raise
                LOG.error("%s failed: %s", row.label, error)
                notes[row] = f"{_FAILED}{error}"
                failed.append(row.label)
            if devices.is_first():
                _write(_entries(config, workdir, notes), config, workdir)
        if devices.is_first():
            _show(_entries(config, workdir, notes), config, workdir)
    if failed:
        raise InputError(
            f"{len(failed)} of {len(config.table.rows)} rows failed, for the reasons in "
            f"{workdir / MARKDOWN_FILE}: {first_few(failed)}"
        )


def gather(config: ConfigDict, workdir: pathlib.Path) -> None:
    """Writes the table of what is trained: of the config's rows, or of every workdir below.

    Raises InputError, in the end, where the files of a workdir are damaged.
    """
    if config.table.rows:
        notes: dict[Row, str] = {}
        with contextlib.suppress(InputError):  # the user's folder may be on another machine
            _, notes = resolve(config)
        entries = _entries(config, workdir, notes)
    else:
        entries = _entries_below(workdir)
        if not entries:
            raise InputError(f"{workdir}: no workdir of a training below it")
    _write(entries, config, workdir)
    _show(entries, config, workdir)
    damaged = [entry.label for entry in entries if entry.note.startswith(_DAMAGED)]
    if damaged:
        raise InputError(
            f"the files of {len(damaged)} of {len(entries)} rows are damaged, as "
            f"{workdir / MARKDOWN_FILE} tells: {first_few(damaged)}"
        )


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
    aliases = _aliases(config)
    present = corpus_lib.available(config)
    of_rows, notes = {}, {}
    for row in _rows(config):
        features, missing = rows.resolve(row, aliases, present)
        if missing:
            notes[row] = f"missing: {', '.join(missing)}"
        else:
            of_rows[row] = _config_of(config, row, features, aliases)
    if not of_rows:
        raise InputError(
            f"none of the {len(notes)} rows can be trained: {first_few(notes.values())}; present: "
            f"{', '.join(present) or 'none'}; name your folders in config.table.aliases, "
            '"HuBERT-large=my_hubert"'
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


def _rows(config: ConfigDict) -> list[Row]:
    return [rows.parse(text, "config.table.rows") for text in config.table.rows]


def _aliases(config: ConfigDict) -> dict[str, str]:
    return rows.parse_aliases(config.table.aliases, "config.table.aliases")


def _config_json(repeated: pathlib.Path | None, row: Row) -> pathlib.Path | None:
    """The config.json of a row in an earlier table, None where it trained no such row."""
    path = repeated and repeated.parent / row.folder / CONFIG_FILE
    return path if path and path.is_file() else None


def _check_table(config: ConfigDict, workdir: pathlib.Path) -> None:
    """Refuses a workdir that holds a run, or a table whose rows are trained otherwise."""
    as_theirs = config.copy_and_resolve_references()
    if (workdir / CONFIG_FILE).is_file():
        theirs = config_lib.check(config_lib.read_saved(workdir / CONFIG_FILE))
        if not theirs.table.rows:
            raise InputError(f"{workdir} holds a single run; use another --workdir for a table")
        if not any((workdir / row.folder / CONFIG_FILE).is_file() for row in _rows(theirs)):
            return  # nothing is trained in it yet
        as_theirs.table = theirs.table  # rows may come and go
    check_same_config(as_theirs, workdir)


def _entries(config: ConfigDict, workdir: pathlib.Path, notes: Mapping[Row, str]) -> list[Entry]:
    """The table's rows, with the scores of those that are trained."""
    aliases = _aliases(config)
    entries = []
    for row in _rows(config):
        features = {modality: rows.folders(name, aliases)[0] for modality, name in row.features}
        theirs = published.find(features, aliases)
        entry = Entry(row.label, features, None, theirs, notes.get(row, ""))
        if not entry.note.startswith(_FAILED):
            entry, _ = _with_results(entry, workdir / row.folder)
        entries.append(entry)
    return entries


def _entries_below(workdir: pathlib.Path) -> list[Entry]:
    """An entry for every workdir of a training below, with the settings in which they differ."""
    found = [
        _with_results(Entry(str(folder.relative_to(workdir)), {}, None, None), folder)
        for folder in _workdirs_below(workdir)
    ]
    settings = [{} if saved is None else _settings(saved) for _, saved in found]
    varied = {
        key
        for mine in settings
        for key, value in mine.items()
        if any(theirs and theirs[key] != value for theirs in settings)
    }
    return [
        entry._replace(settings=", ".join(f"{k} {v}" for k, v in mine.items() if k in varied))
        for (entry, _), mine in zip(found, settings, strict=True)
    ]


def _settings(saved: ConfigDict) -> dict[str, Any]:
    """What can set a training apart: its features, by the paper's names, and its config."""
    aliases = _aliases(saved)
    sets = [
        published.name_of(name, aliases) or name for name in corpus_lib.modalities(saved).values()
    ]
    leaves = config_lib.flatten(saved)
    kept = {key: value for key, value in leaves.items() if not key.startswith(_NO_SETTINGS)}
    return {"features": " + ".join(sets), **kept}


def _workdirs_below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Folders with a config.json, by name; those of a table are looked into."""
    for name, folders, inside in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        path = pathlib.Path(name)
        if path != folder and CONFIG_FILE in inside and not _is_table(path):
            folders.clear()
            yield path


def _is_table(workdir: pathlib.Path) -> bool:
    try:
        return bool(config_lib.read_saved(workdir / CONFIG_FILE).table.rows)
    except InputError:
        return False  # the entry tells what is wrong with it


def _with_results(entry: Entry, workdir: pathlib.Path) -> tuple[Entry, ConfigDict | None]:
    """The entry with what a workdir holds, and the workdir's config; a note where it is damaged."""
    saved = results = None
    try:
        if (workdir / CONFIG_FILE).is_file():
            saved = config_lib.check(config_lib.read_saved(workdir / CONFIG_FILE))
            features = corpus_lib.modalities(saved)
            entry = entry._replace(
                features=features,
                published=published.find(features, _aliases(saved)),
                synthetic=saved.data.corpus == SYNTHETIC,
            )
        if saved is not None and (workdir / RESULTS_FILE).is_file():
            form = results_lib.form(info_of(saved).task)
            results = files.read_json(workdir / RESULTS_FILE, form)
    except InputError as error:
        return entry._replace(note=f"{_DAMAGED}{error}"), saved
    if results is None:
        return entry._replace(note=entry.note or "not trained yet"), saved
    failed = sum(run["status"] != results_lib.OK for run in results["runs"])
    note = f"{failed} of {len(results['runs'])} runs failed" if failed else ""
    return entry._replace(results=results, note=entry.note or note), saved


def _write(entries: Sequence[Entry], config: ConfigDict, workdir: pathlib.Path) -> None:
    wanted = config.table.metrics
    files.write_text(workdir / MARKDOWN_FILE, table.markdown(entries, wanted))
    files.write_text(workdir / LATEX_FILE, table.latex(entries, wanted))
    files.write_csv(workdir / CSV_FILE, *table.csv_rows(entries))


def _show(entries: Sequence[Entry], config: ConfigDict, workdir: pathlib.Path) -> None:
    print(table.text(entries, config.table.metrics))
    print(f"Table: {workdir / MARKDOWN_FILE}, {CSV_FILE}, {LATEX_FILE}")
