"""--mode=group_words: every clip's groups by one of four methods, and how they were made."""

import datetime
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import mer_jax
from mer_jax import files
from mer_jax.asking import command, journal, prompts
from mer_jax.asking.command import Counter
from mer_jax.asking.inputs import Input
from mer_jax.asking.run import Question
from mer_jax.errors import InputError, counted, first_few
from mer_jax.scoring import tables, wheel_files, word_files, word_groups

_VERSION = 1  # of the methods below; it changes with what they give


def group(flags: Mapping[str, Any], count: Counter) -> list[str]:
    """Writes the groups and their meta file; gives what is to be printed, a line each."""
    words = _words(flags)
    out = flags["out"]
    method = {"server": _by_server, "wordnet": _by_wordnet, "embedding": _by_embedding,
              "wheel": _by_wheel}[flags["by"]]  # fmt: skip
    groups, meta, said = method(words, flags, count)
    meta = {
        "summary": meta.pop("summary"),
        "method": flags["by"],
        "version": _VERSION,
        **meta,
        "read": {str(flags[key]): tables.sha256(flags[key]) for key in ("labels", "predictions")},
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "package": f"mer_jax {mer_jax.__version__}",
    }
    files.write_json(out.with_suffix(word_files.META), meta)
    files.write_json(out, groups)
    sizes = [len(each) for each in groups.values()]
    said.append(f"{len(groups)} clips, {sum(sizes)} groups: {meta['summary']}.")
    said.append(f"Groups: {out}; how they were made: {out.with_suffix(word_files.META)}")
    said.append(
        f"Score by them: python -m mer_jax.main --mode=score_open --labels={flags['labels']} "
        f"--predictions={flags['predictions']} --synonyms={out}"
    )
    return said


def _words(flags: Mapping[str, Any]) -> dict[str, list[str]]:
    """The distinct words of each labelled clip, of labels and prediction, sorted."""
    labels, predictions = (word_files.read_words(flags[key]) for key in ("labels", "predictions"))
    names = list(labels.cells)
    advice = "give them; a list may be empty"
    tables.check_covered(names, predictions.cells, predictions.path, "a prediction", advice)
    lists_as = flags["lists"] or "mer2024"  # by which the score with groups reads
    both = zip(
        names, labels.words(lists_as, names), predictions.words(lists_as, names), strict=True
    )
    return {
        name: sorted({word.lower() for word in (*first, *second)}) for name, first, second in both
    }


def _by_wheel(words: Mapping[str, list[str]], flags: Mapping[str, Any], _: Counter):
    wheels = wheel_files.read_wheels(flags["wheel"])
    groups = {name: word_groups.by_wheel(of, wheels) for name, of in words.items()}
    return groups, {"summary": f"wheel synonyms of {flags['wheel']}"}, []


def _by_wordnet(words: Mapping[str, list[str]], flags: Mapping[str, Any], _: Counter):
    net = word_groups.read_wordnet(flags["wordnet"], (w for of in words.values() for w in of))
    groups = {name: word_groups.by_pairs(of, net.together) for name, of in words.items()}
    return groups, {"summary": f"WordNet {net.version}", "wordnet": net.version}, []


def _by_embedding(words: Mapping[str, list[str]], flags: Mapping[str, Any], count: Counter):
    encode = word_groups.encoder_of(flags["encoder"])
    every = sorted({word for of in words.values() for word in of})
    vectors = dict(zip(every, encode(every), strict=True)) if every else {}
    groups = {}
    with count("grouping", len(words)) as tick:
        for name, of in words.items():
            groups[name] = []
            if of:
                stacked = np.stack([vectors[word] for word in of])
                groups[name] = word_groups.by_average_link(of, stacked, flags["threshold"])
            tick(1)
    summary = f"cosine of {flags['encoder']}, average link at {flags['threshold']:g}"
    return groups, {"summary": summary, "threshold": flags["threshold"]}, []


def _by_server(words: Mapping[str, list[str]], flags: Mapping[str, Any], count: Counter):
    prompt = prompts.PROMPTS["group"]
    question = Question(prompt, flags["model"], command.parameters_of(flags))
    record = _record_of(flags["out"])
    asked = [
        Input(name, {"words": repr(of)}, (), None, str(flags["labels"]))
        for name, of in words.items()
        if len(of) > 1
    ]
    said: list[str] = []
    found: dict[str, Sequence[Sequence[str]]] = {}
    reported: set[str] = set()
    if asked:
        outcome = command.ask(question, asked, record, 1, flags, count=count)
        said += command.summary(outcome)
        found, reported = _answers_to(question, asked, record)
        lacking = [each.name for each in asked if each.name not in found]
        if lacking:
            raise InputError(
                f"{record}: {counted(len(lacking), 'clip')} without groups: "
                f"{first_few(lacking)}; nothing is "
                "written; the same command with --retry asks for them anew"
            )
    groups, done = {}, {"unknown": 0, "forgotten": 0, "doubled": 0}
    for name, of in words.items():
        clean = word_groups.cleaned(of, found.get(name, ()))
        groups[name] = clean.groups
        for key in done:
            done[key] += len(getattr(clean, key))
    said.append(
        f"{done['unknown']} unknown words are dropped, {done['forgotten']} forgotten ones have a "
        f"group of their own, {done['doubled']} stand in two groups."
    )
    model = ", ".join(sorted(reported)) or flags["model"]
    meta = {
        "summary": f"grouped by {model}, prompt {prompt.id}",
        "model": model,
        "parameters": command.parameters_of(flags),
        "prompt": prompt.id,
        "prompt_sha256": hashlib.sha256(prompt.words.encode()).hexdigest(),
        "words": done,
    }
    return groups, meta, said


def _record_of(out: pathlib.Path) -> pathlib.Path:
    return out.with_suffix(".requests.jsonl")


def _answers_to(question: Question, asked: Sequence[Input], record: pathlib.Path):
    """The groups of the requests as they are now, and the models that the server reported.

    A clip whose words have changed since has an older answer in the record as well.
    """
    lines = {}
    with journal.opened(record) as of:
        for each in asked:
            request = question.identity(question.messages([each]))
            if request in of and of[request]["status"] == journal.OK:
                lines[each.name] = of[request]
    found = {name: line["answers"][0] for name, line in lines.items()}
    reported = {line["model_reported"] for line in lines.values() if line["model_reported"]}
    return found, reported
