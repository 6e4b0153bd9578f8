"""The report of --mode=score_deepfake: ADD 2023's three tracks."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mer_jax import resampling
from mer_jax.errors import InputError, first_few
from mer_jax.scoring import deepfake, deepfake_files, tables
from mer_jax.scoring.report import Column, Line, Report

TASKS = ("fg", "rl", "ar")
_EER = (Column("eer", "EER"),)
_REGIONS = (
    Column("score", "Score"),
    Column("sentence_accuracy", "Accuracy"),
    Column("f1", "Segment F1"),
    Column("precision", "Precision"),
    Column("recall", "Recall"),
)
_CLASSES = (
    Column("macro_f1", "Macro F1"),
    Column("known_macro_f1", "Known classes"),
    Column("unknown_f1", "Unknown"),
    Column("accuracy", "Accuracy"),
)


def report(flags: Mapping[str, Any]) -> Report:
    """The report of the mode's flags, by name; InputError says what is wrong in which file."""
    made = {"fg": _eer, "rl": _regions, "ar": _classes}[flags["task"]](flags)
    keys = ("labels", "predictions", "labels2", "predictions2")
    made.read = [path for key in keys if (path := flags[key])]
    made.resamples, made.seed = flags["resamples"], flags["seed"]
    return made


def _pair(
    read_labels: Callable,
    read_predictions: Callable,
    labels: pathlib.Path,
    predictions: pathlib.Path,
) -> tuple[dict, dict, list[str]]:
    """Both files by name, the predictions' in the order of the labels, and what is to be told."""
    truth, guess = read_labels(labels), read_predictions(predictions)
    tables.check_covered(truth, guess, predictions, "a prediction", f"{labels} lists them")
    extra = [name for name in guess if name not in truth]
    notes = []
    if extra:
        notes.append(
            f"{len(extra)} predictions have no label and do not count: {first_few(extra)}."
        )
    return truth, {name: guess[name] for name in truth}, notes


