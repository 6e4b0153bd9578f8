"""The rows of a table over corpora: what the cells of a row are trained to, side by side."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from mer_jax import published_merbench
from mer_jax.corpora import shared
from mer_jax.evaluation.table import Entry
from mer_jax.tables import over_corpora
from mer_jax.tables.over_corpora import Cell
from mer_jax.tables.reading import FAILED, with_results
from mer_jax.task import sets_of
from mer_jax.workdir import Workdir

_Scores = dict[str, dict[str, Any]]  # by column, then by metric


def said(config: ConfigDict) -> list[str]:
    """What stands below the table: which of MERBench's corpora it was given no folder of."""
    if not config.table.algorithms:
        return []
    absent = [name for name in shared.TESTED if name not in over_corpora.roots(config)]
    return [f"Not given a folder: {', '.join(absent)}."] if absent else []


def entries(config: ConfigDict, workdir: Workdir, notes: Mapping[Cell, str]) -> list[Entry]:
    """A row for each algorithm, its columns the splits of each corpus; or for each corpus."""
    found = {cell: _of_cell(cell, workdir, notes) for cell in over_corpora.cells(config)}
    columns: dict[str, dict[str, Any]] = {}
    for corpus in over_corpora.roots(config):
        for cell, entry in found.items():
            if cell.algorithm and cell.corpus == corpus:
                columns |= {column: {} for column in _of_corpus(cell, entry)}
    features = sets_of(config.features)
    return [
        _row_of(algorithm, found, columns, features) for algorithm in config.table.algorithms
    ] or [_tested(cell, entry, config) for cell, entry in found.items()]


def _of_cell(cell: Cell, workdir: Workdir, notes: Mapping[Cell, str]) -> Entry:
    entry = Entry(cell.label, {}, None, None, notes.get(cell, ""))
    if entry.note.startswith(FAILED):
        return entry
    return with_results(entry, workdir.row(cell.folder))[0]


def _row_of(
    algorithm: str,
    found: Mapping[Cell, Entry],
    columns: _Scores,
    features: dict[str, str],
) -> Entry:
    mine = {cell: entry for cell, entry in found.items() if cell.algorithm == algorithm}
    scores: _Scores = {}
    published: dict[str, dict[str, tuple[float, None]]] = {}
    for cell, entry in mine.items():
        scores |= _of_corpus(cell, entry)
        published |= _published(cell)
    return Entry(
        algorithm,
        features,
        {"cross_validation": {}, "test": columns | scores} if scores else None,
        published or None,
        "; ".join(f"{cell.corpus}: {entry.note}" for cell, entry in mine.items() if entry.note),
        source=published_merbench.SOURCE,
    )


def _of_corpus(cell: Cell, entry: Entry) -> _Scores:
    """The scores of a cell by column: `cmumosi validation`, `cmumosi test`."""
    if entry.results is None:
        return {}
    of_splits = {"validation": entry.results["cross_validation"], **entry.results["test"]}
    return {f"{cell.corpus} {split}": scores for split, scores in of_splits.items()}


def _published(cell: Cell) -> dict[str, dict[str, tuple[float, None]]]:
    """MERBench's figure of a cell, beside the scores that it is of."""
    f1 = published_merbench.f1(cell.algorithm, cell.corpus)
    if f1 is None:
        return {}
    if cell.corpus == "mer2023":  # on which of the three test sets is not told
        return {"mer2023 published": {"dis": (f1, None)}}
    return {f"{cell.corpus} {shared.TESTED[cell.corpus]}": {"sign_f1": (f1, None)}}


def tested_columns(config: ConfigDict) -> list[str]:
    """The columns of the matrix, one for each corpus that is tested on."""
    return [f"on {name}" for name in over_corpora.roots(config)]


def _tested(cell: Cell, entry: Entry, config: ConfigDict) -> Entry:
    """A row of the matrix: a model's scores on each corpus, its own among them."""
    columns: _Scores = {column: {} for column in tested_columns(config)}
    entry = entry._replace(published=None)  # the paper's, which are of all six emotions
    if entry.results is None:
        return entry
    results = entry.results
    own = results["test"].get(shared.TESTED[cell.corpus], results["cross_validation"])
    columns[f"on {cell.corpus}"] = own
    for name in over_corpora.tested_on(cell.corpus, over_corpora.roots(config)):
        columns[f"on {name}"] = results["test"].get(f"{name}_{shared.TESTED[name]}", {})
    return entry._replace(results={**results, "cross_validation": {}, "test": columns})
