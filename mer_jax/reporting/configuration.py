"""The section of a report that says what was trained, on what, and how."""

import inspect
from collections.abc import Mapping
from typing import Any

from mer_jax.corpora import TABLE
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import left_out, standardise
from mer_jax.errors import counted
from mer_jax.metrics import METRICS
from mer_jax.models.fusion import FUSIONS
from mer_jax.reporting.document import Section, Table
from mer_jax.reporting.drawing import Picture
from mer_jax.reporting.run import Run

_STANDARDISED = {
    False: "raw",
    True: "each column standardised on its training fold",
    standardise.ALL: "each column standardised on all clips of train and pool",
    standardise.GROUP: "each group's clips standardised by their own columns",
}


def section(run: Run, _: Mapping[str, Picture]) -> Section:
    """The corpus, the features, the model and how it was trained, a row each."""
    config, trial = run.config, run.trial
    fusion = FUSIONS[trial["model.fusion"]]
    meaning = (inspect.getmodule(fusion).__doc__ or "").strip().partition("\n")[0]
    sets = ", ".join(
        f"{modality} {name} (size {run.sizes[modality]})"
        for modality, name in corpus_lib.modalities(config).items()
    )
    scaled = _STANDARDISED[config.data.standardise]
    trials = len(run.results["runs"]) // (config.repeats * max(config.folds, 1))
    rounds = f"{config.folds} folds of train" if config.folds else "the split val validates"
    if config.data.group_folds:
        groups = "groups" if config.data.corpus == TABLE.name else "videos or dialogues"
        rounds += f", whole {groups} in one"
    rows = [
        ("Corpus", f"{config.data.corpus}; {_clips(run)}"),
        ("Features", f"{sets}; {scaled}"),
        ("Model", f"{_settings(trial, 'model.')}: {meaning}"),
        (
            "Training",
            f"{config.train.epochs} epochs of Adam in batches of {config.train.batch_size}; "
            + _settings(trial, "train."),
        ),
    ]
    if "semi.method" in trial:
        tests = "; test clips among them (transductive)" if config.semi.transductive else ""
        rows.append(("Unlabelled clips", _settings(trial, "semi.") + tests))
    if count := config.data.labelled_per_class:
        kept = f"{counted(count, 'clip')} of each class"
        verb = "keeps its label" if count == 1 else "keep their labels"
        rows.append(("Hidden labels", f"exactly {kept} {verb}, drawn anew in each repeat"))
    if config.data.labelled_fraction != 1:
        share = config.data.labelled_fraction
        kept = f"{share:g} of train" if share < 1 else f"{share:g} clips of each class"
        rows.append(("Hidden labels", f"only {kept} keeps its label, drawn anew in each repeat"))
    if absent := run.results.get("left_out"):
        rows.append(("Left out", "; ".join(map(_left_out, absent))))
    rows += [
        ("Validation", f"{rounds}; {counted(config.repeats, 'repeat')}; seed {config.seed}"),
        (
            "Choice",
            f"{counted(len(run.results['runs']), 'run')} of {counted(trials, 'trial')}; each run's "
            f"epoch and the trial by validation {METRICS[run.task.selection].title}",
        ),
    ]
    return Section("Configuration", [Table(("Part", "What was trained"), rows, words=True)])


def _left_out(entry: Mapping[str, Any]) -> str:
    """One entry of results.json's `left_out` in words."""
    reason = {
        left_out.BAD: "with a bad file in",
        left_out.MISSING: "without features in",
        left_out.COPY: "by name copies or statistics in",
    }.get(entry["reason"], entry["reason"])
    zeros = ", filled with zeros" if entry["handled"] == left_out.ZERO else ""
    return (
        f"{counted(entry['clips'], 'clip')} of {entry['split']} {reason} {entry['features']}{zeros}"
    )


def _clips(run: Run) -> str:
    """How many clips each split has, and how many of them have a label."""
    parts = []
    for name, split in run.corpus.splits.items():
        labels = run.labels(name)
        known = int(labels.known.sum())
        labelled = "" if known == len(split.names) else f" ({known:,} labelled)"
        parts.append(f"{name} {len(split.names):,}{labelled}")
    return "clips: " + ", ".join(parts)


def _settings(trial: Mapping[str, Any], prefix: str) -> str:
    """`hidden 128, dropout 0.3`: a trial's settings of one part of the config."""
    return ", ".join(
        f"{key.removeprefix(prefix).replace('_', ' ')} {value}"
        for key, value in trial.items()
        if key.startswith(prefix)
    )