def _weights(text: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        first = second = -1.0
    if not (first >= 0 and second >= 0 and abs(first + second - 1) < 1e-9):
        raise InputError(f"--weights={text}: expected two numbers whose sum is 1, such as 0.4,0.6")
    return first, second


def _eer(flags: Mapping[str, Any]) -> Report:
    rounds = [(flags["labels"], flags["predictions"])]
    if flags["labels2"]:
        rounds.append((flags["labels2"], flags["predictions2"]))
    made = Report(_EER, [], {"rule": "ADD 2023 track 1.2, weighted EER"}, (_FG_HEADER, []))
    drawn = []
    for number, paths in enumerate(rounds, start=1):
        truth, scores, notes = _pair(deepfake_files.read_keys, deepfake_files.read_scores, *paths)
        made.notes += notes
        is_genuine = np.array(list(truth.values()))
        values = np.array(list(scores.values()))
        if is_genuine.all() or not is_genuine.any():
            raise InputError(f"{paths[0]}: needs genuine and fake utterances, all are one kind")
        found = deepfake.equal_error_rate(values[is_genuine], values[~is_genuine])
        errors = deepfake.ErrorRates(is_genuine, values)
        of = {}
        if flags["resamples"]:
            of = resampling.scores(
                errors.statistic, len(truth), flags["resamples"], flags["seed"] + number - 1
            )
            drawn.append(of["eer"])
        interval = {name: resampling.interval(each) for name, each in of.items()}
        made.lines.append(Line(f"round {number}", {"eer": found.eer}, interval, len(truth)))
        made.content[f"round {number}"] = found._asdict()
        made.clips[1].extend(
            [number, name, "genuine" if real else "fake", float(value)]
            for name, real, value in zip(truth, is_genuine, values, strict=True)
        )
        if found.eer > 0.5:
            made.warnings.append(
                f"the EER of round {number} is above 50 %: are the scores the other way round? A "
                "higher score means more genuine"
            )
    if len(rounds) > 1:
        weights = _weights(flags["weights"])
        eers = [line.values["eer"] for line in made.lines]
        weighted = sum(w * eer for w, eer in zip(weights, eers, strict=True))
        mixed = sum(w * of for w, of in zip(weights, drawn, strict=False)) if drawn else None
        interval = {} if mixed is None else {"eer": resampling.interval(mixed)}
        made.lines.append(Line("weighted", {"eer": weighted}, interval))
        made.content["weights"] = list(weights)
    return made


_FG_HEADER = ["round", "name", "label", "score"]


def _regions(flags: Mapping[str, Any]) -> Report:
    read = deepfake_files.read_regions
    truth, guess, notes = _pair(read, read, flags["labels"], flags["predictions"])
    names = list(truth)
    found = deepfake.score_regions(list(truth.values()), list(guess.values()))
    n = len(names)
    interval = resampling.intervals(found.statistic, n, flags["resamples"], flags["seed"])
    seconds = {
        name: float(of.sum()) for name, of in zip(("tp_s", "fp_s", "fn_s"), found[1:], strict=True)
    }
    made = Report(
        _REGIONS,
        [Line("track 2", found.scores(), interval, n)],
        {
            "rule": "ADD 2023 track 2: 0.3 sentence accuracy + 0.7 segment F1, durations pooled",
            **seconds,
            "f1_mean_over_utterances_with_fake_in_either": found.mean_f1(),
        },
        (
            ["name", "flag_right", "tp_s", "fp_s", "fn_s"],
            [
                [name, int(agree), *map(float, of)]
                for name, agree, *of in zip(names, *found, strict=True)
            ],
        ),
        notes=notes,
    )
    if found.mean_f1() is None:
        made.warnings.append(
            "neither the labels nor the predictions hold anything fake, so F1 and the score are "
            "undefined"
        )
    else:
        mean = f"{100 * found.mean_f1():.2f}"
        made.notes.append(f"Segment F1, mean over utterances with fake in either: {mean}.")
    made.warnings += _segment_warnings("labels", truth, truth)
    made.warnings += _segment_warnings("predictions", guess, truth)
    return made


def _segment_warnings(
    what: str, of: Mapping[str, deepfake.Utterance], truth: Mapping[str, deepfake.Utterance]
) -> list[str]:
    """What is wrong with segments, by kind, with the names."""
    by_fault: dict[str, list[str]] = {}
    for name, utterance in of.items():
        for fault in deepfake.segment_faults(utterance, truth[name].end):
            kind = "ends elsewhere than the truth" if fault.startswith("ends at") else fault
            by_fault.setdefault(kind, []).append(f"{name} ({fault})" if kind != fault else name)
    return [
        f"{what}: {kind}, in {len(names)} utterances: {first_few(names)}"
        for kind, names in by_fault.items()
    ]


def _classes(flags: Mapping[str, Any]) -> Report:
    read = deepfake_files.read_classes
    truth, guess, notes = _pair(read, read, flags["labels"], flags["predictions"])
    found = deepfake.score_recognition(list(truth.values()), list(guess.values()))
    resamples, seed = flags["resamples"], flags["seed"]
    interval: dict[str, Sequence[float] | None] = {}
    if resamples:  # as many of each pair of classes as a drawing of the clips would hold
        share = found.matrix.ravel() / found.matrix.sum()
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(len(truth), share, resamples).reshape(-1, *found.matrix.shape)
        of = found.statistic(drawn.astype(np.float64))
        interval = {name: resampling.interval(values) for name, values in of.items()}
    by_class = found.f1_by_class()
    rows = [[name, truth[name], guess[name], int(truth[name] == guess[name])] for name in truth]
    made = Report(
        _CLASSES,
        [Line("track 3", found.scores(), interval, len(truth))],
        {
            "rule": "ADD 2023 track 3: macro F1 over the classes that occur; 7 is unknown",
            "f1_by_class": by_class,
            "confusion": found.matrix.tolist(),
        },
        (["name", "label", "a prediction", "right"], rows),
        notes=notes,
    )
    occurs = found.matrix.sum(0) + found.matrix.sum(1) > 0
    cells = (
        f"{name} {100 * value:.2f}" if there else f"{name} -"
        for (name, value), there in zip(by_class.items(), occurs, strict=True)
    )
    made.notes.append(f"F1 by class: {', '.join(cells)}.")
    return made
