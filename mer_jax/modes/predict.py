"""--mode=predict: what the kept weights of a workdir predict for any folder of features."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def predict(
    config: ConfigDict, workdir: pathlib.Path, out: pathlib.Path, display: Display = SILENT
) -> None:
    """Writes the prediction of every clip in config.data.root's features, labelled or not."""
    from mer_jax.data import corpus as corpus_lib
    from mer_jax.data import folder
    from mer_jax.evaluation import ensemble, submission
    from mer_jax.evaluation.model import predict_runs, restore

    _, model = restore(config, workdir)
    if not config.data.root:
        raise InputError("--mode=predict needs --config.data.root, the folder that holds features/")
    names, features = folder.read(
        pathlib.Path(config.data.root),
        corpus_lib.modalities(config),
        count=display.count,
        level=model.static.level,
        bad=config.data.bad,
        missing=config.data.missing,
        lists_beside=out,
    )
    together = ensemble.average(predict_runs(model, features, display, config.data.root))
    submission.write(out, names, together, model.static.task, config.evaluate.probabilities)
    print(f"{len(names)} predictions: {out}")


def _run(arguments: Arguments) -> None:
    from mer_jax.workdir import Workdir

    out = arguments["out"] or Workdir(arguments.workdir).predicted_file
    predict(arguments.config, arguments.workdir, out, arguments.display())


MODE = Mode(
    name="predict",
    help="Predicts every clip of a folder of features, labelled or not.",
    run=_run,
    example="--mode=predict --workdir=runs/multi --config.data.root=other --out=other.csv",
    flags=(flags.OUT_FILE,),
    needs_config=True,
    needs_workdir=True,
)
