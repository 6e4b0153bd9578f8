"""The report of --mode=score_responses: stored answers against labels, and the published figure."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mer_jax import resampling
from mer_jax.errors import InputError, first_few
from mer_jax.scoring import benchmarks, responses, tables
from mer_jax.scoring.report import PERCENT, Column, Line, Report, joined
from mer_jax.scoring.responses import ResponseScores

COLUMN = "gpt4v"
_LABEL_COLUMNS = ("gt", "discrete")
_COLUMNS = (
    Column("accuracy", "Accuracy"),
    Column("weighted_f1", "Weighted F1"),
    Column("uar", "UAR"),
    Column("macro_f1", "Macro F1"),
)


class Answers(NamedTuple):
    """A file of answers: by name a ranking, None where it is missing; labels where it has them."""

    path: pathlib.Path
    rankings: dict[str, str | list[str] | None]
    labels: dict[str, str]


def read_answers(path: pathlib.Path, column: str | None) -> Answers:
    """The answers of a CSV, or of the JSONL of --mode=ask.

    The CSV's column of answers is `column`, else gpt4v, or discrete of a submission. An empty cell
    is a missing answer.
    """
    if path.suffix == ".jsonl":
        from mer_jax.asking import journal

        return Answers(path, dict(journal.read_answers(path)), {})
    table = tables.read_table(path, ("name",))
    wanted = (column.strip().lower(),) if column else (COLUMN, "discrete")
    found = next((name for name in wanted if name in table.columns), None)
    if found is None:
        raise InputError(
            f"{path}: no column {wanted[0]}; found: {','.join(table.columns)}; --column=NAME names "
            "the column of the answers"
        )
    rows = tables.by_name(table, found)
    label = next((name for name in _LABEL_COLUMNS if name in table.columns and name != found), None)
    return Answers(
        path,
        {name: row.cells[found].strip() or None for name, row in rows.items()},
        {name: row.cells[label].strip() for name, row in rows.items()} if label else {},
    )


def read_labels(path: pathlib.Path) -> dict[str, str]:
    """The labels of a CSV with `name,gt` or `name,discrete`; one without a label is left out."""
    table = tables.read_table(path, ("name",))
    label = next((name for name in _LABEL_COLUMNS if name in table.columns), None)
    if label is None:
        table = tables.read_table(path, ("name", _LABEL_COLUMNS[0]))
    rows = tables.by_name(table, label)
    return {name: cell for name, row in rows.items() if (cell := row.cells[label].strip())}


def short(name: str) -> str:
    """A name without folder and extension, which the stored answers of most sets have lost."""
    return pathlib.PurePosixPath(name.replace("\\", "/")).stem or name


def report(flags: Mapping[str, Any]) -> Report:
    """The report of the mode's flags, by name; InputError says what is wrong in which file."""
    of_set = benchmarks.benchmark(flags["benchmark"]) if flags["benchmark"] else None
    candidates = of_set.candidates if of_set else flags["candidates"].split(",")
    rule = of_set.rule if of_set else flags["rule"] or "wrong"
    aliases = _aliases(flags["alias"])
    answers = read_answers(flags["responses"], flags["column"])
    labels, coverage = _labels(flags, answers)
    names = [name for name in labels if name in answers.rankings or flags["missing"] == "wrong"]
    names = [n for n in names if answers.rankings.get(n) or flags["missing"] == "wrong"]
    if not names:
        raise InputError(f"{answers.path}: no clip has both an answer and a label")
    found = responses.score_responses(
        [labels[name] for name in names],
        [answers.rankings.get(name) for name in names],
        candidates,
        rule,
        aliases,
    )
    made = _made(flags, found, names, coverage)
    made.content |= {
        "benchmark": of_set.title if of_set else None,
        "candidates": list(found.candidates),
        "aliases": aliases,
    }
    _add_published(made, found, flags, aliases)
    if flags["against"]:
        _compare(made, found, names, answers, flags)
    return made


