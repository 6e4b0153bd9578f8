"""What every score command shows and writes: a table with intervals, scores.json, clips.csv."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import mer_jax
from mer_jax import files, resampling
from mer_jax.errors import InputError
from mer_jax.evaluation import terminal
from mer_jax.resampling import Statistic
from mer_jax.scoring import page, tables
from mer_jax.scoring.confusion import Pairs

SCORES_FILE, CLIPS_FILE = "scores.json", "clips.csv"
RULE_VERSION = 1  # of the rules of all scores; it changes with what the same files score
PERCENT = (100, 2)  # factor and decimals


class Column(NamedTuple):
    """A score: its key in scores.json, its heading, and how it is printed."""

    key: str
    heading: str
    factor: float = PERCENT[0]
    decimals: int = PERCENT[1]

    def cell(self, value: float | None) -> str:
        """The value in the units of the column; a dash where there is none."""
        if value is None or math.isnan(value):
            return "-"
        return f"{self.factor * value:.{self.decimals}f}"

    def interval(self, bounds: Sequence[float] | None) -> str:
        """`[low, high]` in the units of the column."""
        return "-" if bounds is None else f"[{', '.join(self.cell(bound) for bound in bounds)}]"


class Line(NamedTuple):
    """A line of the table: values by column key, their intervals, and how many clips count."""

    label: str
    values: Mapping[str, float | None]
    interval: Mapping[str, Sequence[float] | None] = {}
    clips: int | None = None


@dataclasses.dataclass
class Report:
    """The result of a score command."""

    columns: Sequence[Column]
    lines: list[Line]
    content: dict[str, Any]  # of scores.json, beside what every command writes
    clips: tuple[Sequence[str], Sequence[Sequence[Any]]]  # header and rows of clips.csv
    read: Sequence[pathlib.Path] = ()
    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    # Of resampling.compare, with "against"; of several levels, "levels" has each one's.
    comparison: dict[str, Any] | None = None
    confusion: Pairs | None = None  # drawn in report.md and report.html, and printed below
    resamples: int = resampling.RESAMPLES
    seed: int = resampling.SEED

    def text(self) -> str:
        """The table, the comparison, and the notes and warnings below them, a sentence each."""
        text = terminal.aligned(self.rows())
        if any(any(line.interval.values()) for line in self.lines):
            text.append(self.about_intervals())
        if self.comparison:
            text += ["", *terminal.aligned(self.compared()), self.about_comparison()]
        text += self.notes
        if self.confusion is not None:
            text += ["", *terminal.aligned(shares(self.confusion)), ""]
        text += [f"Warning: {warning}." for warning in self.warnings]
        return "\n".join(text)

    def rows(self) -> list[list[str]]:
        """The table's cells: a header, and below a line its intervals."""
        has_clips = any(line.clips is not None for line in self.lines)
        rows = [["", *(column.heading for column in self.columns), *(["clips"] * has_clips)]]
        for line in self.lines:
            count = ["-" if line.clips is None else str(line.clips)] * has_clips
            cells = [column.cell(line.values.get(column.key)) for column in self.columns]
            rows.append([line.label, *cells, *count])
            if any(line.interval.values()):
                bounds = [c.interval(line.interval.get(c.key)) for c in self.columns]
                rows.append(["  95 %", *bounds, *([""] * has_clips)])
        return rows

    def about_intervals(self) -> str:
        """The sentence below a table with intervals."""
        return f"95 %: interval by a bootstrap over the clips, {self.resamples} resamples."

    def compared(self) -> list[list[str]]:
        """The comparison's cells: a header, and three lines a level."""
        levels = self.comparison.get("levels") or {"": self.comparison["scores"]}
        columns = [column for column in self.columns if column.key in self.comparison["scores"]]
        rows = [["", *(column.heading for column in columns)]]
        for level, found in levels.items():
            of_level = [found[column.key] for column in columns]
            cells = [c.cell(of["difference"]) if of else "-"
                     for c, of in zip(columns, of_level, strict=True)]  # fmt: skip
            signed = [cell if cell.startswith(("-", "+")) else f"+{cell}" for cell in cells]
            bounds = [c.interval(of["interval"]) if of else "-"
                      for c, of in zip(columns, of_level, strict=True)]  # fmt: skip
            rows += [
                [f"difference, {level}" if level else "difference", *signed],
                ["  95 %", *bounds],
                ["  not better", *(f"{of['not_better']:.3f}" if of else "-" for of in of_level)],
            ]
        return rows

    def about_comparison(self) -> str:
        """The sentence below the comparison."""
        return (
            f"This file minus {self.comparison['against']}; {self.resamples} resamples of the "
            "same clips; not better: in that share of them."
        )

    def json(self) -> dict[str, Any]:
        """What scores.json holds: all digits, counts, what was read, the rule, warnings."""
        return {
            "scores": {line.label: _plain(line.values) for line in self.lines},
            "interval": {line.label: _plain(line.interval) for line in self.lines if line.interval},
            "clips": {line.label: line.clips for line in self.lines if line.clips is not None},
            **_plain(self.content),
            "rule_version": RULE_VERSION,
            **({"comparison": _plain(self.comparison)} if self.comparison else {}),
            "resamples": self.resamples,
            "seed": self.seed,
            "read": {str(path): tables.sha256(path) for path in self.read},
            "notes": self.notes,
            "warnings": self.warnings,
            "package": f"mer_jax {mer_jax.__version__}",
        }

    def deliver(self, out: pathlib.Path | None) -> None:
        """Writes the files into the folder `out`, if there is one, and prints the table."""
        if out is not None:
            header, rows = self.clips
            if self.confusion is not None:
                page.write(out, self)
            files.write_csv(out / CLIPS_FILE, header, rows)
            files.write_json(out / SCORES_FILE, self.json())
        print(self.text())
        if out is None:
            print("Not written; --out=DIR writes all digits, and a line a clip.")
        else:
            print(f"Scores: {out / SCORES_FILE}; clip by clip: {out / CLIPS_FILE}")
            if self.confusion is not None:
                print(f"Report: {out / page.FILES[-1]}")


def _plain(value: Any) -> Any:
    """The value as JSON has it: NaN is null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    return value


def shares(pairs: Pairs) -> list[list[str]]:
    """The confusion matrix in cells: % of each true class, and its clips."""
    rows = [["true \\ answer", *pairs.names, "clips"]]
    for name, row in zip(pairs.names[: pairs.classes], pairs.matrix(), strict=False):
        total = row.sum()
        rows.append([name, *(f"{100 * value / total:.0f}" for value in row), f"{total:.0f}"])
    return rows


def joined(words: Sequence[str] | frozenset[str]) -> str:
    """A list or a set of words in a cell of clips.csv; a set in sorted order."""
    return "|".join(sorted(words) if isinstance(words, frozenset) else words)


def add_comparison(
    made: Report, ours: Statistic, theirs: Statistic, clips: int, flags: Mapping[str, Any]
) -> None:
    """Adds the paired bootstrap of two systems; InputError where nothing is to be drawn."""
    if not flags["resamples"]:
        raise InputError("--against needs --resamples above 0")
    scores = resampling.compare(ours, theirs, clips, flags["resamples"], seed=flags["seed"])
    made.comparison = {"against": str(flags["against"]), "scores": scores}
