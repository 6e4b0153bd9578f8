"""The model that a workdir has trained, read back, and what each of its runs predicts."""

import os
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from mer_jax.data import corpus as corpus_lib
from mer_jax.data import rows as rows_lib
from mer_jax.data.arrays import Corpus, Split
from mer_jax.data.rows import Rows
from mer_jax.data.standardise import Columns
from mer_jax.errors import InputError
from mer_jax.evaluation import ensemble
from mer_jax.progress import Display
from mer_jax.task import VALIDATION, Task
from mer_jax.training import program
from mer_jax.training import sizes as sizes_lib
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.program import HParams, Static
from mer_jax.workdir import Workdir


class Model(NamedTuple):
    """The kept weights of a workdir and what it takes to predict with them."""

    static: Static
    hparams: HParams
    kept: dict[str, Any]
    sizes: dict[str, int]  # of the features, by modality
    batch_size: int

    @property
    def columns(self) -> Columns:
        """Train's mean and deviation where clips are standardised by group; empty: they are not."""
        kept = self.kept.get("columns", {})
        return {m: (mean[0], deviation[0]) for m, (mean, deviation) in kept.items()}


def restore(config: ConfigDict, workdir: os.PathLike[str]) -> tuple[dict[str, Any], Model]:
    """The results and the model of a workdir, by its own config.json.

    Of `config` only what predicting takes is used: no override changes the model.
    """
    place = Workdir(workdir)
    saved, sizes, results, trial, task = place.finished()
    model = of_trial(saved, trial, task, sizes, Checkpoints(place).restore_kept())
    if not sizes_lib.fits(model.static, sizes, model.kept):
        raise InputError(
            f"{place}: the kept weights are not of the model that {place.config_file.name} and "
            f"{place.results_file.name} name, so they are of different trainings; use another "
            "--workdir"
        )
    return results, model._replace(batch_size=config.evaluate.batch_size)


def of_trial(
    config: ConfigDict,
    trial: dict[str, Any],
    task: Task,
    sizes: dict[str, int],
    kept: dict[str, Any],
) -> Model:
    """The model of a trial of a config's grid and its kept weights."""
    static = program.static_of(config, trial, tuple(corpus_lib.modalities(config)), task)
    hparams = program.hparams_of(trial)
    return Model(static, hparams, kept, sizes, config.evaluate.batch_size)


def predict_runs(
    model: Model, features: dict[str, Rows], display: Display, what: str
) -> ensemble.Predictions:
    """What each kept run predicts for N clips; InputError where the features' sizes differ.

    `display` shows the progress of `what`, which names the clips.
    """
    sizes = rows_lib.sizes(features)
    if sizes != model.sizes:
        raise InputError(f"features of sizes {sizes}; the weights were trained on {model.sizes}")
    sizes_lib.check_lengths(model.static, features, model.kept)
    clips = rows_lib.count(features)
    with display.count(f"predicting {what}", clips) as tick:
        return ensemble.predict(
            model.static, model.hparams, model.kept, features, model.batch_size, tick
        )


def test_splits(config: ConfigDict, corpus: Corpus) -> dict[str, Split]:
    """The splits that are predicted: without the one that training chose its epochs by."""
    return corpus.test_splits(without=None if config.folds else VALIDATION)
