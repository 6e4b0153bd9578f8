"""--mode=select: Algorithm 1 by itself, the unlabelled clips that a trained model is sure of."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def select(
    config: ConfigDict, workdir: pathlib.Path, out: pathlib.Path, display: Display = SILENT
) -> None:
    """Algorithm 1: writes the unlabelled clips that pass the threshold of their class."""
    from mer_jax import files
    from mer_jax.data import corpus as corpus_lib
    from mer_jax.evaluation import ensemble, out_of_fold, pseudo_labels
    from mer_jax.evaluation.model import predict_runs, restore
    from mer_jax.task import TRAIN, UNLABELLED
    from mer_jax.training.division import divide
    from mer_jax.workdir import Workdir

    _, model = restore(config, workdir)
    saved = Workdir(workdir).config()
    static = model.static
    corpus = corpus_lib.load(saved, display.count, static.level, static.task, static.framing)
    task = corpus.task
    if UNLABELLED not in corpus.splits or not task.classes or not saved.folds:
        raise InputError(
            "--mode=select needs a corpus with emotions and unlabelled clips, trained with folds"
        )
    samples, folds = divide(saved, corpus)
    pool_split = corpus.splits[UNLABELLED]
    labelled, known = out_of_fold.average(
        ensemble.probabilities(predict_runs(model, samples.features, display, TRAIN)),
        model.kept["repeat"],
        model.kept["fold"],
        folds,
    )
    found = pseudo_labels.select(
        task,
        labelled,
        samples.labels.emotion,
        known & samples.labels.emotion_mask,
        ensemble.probabilities(predict_runs(model, pool_split.features, display, UNLABELLED)).mean(
            0
        ),
        config.select.eta,
    )
    names = pool_split.names[found.row].tolist()
    rows = zip(
        names,
        (task.classes[i] for i in found.emotion),
        map(str, found.confidence),
        (str(found.threshold[i]) for i in found.emotion),
        strict=True,
    )
    files.write_csv(out, pseudo_labels.COLUMNS, rows)
    print(f"{len(names)} of {len(pool_split.names)} unlabelled clips selected: {out}")


def _run(arguments: Arguments) -> None:
    from mer_jax.workdir import Workdir

    out = arguments["out"] or Workdir(arguments.workdir).selected_file
    select(arguments.config, arguments.workdir, out, arguments.display())


MODE = Mode(
    name="select",
    help="Writes the unlabelled clips of which a trained model is sure.",
    run=_run,
    example="--mode=select --workdir=runs/multi --config.select.eta=0.8",
    flags=(flags.OUT_FILE,),
    needs_config=True,
    needs_workdir=True,
)
