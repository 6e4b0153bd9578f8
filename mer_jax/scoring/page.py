"""report.md and report.html of stored answers: the table and the confusion matrix as a figure."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax import files
from mer_jax.reporting import document
from mer_jax.reporting.document import Document, Image, Section, Table, Text

if TYPE_CHECKING:
    from mer_jax.scoring.report import Report

FILES = ("report.md", "report.html")  # in the order in which they are written
PICTURE = "confusion"  # in figures/


def write(out: pathlib.Path, made: Report) -> None:
    """Writes the report and its figure into the folder `out`."""
    from mer_jax.reporting import drawing  # matplotlib takes a second to load

    pairs = made.confusion
    label = made.lines[0].label
    counts_KxM = pairs.matrix()[: pairs.classes].astype(int)
    picture = drawing.confusion(counts_KxM, pairs.names, label, "answer")
    pictures = {PICTURE: drawing.png(picture.figure)}
    content = describe(made, picture.alt)
    files.write_bytes(out / document.FIGURES / f"{PICTURE}.png", pictures[PICTURE])
    texts = document.markdown(content), document.web_page(content, pictures)
    for name, text in zip(FILES, texts, strict=True):
        files.write_text(out / name, text)


def describe(made: Report, alt: str) -> Document:
    """The content; like a run's report it has no date, so equal scores have equal reports."""
    pairs = made.confusion
    header, *rows = made.rows()
    scores: list[Text | Table] = [Table(header, rows)]
    if any(any(line.interval.values()) for line in made.lines):
        scores.append(Text(made.about_intervals()))
    sections = [Section("Scores", scores)]
    if made.comparison:
        header, *rows = made.compared()
        parts = [Table(header, rows), Text(made.about_comparison())]
        sections.append(Section("Comparison", parts))
    words = (
        "Number of clips by true emotion (row) and first answer (column), shaded by their share "
        "of the row."
    )
    sections.append(Section("Confusion matrix", [Text(words), Image(PICTURE, alt)]))
    by_class = [
        [name, "-" if recall is None else f"{100 * recall:.2f}", str(int(clips))]
        for (name, recall), clips in zip(
            pairs.recalls().items(), pairs.matrix().sum(1), strict=False
        )
    ]
    sections.append(Section("Recall by class", [Table(["", "Recall", "clips"], by_class)]))
    lead = [Text(note) for note in made.notes] + [Text(f"Warning: {w}.") for w in made.warnings]
    return Document(f"Stored answers: {made.lines[0].label}", lead, sections)
