"""The report of --mode=score_open: lists of emotion words against labels, by groups or wheels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mer_jax import resampling
from mer_jax.errors import InputError, counted, first_few
from mer_jax.scoring import constant, open_vocabulary, tables, wheel_files, wheel_report, word_files
from mer_jax.scoring.open_vocabulary import Groups
from mer_jax.scoring.report import Column, Line, Report, add_comparison, joined
from mer_jax.scoring.word_files import Cells, Clips, Synonyms

_SETS = (Column("accuracy", "Accuracy"), Column("recall", "Recall"), Column("average", "Average"))


def report(flags: Mapping[str, Any]) -> Report:
    """The report of the mode's flags, by name; InputError says what is wrong in which file."""
    by_wheel = flags["wheel"] is not None
    lists_as = flags["lists"] or ("mer2025" if by_wheel else None)
    lists_as = lists_as or ("mer2024" if flags["synonyms"] is not None else "literal")
    labels = word_files.read_words(flags["labels"])
    predictions = word_files.read_words(flags["predictions"])
    against = word_files.read_words(flags["against"]) if flags["against"] else None
    synonyms = word_files.read_synonyms(flags["synonyms"]) if flags["synonyms"] else None
    wheels = wheel_files.read_wheels(flags["wheel"]) if by_wheel else None
    if synonyms is not None:
        word_files.check_synonyms(synonyms, list(labels.cells))
    of = _input(flags, labels, predictions, against, lists_as)
    found = wheel_report.report(flags, of, wheels) if wheels else _of_sets(flags, of, synonyms)
    found.read = [
        path for key in ("labels", "predictions", "against", "synonyms", "wheel")
        if (path := flags[key])
    ]  # fmt: skip
    found.content |= {"lists": lists_as, "left_out": of.left_out}
    _add_notes(found, of, [labels, predictions], lists_as)
    return found


def _input(
    flags: Mapping[str, Any],
    labels: Cells,
    predictions: Cells,
    against: Cells | None,
    lists_as: str,
) -> Clips:
    names = list(labels.cells)
    words = labels.words(lists_as, names)
    left_out = {}
    if flags["wheel"] is None:
        empty = [name for name, of in zip(names, words, strict=True) if not of]
        if empty and not flags["skip_empty_labels"]:
            raise InputError(
                f"{labels.path}: {counted(len(empty), 'clip')} with an empty list of labels, "
                "whose recall has "
                f"no meaning: {first_few(empty)}; --skip_empty_labels leaves them out"
            )
        left_out = dict.fromkeys(empty, "no label")
    kept = [(name, of) for name, of in zip(names, words, strict=True) if name not in left_out]
    if not kept:
        raise InputError(f"{labels.path}: no clip has a label")
    names = [name for name, _ in kept]
    guesses = [
        None if of is None else _covering(of, names, flags["missing"]).words(lists_as, names)
        for of in (predictions, against)
    ]
    return Clips(names, [of for _, of in kept], *guesses, left_out)


def _covering(predictions: Cells, names: Sequence[str], missing: str | None) -> Cells:
    """The predictions with an empty list for each clip without one, where that is wanted."""
    if missing == "empty":
        return predictions._replace(cells={name: [] for name in names} | predictions.cells)
    advice = "give them, or --missing=empty scores them as empty lists"
    tables.check_covered(names, predictions.cells, predictions.path, "a prediction", advice)
    return predictions


def _of_sets(flags: Mapping[str, Any], of: Clips, synonyms: Synonyms | None) -> Report:
    groups = None if synonyms is None else [synonyms.of(name) for name in of.names]
    found = open_vocabulary.score_sets(of.labels, of.predictions, groups)
    best = constant.constant_for_sets(of.labels, groups)
    baseline = open_vocabulary.score_sets(of.labels, [best] * len(of.names), groups)
    n, resamples, seed = len(of.names), flags["resamples"], flags["seed"]
    rows = [
        [name, joined(labels), joined(guess), joined(clip.labels), joined(clip.predicted),
         clip.accuracy, clip.recall, ""]
        for name, labels, guess, clip in zip(
            of.names, of.labels, of.predictions, found.clips, strict=True
        )
    ]  # fmt: skip
    rows += [[name, "", "", "", "", "", "", why] for name, why in of.left_out.items()]
    header = ["name", "labels", "predictions", "label_set", "predicted_set"]
    header += ["accuracy", "recall", "left_out"]
    rule = "MER2024, synonym groups" if synonyms else "plain sets of words"
    made = Report(
        _SETS,
        [
            Line(rule, found.scores(),
                 resampling.intervals(found.statistic, n, resamples, seed), n),
            Line("constant list", baseline.scores(), {}, n),
        ],
        {"rule": rule, "constant": list(best)},
        (header, rows),
        resamples=resamples,
        seed=seed,
    )  # fmt: skip
    if synonyms is not None:
        method = synonyms.method or f"as {synonyms.path} has them, how they were made is not known"
        made.content["method"] = method
        made.notes.append(f"Groups: {method}.")
        made.warnings += _without_groups(of, groups)
    if of.against is not None:
        other = open_vocabulary.score_sets(of.labels, of.against, groups)
        add_comparison(made, found.statistic, other.statistic, n, flags)
    return made


def _without_groups(of: Clips, groups: Sequence[Groups]) -> list[str]:
    lacking = [
        name
        for name, guess, groups_of in zip(of.names, of.predictions, groups, strict=True)
        if guess and not groups_of
    ]
    if not lacking:
        return []
    return [
        f"{counted(len(lacking), 'clip')} with words but no synonym group, scored by plain "
        f"matching: {first_few(lacking)}"
    ]


def _add_notes(made: Report, of: Clips, cells: Sequence[Cells], lists_as: str) -> None:
    if "constant" in made.content:
        words = ", ".join(made.content["constant"]) or "none"
        made.notes.append(
            f"Constant list: {words}; the same for every clip, chosen word by word with the labels."
        )
    length = [float(np.mean([len(words) for words in of_all])) for of_all in of[1:3]]
    made.content["mean_length"] = dict(zip(("labels", "predictions"), length, strict=True))
    made.notes.append(f"Words a clip: {length[0]:.2f} in labels, {length[1]:.2f} in predictions.")
    if of.left_out:
        made.notes.append(
            f"Left out: {counted(len(of.left_out), 'clip')} with an empty list of labels."
        )
    labels, predictions = cells
    extra = [name for name in predictions.cells if name not in labels.cells]
    made.content["predictions_without_label"] = len(extra)
    if extra:
        made.notes.append(
            f"{len(extra)} predictions have no label and do not count: {first_few(extra)}."
        )
    for each in cells:
        scored = each._replace(cells={n: each.cells[n] for n in of.names if n in each.cells})
        count, example = scored.read_otherwise(lists_as)
        if count:
            made.warnings.append(
                f"{each.path}: --lists={lists_as} reads {count} cells otherwise than they are "
                f"printed: {example}; --lists=literal keeps such words whole"
            )
