"""One table of many runs, as Markdown, CSV, LaTeX and text: the best in bold, the paper beside."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from mer_jax import published
from mer_jax.corpora import SYNTHETIC
from mer_jax.evaluation import terminal
from mer_jax.metrics import METRICS, ordered
from mer_jax.task import MODALITIES, modality_of

Column = tuple[str, str]  # split, metric
Score = dict[str, Any]  # mean and std, as in results.json


class Entry(NamedTuple):
    """A row: a run, or what there would be one of."""

    label: str
    features: dict[str, str]  # feature set by modality
    results: dict[str, Any] | None  # of results.json; None: there are none
    published: dict[str, dict[str, tuple[float, float | None]]] | None
    note: str = ""  # why there are none, or what is to be known of them
    settings: str = ""  # what else sets it apart from the other rows
    synthetic: bool = False
    source: str = published.SOURCE  # of what is published

    def score(self, column: Column) -> Score | None:
        """The run's score, over repeats."""
        if self.results is None:
            return None
        split, metric = column
        blocks = {
            terminal.CROSS_VALIDATION: self.results["cross_validation"],
            **self.results["test"],
        }
        return blocks.get(split, {}).get(metric)

    def published_score(self, column: Column) -> Score | None:
        """The paper's score for these features."""
        split, metric = column
        found = (self.published or {}).get(split, {}).get(metric)
        return found and {"mean": found[0], "std": found[1]}


def columns(entries: Sequence[Entry], wanted: Sequence[str]) -> list[Column]:
    """The splits' metrics out of `wanted` of which any row has a score, its own or the paper's."""
    splits: dict[str, None] = {}  # a set that keeps the order
    for entry in entries:
        if entry.results is not None:
            splits |= dict.fromkeys([terminal.CROSS_VALIDATION, *entry.results["test"]])
        splits |= dict.fromkeys(entry.published or {})
    return [
        (split, metric)
        for split in splits
        for metric in wanted
        if any(entry.score((split, metric)) for entry in entries)
        or any(entry.published_score((split, metric)) for entry in entries)
    ]


def best(entries: Sequence[Entry], column: Column) -> float | None:
    """The best mean of a column among the runs."""
    means = [score["mean"] for entry in entries if (score := entry.score(column)) is not None]
    return max(means, key=lambda mean: METRICS[column[1]].sign * mean) if means else None


def markdown(entries: Sequence[Entry], wanted: Sequence[str], said: Sequence[str] = ()) -> str:
    """The table as Markdown, the remarks below it, of which `said` are the last."""
    chosen = columns(entries, wanted)
    heads = [f"{split} {METRICS[metric].title}" for split, metric in chosen]
    lines = [["", *heads], ["---", *["---:"] * len(chosen)]]
    bold = "**{}**".format
    for entry, cells in _cells(entries, chosen, bold, _in_brackets):
        lines.append([_label(entry), *cells])
    rows = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return "\n".join([*rows, "", *_remarks(entries), *said]) + "\n"


def latex(entries: Sequence[Entry], wanted: Sequence[str], said: Sequence[str] = ()) -> str:
    """The table as LaTeX, to be \\input; needs the packages booktabs and graphicx."""
    chosen = columns(entries, wanted)
    splits = list(dict.fromkeys(split for split, _ in chosen))
    spans, rules, first = [], [], 2
    for split in splits:
        width = sum(split == each for each, _ in chosen)
        spans.append(f"\\multicolumn{{{width}}}{{c}}{{{_escape(split)}}}")
        rules.append(f"\\cmidrule(lr){{{first}-{first + width - 1}}}")
        first += width
    heads = [_escape(METRICS[metric].title) for _, metric in chosen]
    lines = [
        "% needs \\usepackage{booktabs} and \\usepackage{graphicx}",
        "\\begin{table*}",
        "\\centering",
        f"\\caption{{{_escape(' '.join([*_remarks(entries), *said]))}}}",
        "\\resizebox{\\textwidth}{!}{%",
        f"\\begin{{tabular}}{{l{'r' * len(chosen)}}}",
        "\\toprule",
        " & ".join(["", *spans]) + " \\\\",
        " ".join(rules),
        " & ".join(["", *heads]) + " \\\\",
        "\\midrule",
    ]
    for entry, cells in _cells(
        entries,
        chosen,
        lambda cell: f"\\textbf{{{_escape_number(cell)}}}",
        lambda ours, theirs: f"{ours} {{\\scriptsize ({_escape_number(theirs)})}}",
        plain=_escape_number,
    ):
        lines.append(" & ".join([_escape(_label(entry)), *cells]) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}}", "\\end{table*}"]
    return "\n".join(lines) + "\n"


