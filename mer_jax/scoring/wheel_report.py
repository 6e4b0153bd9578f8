"""The part of --mode=score_open that scores by emotion wheels, and by AffectGPT's hit rate."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mer_jax import resampling
from mer_jax.errors import InputError, counted, first_few
from mer_jax.scoring import constant, wheel, wheel_files
from mer_jax.scoring.report import Column, Line, Report, add_comparison, joined
from mer_jax.scoring.wheel import LEVELS, Wheels, WheelScores
from mer_jax.scoring.word_files import Clips

_WHEEL = (Column("f1", "F1"), Column("precision", "Precision"), Column("recall", "Recall"))
_HITS = (Column("hit_rate", "Hit rate"), Column("hit_share", "Hit share"))
_MEAN = "mean of both levels"


def report(flags: Mapping[str, Any], of: Clips, wheels: Wheels) -> Report:
    """The report of clips on wheels; InputError where the hit rate has not one label a clip."""
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
        lines.append(Line(_MEAN, mean))
    best = constant.constant_for_wheels(of.labels, wheels, chosen[0])
    baseline = wheel.score_wheels(of.labels, [best] * n, wheels, chosen[0])
    lines.append(Line(f"constant list, {chosen[0]}", baseline.scores()))
    made = Report(
        _WHEEL,
        lines,
        {"rule": f"emotion wheels, {flags['wheel']}", "constant": list(best)} | _versions(wheels),
        _wheel_clips(of, by_level),
        resamples=resamples,
        seed=seed,
    )
    made.content["words"] = _dropped(of, wheels)
    made.notes.append(_dropped_note(made.content["words"], n, by_level[chosen[0]]))
    if of.against is not None:
        _compare_levels(made, of, wheels, by_level, flags)
    return made


def _versions(wheels: Wheels) -> dict[str, Any]:
    """What scores.json says of the maps."""
    return {"maps": wheel_files.version_of(wheels)}


def _compare_levels(
    made: Report,
    of: Clips,
    wheels: Wheels,
    by_level: Mapping[str, WheelScores],
    flags: Mapping[str, Any],
) -> None:
    """Adds the comparison at every level, and that of their mean where there are several."""
    others = {lv: wheel.score_wheels(of.labels, of.against, wheels, lv) for lv in by_level}
    pairs = {level: (by_level[level].statistic, others[level].statistic) for level in by_level}
    if len(pairs) > 1:
        pairs[_MEAN] = tuple(_mean_of(levels.values()) for levels in (by_level, others))
    found = {}
    for level, (ours, theirs) in pairs.items():
        add_comparison(made, ours, theirs, len(of.names), flags)
        found[level] = made.comparison["scores"]
    made.comparison |= {"scores": next(iter(found.values())), "levels": found}


def _mean_of(levels: Iterable[WheelScores]) -> resampling.Statistic:
    """The mean of the levels' scores, resample by resample."""
    levels = tuple(levels)

    def statistic(counts_RxN: np.ndarray) -> dict[str, np.ndarray]:
        found = [level.statistic(counts_RxN) for level in levels]
        return {key: np.mean([of[key] for of in found], axis=0) for key in found[0]}

    return statistic


def _of_hits(flags: Mapping[str, Any], of: Clips, wheels: Wheels) -> Report:
    many = [name for name, labels in zip(of.names, of.labels, strict=True) if len(labels) != 1]
    if many:
        raise InputError(
            f"{flags['labels']}: {counted(len(many), 'clip')} without exactly one label, which "
            f"--hit_rate needs: {first_few(many)}"
        )
    n, resamples, seed = len(of.names), flags["resamples"], flags["seed"]
    found = wheel.hit_rates(of.labels, of.predictions, wheels)
    interval = resampling.intervals(found.statistic, n, resamples, seed)
    header = ["name", "labels", "predictions", *(f"{key}_{w}" for w in wheels for key in _KEYS)]
    rows = []
    for i, name in enumerate(of.names):
        values = [of_key[w][i] for w in wheels for of_key in (found.hits, found.shares)]
        counts = [found.counted[w][i] for w in wheels for _ in _KEYS]
        cells = [v if c else "" for v, c in zip(values, counts, strict=True)]
        rows.append([name, joined(of.labels[i]), joined(of.predictions[i]), *cells])
    made = Report(
        _HITS,
        [Line("wheels, level1", found.scores(), interval, n)],
        {"rule": f"hit rate on emotion wheels, {flags['wheel']}"} | _versions(wheels),
        (header, rows),
        resamples=resamples,
        seed=seed,
    )
    if of.against is not None:
        other = wheel.hit_rates(of.labels, of.against, wheels)
        add_comparison(made, found.statistic, other.statistic, n, flags)
    return made


_KEYS = ("hit", "hit_share")


def _wheel_clips(of: Clips, by_level: Mapping[str, WheelScores]):
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


def _dropped(of: Clips, wheels: Wheels) -> dict[str, Any]:
    """How many words of labels and predictions stand in no word list, and fall out by wheel."""
    words = [word for lists_of in (of.labels, of.predictions) for each in lists_of for word in each]
    dropped = {w: sum(wheels.sector(word, w, LEVELS[0]) is None for word in words) for w in wheels}
    unknown = sum(not wheels.known(word) for word in words)
    return {"all": len(words), "unknown": unknown, "dropped": dropped}


def _dropped_note(words: Mapping[str, Any], clips: int, found: WheelScores) -> str:
    dropped = words["dropped"].values()
    skipped = [clips - int(on.counted.sum()) for on in found.wheels.values()]
    return (
        f"{words['unknown']} of {words['all']} words stand in no word list; by wheel "
        f"{min(dropped)} to {max(dropped)} have no sector, and {min(skipped)} to {max(skipped)} of "
        f"{clips} clips are skipped because no label has one."
    )