def _aliases(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in given:
        word, equals, other = (part.strip().lower() for part in pair.partition("="))
        if not (word and equals and other):
            raise InputError(f"--alias={pair}: expected WORD=OTHER, such as surprised=surprise")
        found[word] = other
    return found


def _labels(flags: Mapping[str, Any], answers: Answers) -> tuple[dict[str, str], dict[str, Any]]:
    """The labels under the names of the answers, and how many of them were answered."""
    if flags["labels"] is None:
        if not answers.labels:
            raise InputError(f"{answers.path}: has no column gt; give the labels by --labels=FILE")
        labels = {name: label for name, label in answers.labels.items() if label}
        answered = sum(answers.rankings[name] is not None for name in labels)
        return labels, {"answered": answered, "missing": len(labels) - answered}
    asked = read_labels(flags["labels"])
    if not set(asked) & set(answers.rankings):  # a benchmark's names may have lost their folder
        shorter = {short(name): label for name, label in asked.items()}
        there = {short(name): name for name in answers.rankings}
        if len(shorter) == len(asked) and len(there) == len(answers.rankings):
            asked = {there.get(name, name): label for name, label in shorter.items()}
    else:
        by_short = {short(name): name for name in answers.rankings}
        asked = {
            name if name in answers.rankings else by_short.get(short(name), name): label
            for name, label in asked.items()
        }
    unknown = [name for name in answers.rankings if name not in asked]
    if len(unknown) == len(answers.rankings):
        raise InputError(
            f"{answers.path}: none of its names stands in {flags['labels']}: {first_few(unknown)}"
        )
    answered = sum(answers.rankings.get(name) is not None for name in asked)
    coverage = {
        "asked": len(asked),
        "answered": answered,
        "missing": len(asked) - answered,
        "answers_without_label": len(unknown),
    }
    return asked, coverage


def _made(
    flags: Mapping[str, Any],
    found: ResponseScores,
    names: Sequence[str],
    coverage: dict[str, Any],
) -> Report:
    pairs = found.pairs()
    n, resamples, seed = len(found.scored), flags["resamples"], flags["seed"]
    interval = resampling.intervals(pairs.statistic, n, resamples, seed)
    most, majority = found.majority()
    uniform = {"accuracy": found.uniform(), "uar": found.uniform()}
    lines = [
        Line(flags["responses"].stem, pairs.scores(), interval, n),
        Line(f"majority: {most}", majority, {}, n),
        Line("uniform guess, expected", uniform, {}, n),
    ]
    rows = [
        [name, clip.true, clip.predicted, joined(clip.ranking),
         int(clip.true == clip.predicted) if not clip.left_out else "", clip.left_out]
        for name, clip in zip(names, found.clips, strict=True)
    ]  # fmt: skip
    coverage = {**coverage, "scored": n, "outside_the_candidates": found.outside}
    content = {
        "rule": f"{found.rule}: {responses.RULES[found.rule]}",
        "missing": flags["missing"] or "left out",
        "coverage": coverage,
        "top_k": found.top_k(),
        "recall": pairs.recalls(),
        "confusion": {
            "classes": list(pairs.names),
            "true_by_predicted": pairs.matrix().astype(int).tolist(),
        },
    }
    made = Report(
        _COLUMNS,
        lines,
        content,
        (["name", "label", "answer", "ranking", "right", "left_out"], rows),
        [path for key in ("responses", "labels", "against") if (path := flags[key])],
        confusion=pairs,
        resamples=resamples,
        seed=seed,
    )
    made.notes += _notes(found, coverage, made)
    return made


def _notes(found: ResponseScores, coverage: Mapping[str, Any], made: Report) -> list[str]:
    words = ", ".join(f"{count} {key.replace('_', ' ')}" for key, count in coverage.items())
    notes = [f"Rule {made.content['rule']}.", f"Clips: {words}."]
    if top := found.top_k():
        factor, decimals = PERCENT
        cells = ", ".join(f"{k} {factor * v:.{decimals}f}" for k, v in enumerate(top, start=1))
        notes.append(f"The label is among the first k answers: {cells}.")
    for name, count in found.impossible().items():
        notes.append(
            f"{count} clips are labelled {name}, which is no candidate, and can never be right; "
            f"--alias=WORD={name} takes a candidate for it."
        )
    return notes


def _add_published(
    made: Report, found: ResponseScores, flags: Mapping[str, Any], aliases: Mapping[str, str]
) -> None:
    key = ((flags["benchmark"] or "").lower(), flags["responses"].name)
    scores = found.scores()
    cells = [cell for cell in benchmarks.PUBLISHED.get(key, ()) if dict(cell.aliases) == aliases]
    if cells:
        values = {cell.metric: cell.value / PERCENT[0] for cell in cells}
        made.lines.insert(1, Line("published", values))
        made.notes.insert(0, f"Published: {cells[0].source}.")
        made.content["published"] = [
            {
                "metric": cell.metric,
                "published": cell.value / PERCENT[0],
                "recomputed": scores[cell.metric],
                "source": cell.source,
            }
            for cell in cells
        ]


def _compare(
    made: Report,
    found: ResponseScores,
    names: Sequence[str],
    answers: Answers,
    flags: Mapping[str, Any],
) -> None:
    """Adds how often two files give the same answer, and the paired bootstrap of their scores."""
    other = read_answers(flags["against"], flags["column"])
    by_short = {short(name): name for name in other.rankings}
    theirs = {
        name: other.rankings.get(name) or other.rankings.get(by_short.get(short(name), ""))
        for name in names
    }
    aliases = made.content["aliases"]
    both = [i for i, name in enumerate(names) if theirs[name] and answers.rankings.get(name)]
    if not both:
        raise InputError(f"{other.path}: no clip has an answer in {answers.path} as well")
    first = [found.clips[i].ranking[:1] for i in both]
    second = [responses.ranking_of(theirs[names[i]], aliases)[:1] for i in both]
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(both)
    made.content["same_answer"] = {"share": same, "clips": len(both)}
    made.notes.append(
        f"Same answer as {other.path}: {same:.4f} of {len(both)} clips that both have."
    )
    labels = _labels(flags, answers)[0]
    judged = [
        responses.score_responses(
            [labels[names[i]] for i in both], of, found.candidates, found.rule, aliases
        )
        for of in ([answers.rankings[names[i]] for i in both], [theirs[names[i]] for i in both])
    ]
    kept = [
        i for i, pair in enumerate(zip(judged[0].clips, judged[1].clips, strict=True))
        if not any(clip.left_out for clip in pair)
    ]  # fmt: skip
    if kept and flags["resamples"]:
        ours, others = (
            of._replace(clips=[of.clips[i] for i in kept]).pairs().statistic for of in judged
        )
        scores = resampling.compare(ours, others, len(kept), flags["resamples"], seed=flags["seed"])
        made.comparison = {"against": str(other.path), "clips": len(kept), "scores": scores}