def text(entries: Sequence[Entry], wanted: Sequence[str], said: Sequence[str] = ()) -> str:
    """The table for a terminal: of each split what matters most, the remarks below it."""
    chosen: dict[str, str] = {}
    for split, metric in columns(entries, wanted):
        if split not in chosen or metric == "com":
            chosen[split] = metric
    shown = list(chosen.items())
    lines = [["", *(f"{split} {METRICS[metric].title}" for split, metric in shown)]]
    for entry, cells in _cells(entries, shown, "*{}".format, _in_brackets):
        lines.append([_label(entry), *cells])
    return "\n".join([*terminal.aligned(lines), *_remarks(entries, mark="after a *"), *said])


def _sets(features: dict[str, str], modality: str) -> str:
    return ",".join(name for of, name in features.items() if modality_of(of) == modality)


def csv_rows(entries: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: every metric with a score, in the units of results.json.

    A column each for the mean, its deviation, and both of the paper's; what is missing is empty.
    """
    header = ["row", *MODALITIES, "settings", "corpus", "note"]
    rows = [
        [
            entry.label,
            *(_sets(entry.features, modality) for modality in MODALITIES),
            entry.settings,
            SYNTHETIC if entry.synthetic else "",
            entry.note,
        ]
        for entry in entries
    ]
    for column in columns(entries, _every_metric(entries)):
        for kind, get in (("", Entry.score), (" published", Entry.published_score)):
            scores = [get(entry, column) for entry in entries]
            if any(scores):
                header += [f"{' '.join(column)}{kind}", f"{' '.join(column)}{kind} std"]
                for row, score in zip(rows, scores, strict=True):
                    row.extend(["", ""] if score is None else [score["mean"], score["std"]])
    return header, [["" if cell is None else str(cell) for cell in row] for row in rows]


def _every_metric(entries: Sequence[Entry]) -> list[str]:
    """All metrics that there are, and those of targets that a row has."""
    blocks = [
        scores
        for entry in entries
        if entry.results is not None
        for scores in (entry.results["cross_validation"], *entry.results["test"].values())
    ]
    return ordered([*METRICS, *(name for of in blocks for name in of if name in METRICS)])


def _cells(
    entries: Sequence[Entry],
    chosen: Sequence[Column],
    bold: Callable[[str], str],
    beside: Callable[[str, str], str],
    plain: Callable[[str], str] = str,
) -> Iterator[tuple[Entry, list[str]]]:
    """The cells of each row: the run's score, the best of its column bold, and the paper's."""
    bests = [best(entries, column) for column in chosen]
    for entry in entries:
        cells = []
        for column, best_mean in zip(chosen, bests, strict=True):
            ours, theirs = entry.score(column), entry.published_score(column)
            cell = terminal.score_cell(column[1], ours)
            cell = bold(cell) if ours and ours["mean"] == best_mean else plain(cell)
            cells.append(beside(cell, terminal.score_cell(column[1], theirs)) if theirs else cell)
        yield entry, cells


def _in_brackets(ours: str, theirs: str) -> str:
    return f"{ours} ({theirs})"


def _label(entry: Entry) -> str:
    parts = [part for part in (entry.settings, entry.note) if part]
    return f"{entry.label} ({'; '.join(parts)})" if parts else entry.label


def _remarks(entries: Sequence[Entry], mark: str = "in bold") -> list[str]:
    """What a reader must know, a sentence each."""
    said = [
        f"Mean ± deviation over the repeats, F1 and accuracy in %; the best of each column {mark}."
    ]
    sources = dict.fromkeys(entry.source for entry in entries if entry.published)
    said += [f"In brackets: {source}." for source in sources]
    trained = [entry for entry in entries if entry.results]
    synthetic = [entry.label for entry in trained if entry.synthetic]
    if synthetic and len(synthetic) == len(trained):
        said.append(terminal.SYNTHETIC_NOTICE)
    elif synthetic:
        said.append(f"Of the synthetic corpus, beside all others: {', '.join(synthetic)}.")
    return said


_LATEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_",
    "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "±": "$\\pm$", "↑": "$\\uparrow$", "↓": "$\\downarrow$",
}  # fmt: skip


def _escape(words: str) -> str:
    return "".join(_LATEX.get(character, character) for character in words)


def _escape_number(cell: str) -> str:
    """A score's cell; a missing score's dash stays as it is."""
    return _escape(cell) if cell == "-" else _escape(cell).replace("-", "$-$")
