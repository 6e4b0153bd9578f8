"""The report of --mode=score_open: lists of emotion words against labels, by groups or wheels."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax import resampling
from mer_jax.errors import InputError, first_few
from mer_jax.scoring import constant, open_vocabulary, tables, wheel, wheel_files, word_files
from mer_jax.scoring.open_vocabulary import Groups
from mer_jax.scoring.report import Column, Line, Report, joined
from mer_jax.scoring.wheel import LEVELS, Wheels
from mer_jax.scoring.word_files import Cells, Synonyms

_SETS = (Column("accuracy", "Accuracy"), Column("recall", "Recall"), Column("average", "Average"))
_WHEEL = (Column("f1", "F1"), Column("precision", "Precision"), Column("recall", "Recall"))
_HITS = (Column("hit_rate", "Hit rate"), Column("hit_share", "Hit share"))


class _Input(NamedTuple):
    """The clips that are scored: their names and words, in one order."""

    names: list[str]
    labels: list[list[str]]
    predictions: list[list[str]]
    against: list[list[str]] | None
    left_out: dict[str, str]  # name -> why


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
    found = _of_wheels(flags, of, wheels) if wheels else _of_sets(flags, of, synonyms)
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
) -> _Input:
    names = list(labels.cells)
    words = labels.words(lists_as, names)
    left_out = {}
    if flags["wheel"] is None:
        empty = [name for name, of in zip(names, words, strict=True) if not of]
        if empty and not flags["skip_empty_labels"]:
            raise InputError(
                f"{labels.path}: {len(empty)} clips have an empty list of labels, whose recall has "
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
    return _Input(names, [of for _, of in kept], *guesses, left_out)


def _covering(predictions: Cells, names: Sequence[str], missing: str | None) -> Cells:
    """The predictions with an empty list for each clip without one, where that is wanted."""
    if missing == "empty":
        return predictions._replace(cells={name: [] for name in names} | predictions.cells)
    advice = "give them, or --missing=empty scores them as empty lists"
    tables.check_covered(names, predictions.cells, predictions.path, "prediction", advice)
    return predictions


def _of_sets(flags: Mapping[str, Any], of: _Input, synonyms: Synonyms | None) -> Report:
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
        _compare(made, found.statistic, other.statistic, n, flags)
    return made


def _without_groups(of: _Input, groups: Sequence[Groups]) -> list[str]:
    lacking = [
        name
        for name, guess, groups_of in zip(of.names, of.predictions, groups, strict=True)
        if guess and not groups_of
    ]
    if not lacking:
        return []
    return [
        f"{len(lacking)} clips have words and no synonym group, which makes their score plain "
        f"matching: {first_few(lacking)}"
    ]


def _of_wheels(flags: Mapping[str, Any], of: _Input, wheels: Wheels) -> Report:
    if flags["hit_rate"]:
        return _of_hits(flags, of, wheels)
    n, resamples, seed = len(of.names), flags["resamples"], flags["seed"]
    chosen = LEVELS if flags["wheel_levels"] == "both" else (flags["wheel_levels"],)
    lines, by_level = [], {}
    for level in chosen:
        found = by_level[level] = wheel.score_wheels(of.labels, of.predictions, wheels, level)
        interval = resampling.intervals(found.statistic, n, resamples, seed)
        lines.append(Line(f"wheels, {level}", found.scores(), interval))
        for name, scores in found.by_wheel().items():
            count = int(found.wheels[name].counted.sum())
            lines.append(Line(f"  {level} {name}", scores, {}, count))
    if len(chosen) > 1:
        both = [found.scores() for found in by_level.values()]
        mean = {key: float(np.mean([of_level[key] for of_level in both])) for key in both[0]}
        lines.append(Line("mean of both levels", mean))
    best = constant.constant_for_wheels(of.labels, wheels, chosen[0])
    baseline = wheel.score_wheels(of.labels, [best] * n, wheels, chosen[0])
    lines.append(Line(f"constant list, {chosen[0]}", baseline.scores()))
    made = Report(
        _WHEEL,
        lines,
        {"rule": f"emotion wheels, {flags['wheel']}", "constant": list(best)},
        _wheel_clips(of, by_level),
        resamples=resamples,
        seed=seed,
    )
    made.content["words"] = _dropped(of, wheels)
    made.notes.append(_dropped_note(made.content["words"], n, by_level[chosen[0]]))
    if of.against is not None:
        other = wheel.score_wheels(of.labels, of.against, wheels, chosen[0])
        _compare(made, by_level[chosen[0]].statistic, other.statistic, n, flags)
    return made


def _of_hits(flags: Mapping[str, Any], of: _Input, wheels: Wheels) -> Report:
    many = [name for name, labels in zip(of.names, of.labels, strict=True) if len(labels) != 1]
    if many:
        raise InputError(
            f"{flags['labels']}: {len(many)} clips have not exactly one label, which --hit_rate "
            f"needs: {first_few(many)}"
        )
    n, resamples, seed = len(of.names), flags["resamples"], flags["seed"]
    found = wheel.hit_rates(of.labels, of.predictions, wheels)
    interval = resampling.intervals(found.statistic, n, resamples, seed)
    header = ["name", "labels", "predictions", *(f"{key}_{w}" for w in wheels for key in _KEYS)]
    rows = []
    for i, name in enumerate(of.names):
        values = [of_key[w][i] for w in wheels for of_key in (found.hits, found.shares)]
        counted = [found.counted[w][i] for w in wheels for _ in _KEYS]
        cells = [v if c else "" for v, c in zip(values, counted, strict=True)]
        rows.append([name, joined(of.labels[i]), joined(of.predictions[i]), *cells])
    made = Report(
        _HITS,
        [Line("wheels, level1", found.scores(), interval, n)],
        {"rule": f"hit rate on emotion wheels, {flags['wheel']}"},
        (header, rows),
        resamples=resamples,
        seed=seed,
    )
    if of.against is not None:
        other = wheel.hit_rates(of.labels, of.against, wheels)
        _compare(made, found.statistic, other.statistic, n, flags)
    return made


_KEYS = ("hit", "hit_share")


def _wheel_clips(of: _Input, by_level: Mapping[str, wheel.WheelScores]):
    header = ["name", "labels", "predictions"]
    columns: list[Sequence[Any]] = [
        of.names, list(map(joined, of.labels)), list(map(joined, of.predictions))
    ]  # fmt: skip
    for level, found in by_level.items():
        for name, on in found.wheels.items():
            keys = ("label_sectors", "predicted_sectors", "precision", "recall", "left_out")
            header += [f"{level}_{name}_{key}" for key in keys]
            out = ["" if counts else "no label has a sector" for counts in on.counted]
            columns += [
                list(map(joined, on.labels)), list(map(joined, on.predicted)),
                *(["" if why else float(v) for v, why in zip(values, out, strict=True)]
                  for values in (on.precision, on.recall)),
                out,
            ]  # fmt: skip
    return header, list(zip(*columns, strict=True))


def _dropped(of: _Input, wheels: Wheels) -> dict[str, Any]:
    """How many words of labels and predictions stand in no word list, and fall out by wheel."""
    words = [word for lists_of in (of.labels, of.predictions) for each in lists_of for word in each]
    dropped = {w: sum(wheels.sector(word, w, LEVELS[0]) is None for word in words) for w in wheels}
    unknown = sum(not wheels.known(word) for word in words)
    return {"all": len(words), "unknown": unknown, "dropped": dropped}


def _dropped_note(words: Mapping[str, Any], clips: int, found: wheel.WheelScores) -> str:
    dropped = words["dropped"].values()
    skipped = [clips - int(on.counted.sum()) for on in found.wheels.values()]
    return (
        f"{words['unknown']} of {words['all']} words stand in no word list; by wheel "
        f"{min(dropped)} to {max(dropped)} have no sector, and {min(skipped)} to {max(skipped)} of "
        f"{clips} clips are skipped because no label has one."
    )


def _compare(made: Report, ours, theirs, clips: int, flags: Mapping[str, Any]) -> None:
    if not flags["resamples"]:
        raise InputError("--against needs --resamples above 0")
    scores = resampling.compare(ours, theirs, clips, flags["resamples"], seed=flags["seed"])
    made.comparison = {"against": str(flags["against"]), "scores": scores}


def _add_notes(made: Report, of: _Input, cells: Sequence[Cells], lists_as: str) -> None:
    if "constant" in made.content:
        words = ", ".join(made.content["constant"]) or "none"
        made.notes.append(
            f"Constant list: {words}; the same for every clip, chosen word by word with the labels."
        )
    length = [float(np.mean([len(words) for words in of_all])) for of_all in of[1:3]]
    made.content["mean_length"] = dict(zip(("labels", "predictions"), length, strict=True))
    made.notes.append(f"Words a clip: {length[0]:.2f} in labels, {length[1]:.2f} in predictions.")
    if of.left_out:
        made.notes.append(f"{len(of.left_out)} clips are left out, whose list of labels is empty.")
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
