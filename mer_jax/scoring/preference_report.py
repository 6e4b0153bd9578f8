"""The report of --mode=score_preference: MER2026's track 3."""

import pathlib
from collections.abc import Mapping
from typing import Any

from mer_jax import resampling
from mer_jax.errors import InputError, first_few
from mer_jax.scoring import preference, tables
from mer_jax.scoring.report import Column, Line, Report

_COLUMNS = (Column("weighted_f1", "Weighted F1"), Column("accuracy", "Accuracy"))
_ADVICE = "give them; a response that names neither counts as same"


def read_responses(path: pathlib.Path) -> dict[str, str]:
    """The responses of a CSV with `name,response`, or of the JSONL of --mode=ask."""
    if path.suffix == ".jsonl":
        from mer_jax.asking import journal

        return {name: str(text) for name, text in journal.read_answers(path, texts=True)}
    table = tables.read_table(path, ("name", "response"))
    return {name: row.cells["response"] for name, row in tables.by_name(table, "response").items()}


def report(flags: Mapping[str, Any]) -> Report:
    """The report of the mode's flags, by name; InputError says what is wrong in which file."""
    table = tables.read_table(flags["labels"], ("name", "preference"))
    labels = {}
    for name, row in tables.by_name(table, "preference").items():
        labels[name] = row.cells["preference"].strip().lower()
        if labels[name] not in preference.ANSWERS:
            raise InputError(
                f"{table.where(row)}, {name}: unknown preference {labels[name]!r}; one of: "
                f"{', '.join(preference.ANSWERS)}"
            )
    responses = read_responses(flags["responses"])
    tables.check_covered(labels, responses, flags["responses"], "a response", _ADVICE)
    names = list(labels)
    texts = [responses[name] for name in names]
    found = preference.score_preference(list(labels.values()), texts)
    resamples, seed = flags["resamples"], flags["seed"]
    lines = []
    for label, pairs in (("two classes", found.two), ("three classes", found.three)):
        if pairs is not None:
            n = len(pairs.true)
            interval = resampling.intervals(pairs.statistic, n, resamples, seed)
            lines.append(Line(label, pairs.scores(), interval, n))
    read = [preference.read_answer(text) for text in texts]
    rows = [
        [name, labels[name], text, reading.answer, int(reading.named)]
        for name, text, reading in zip(names, texts, read, strict=True)
    ]
    made = Report(
        _COLUMNS,
        lines,
        {
            "rule": "MER2026 track 3: two classes, without clips labelled same; same counts as a1",
            "names_no_answer": found.unnamed,
        },
        (["name", "label", "a response", "answer", "named"], rows),
        [path for key in ("labels", "responses", "swap") if (path := flags[key])],
        resamples=resamples,
        seed=seed,
    )
    made.notes.append("The track's score is the weighted F1 of two classes.")
    made.notes.append(f"{found.unnamed} of {len(names)} responses name neither a1 nor a2 nor same.")
    extra = [name for name in responses if name not in labels]
    if extra:
        made.notes.append(
            f"{len(extra)} responses have no label and do not count: {first_few(extra)}."
        )
    if flags["swap"]:
        _add_swapped(made, names, responses, flags["swap"])
    return made


def _add_swapped(
    made: Report, names: list[str], responses: Mapping[str, str], path: pathlib.Path
) -> None:
    swapped = read_responses(path)
    tables.check_covered(names, swapped, path, "a response", "ask these with a1 and a2 exchanged")
    found = preference.compare_swapped(
        [responses[name] for name in names], [swapped[name] for name in names]
    )
    made.content["swap"] = found._asdict()
    bias = "no answer is a1 or a2" if found.bias is None else f"{found.bias:.4f} of answers are a1"
    made.notes.append(
        f"With a1 and a2 exchanged: same preference in {found.consistency:.4f} of clips; {bias}."
    )
