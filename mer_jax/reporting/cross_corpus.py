"""The report of a cross-corpus table: scores by trained and tested corpus, and their heat map."""

from collections.abc import Sequence

import numpy as np

from mer_jax import files
from mer_jax.evaluation import terminal
from mer_jax.evaluation.table import Entry
from mer_jax.metrics import METRICS
from mer_jax.reporting import document, drawing
from mer_jax.reporting.document import Document, Image, Section, Table, Text
from mer_jax.workdir import Workdir

# By which MERBench judges: emotions, and sentiment.
_JUDGED_BY = ("dis", "sign_f1")
_LEAD = (
    "A row is a model and the corpus that it is trained on, a column the corpus that it is tested "
    "on, by the labels that the corpora share. On its own corpus it is tested on the test split; "
    "of IEMOCAP, which has none, the score is that of cross-validation."
)


def write(entries: Sequence[Entry], columns: Sequence[str], workdir: Workdir, title: str) -> None:
    """Writes figures/, report.md and report.html of a table's rows into its workdir.

    `columns` are those of `entries` in the table, `on CORPUS`. Without any score there is no
    report.
    """
    sections, pictures = [], {}
    for metric in _JUDGED_BY:
        chosen = [entry for entry in entries if any(entry.score((c, metric)) for c in columns)]
        shown = [column for column in columns if any(e.score((column, metric)) for e in chosen)]
        if not chosen:
            continue
        name = f"cross_corpus_{metric}"
        picture = _heat_map(chosen, shown, metric)
        pictures[name] = drawing.png(picture.figure)
        rows = [
            [entry.label, *(terminal.score_cell(metric, entry.score((c, metric))) for c in shown)]
            for entry in chosen
        ]
        header = ["trained on", *shown]
        parts = [Image(name, picture.alt), Table(header, rows)]
        sections.append(Section(METRICS[metric].words, parts))
    if not sections:
        return
    content = Document(title, [Text(_LEAD)], sections)
    for name, content_of in pictures.items():
        files.write_bytes(workdir.figure_file(name), content_of)
    texts = document.markdown(content), document.web_page(content, pictures)
    for path, text in zip(workdir.report_files, texts, strict=True):
        files.write_text(path, text)


def _heat_map(entries: Sequence[Entry], columns: Sequence[str], metric: str) -> drawing.Picture:
    scores = [[entry.score((column, metric)) for column in columns] for entry in entries]
    values = np.array([[np.nan if s is None else s["mean"] for s in row] for row in scores])
    return drawing.heat_map(
        METRICS[metric].factor * values,
        [entry.label for entry in entries],
        columns,
        METRICS[metric].title,
        METRICS[metric].decimals,
    )
