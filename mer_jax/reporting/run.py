"""A finished workdir as an object: config, results, history, predictions as columns, figures."""

import functools
import logging
import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from ml_collections import ConfigDict

from mer_jax import metrics
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import label_arrays
from mer_jax.data.arrays import Corpus, Labels, Split
from mer_jax.evaluation import ensemble, history, out_of_fold
from mer_jax.evaluation import model as model_lib
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.evaluation.predicted import Predicted
from mer_jax.progress import SILENT, Display
from mer_jax.task import TRAIN, VALIDATION, Task
from mer_jax.training.division import divide
from mer_jax.training.program import framing_of, level_of
from mer_jax.training.state import Fold, Samples
from mer_jax.workdir import Finished, Workdir

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG = logging.getLogger("mer_jax")
_SAME_ACCURACY = 0.01  # mean distance from the recorded ones; another device rounds otherwise


def load_run(
    workdir: str | os.PathLike[str],
    labels: str | pathlib.Path | None = None,
    config: ConfigDict | None = None,
    display: Display = SILENT,
    corpus: Corpus | None = None,
    predicted: Mapping[str, Predicted] | None = None,
) -> "Run":
    """A finished workdir, such as `load_run("runs/quickstart")`.

    `labels` is a file with labels of test clips that were published later, as for --mode=evaluate.
    `config` says where the features lie now; without it the run's own config.json does.
    `display` shows the progress of predicting. `corpus` is the one that it was trained on, where it
    is loaded already, and `predicted` what `Run.predicted` would give of its splits, where that is
    at hand: these are not predicted again.

    Raises:
      InputError: nothing was trained there, or its files do not agree.
    """
    finished = Workdir(workdir).finished()
    run = Run(
        pathlib.Path(workdir),
        finished,
        finished.config if config is None else config,
        None if labels is None else pathlib.Path(labels),
        display,
    )
    if corpus is not None:
        run.corpus = corpus
    run.take(predicted or {})
    return run


class Run:
    """The content of a workdir; what needs the features or the weights is computed on demand.

    Attributes:
      workdir: the folder.
      config: the configuration that was trained (an ml_collections ConfigDict).
      source: the one that says where the features lie now.
      results: the content of results.json.
    """

    def __init__(
        self,
        workdir: pathlib.Path,
        finished: Finished,
        source: ConfigDict,
        labels: pathlib.Path | None,
        display: Display,
    ):
        self.workdir = workdir
        self.config = finished.config
        self.results: dict[str, Any] = finished.results
        self.trial = finished.trial
        self.sizes = finished.sizes
        self.task: Task = finished.task
        self.metrics = metrics.shown(self.task, source.evaluate.metrics)
        self.source = source
        self._labels = labels
        self._display = display
        self._predicted: dict[str, Predicted] = {}

    @functools.cached_property
    def history(self) -> dict[str, np.ndarray]:
        """history.csv by column, a value a run and epoch: repeat, fold, epoch and every curve."""
        return history.read(Workdir(self.workdir).history_file)

    @property
    def has_history(self) -> bool:
        """Whether there is a history.csv, which the first versions did not write."""
        return Workdir(self.workdir).history_file.is_file()

    @functools.cached_property
    def predictions(self) -> dict[str, "Columns"]:
        """By split the columns of its N clips, those that the task lacks left out.

        `name` str, `discrete` str, the probability of each class float32 under its name, `valence`
        float32; and what is known: `true_discrete` str, empty where it is not, `true_valence`
        float32, NaN where it is not. Targets are in the valence's place, each under its name.
        `probabilities` are those of all classes together: float32
        [N, C] in the order of `task.classes`. `pandas.DataFrame` takes the columns.

        `train` (with `config.folds` of 0: `val`) is predicted out of fold, each clip by the runs
        that validated on it; the test splits by the ensemble of all.
        """
        return {name: self._columns(self.predicted(name)) for name in self.splits}

    @functools.cached_property
    def figures(self) -> "dict[str, Figure]":
        """The report's figures by name, such as `confusion_train`, to be shown in a notebook."""
        from mer_jax.reporting import figures

        return {name: picture.figure for name, picture in figures.draw(self).items()}

    @property
    def out_of_fold(self) -> str:
        """The split that training validated on: `train`, or `val` where `config.folds` is 0."""
        return TRAIN if self.config.folds else VALIDATION

    @functools.cached_property
    def splits(self) -> list[str]:
        """The splits that can be predicted: out of fold first, then the test splits."""
        own = [self.out_of_fold] if self._validated is not None else []
        return own + list(self._test_splits)

    @functools.cached_property
    def labelled_splits(self) -> list[str]:
        """Those of `splits` of which an emotion or a valence is known."""
        known = {self.out_of_fold: True} | {
            name: bool(split.labels.known.any()) for name, split in self._test_splits.items()
        }
        return [name for name in self.splits if known[name]]

    def labels(self, split: str) -> Labels:
        """What is known of a split's clips, with the labels that came later."""
        return self._test_splits.get(split, self.corpus.splits[split]).labels

    def predicted(self, split: str) -> Predicted:
        """The predictions of one of `splits`, computed once."""
        if split not in self._predicted:
            if split == self.out_of_fold:
                self._predicted[split] = self._validated
            else:
                self._predicted[split] = self._ensemble(self._test_splits[split], split)
        return self._predicted[split]

    def take(self, predicted: Mapping[str, Predicted]) -> None:
        """Takes what is predicted of splits, in place of predicting them."""
        self._predicted |= predicted
        if self.out_of_fold in predicted:
            self._validated = predicted[self.out_of_fold]

    @functools.cached_property
    def corpus(self) -> Corpus:
        """The corpus that was trained on; its datasets are built where they are absent."""
        source = Workdir(self.workdir).standardised(self.source)
        return corpus_lib.load(
            source, self._display.count, level_of(source), self.task, framing_of(source)
        )

    @functools.cached_property
    def best_epochs(self) -> dict[tuple[int, int], int]:
        """The chosen epoch by repeat and fold, failed runs left out."""
        return {key: run["best_epoch"] for key, run in self._runs.items()}

    @functools.cached_property
    def _runs(self) -> dict[tuple[int, int], dict[str, Any]]:
        """What results.json says of the best trial's runs, by repeat and fold."""
        best = self.results["best"].items()
        return {
            (run["repeat"], run["fold"]): run
            for run in self.results["runs"]
            if run["status"] == "ok" and all(run["hparams"].get(k) == v for k, v in best)
        }

    @functools.cached_property
    def _model(self) -> model_lib.Model:
        return model_lib.restore(self.source, self.workdir)[1]

    @functools.cached_property
    def _test_splits(self) -> dict[str, Split]:
        splits = model_lib.test_splits(self.config, self.corpus)
        if self._labels is None:
            return splits
        rules = label_arrays.rules_of(self.config)
        return label_arrays.given_labels(self.corpus, self._labels, splits, rules)

    def _ensemble(self, split: Split, name: str) -> Predicted:
        predictions = model_lib.predict_runs(self._model, split.features, self._display, name)
        return Predicted(split.names, ensemble.average(predictions), split.labels)

    def fold_of(self, names: np.ndarray) -> np.ndarray:
        """The fold of the first repeat that validated each of some clips: int [N], -1 for none."""
        _, folds = self._divided
        own = self._names_divided
        of_clip = dict(zip(own.tolist(), out_of_fold.fold_of(folds, len(own)), strict=True))
        return np.array([of_clip[name] for name in names.tolist()])

    @functools.cached_property
    def _divided(self) -> tuple[Samples, dict[tuple[int, int], Fold]]:
        return divide(self.config, self.corpus)

    @property
    def _names_divided(self) -> np.ndarray:
        """The names of the samples that training divided: train's, then those of its val split."""
        names = self.corpus.splits[TRAIN].names
        if self.config.folds:
            return names
        return np.concatenate([names, self.corpus.splits[VALIDATION].names])

    @functools.cached_property
    def _validated(self) -> Predicted | None:
        """Each clip predicted by the runs that validated on it; None if the corpus has changed."""
        samples, folds = self._divided
        of_runs = model_lib.predict_runs(
            self._model, samples.features, self._display, self.out_of_fold
        )
        repeat, fold = self._model.kept["repeat"], self._model.kept["fold"]
        if not self._same_folds(of_runs, samples.labels, folds):
            LOG.warning(
                "%s: its weights were trained on other clips of %s than the dataset has now, so "
                "nothing is predicted out of fold", self.workdir, TRAIN,
            )  # fmt: skip
            return None
        predictions, known = out_of_fold.validated(of_runs, repeat, fold, folds)
        return Predicted(self._names_divided[known], predictions, samples.labels.rows(known))

    def _same_folds(self, of_runs: Predictions, labels: Labels, folds) -> bool:
        """Whether the runs' scores on their validation rows equal the recorded ones.

        The hash of the datasets does not decide it: labels of test clips may have been added.
        """
        recorded = Workdir(self.workdir).record()["dataset"]
        if recorded == self.corpus.fingerprint:
            return True
        name = "acc" if self.task.classes else "mae"
        distances = []
        keys = zip(
            self._model.kept["repeat"].tolist(), self._model.kept["fold"].tolist(), strict=True
        )
        for run, key in enumerate(keys):
            rows = out_of_fold.validation_rows(folds[key])
            emotion, valence = (None if x is None else x[run, rows] for x in of_runs[:2])
            weight = np.ones(len(rows), np.float32)
            found = metrics.compute(
                self.task, emotion, valence, labels.rows(rows), weight, only=(name,)
            )
            distances.append(abs(float(found[name]) - self._runs[key]["validation"][name]))
        return float(np.mean(distances)) <= _SAME_ACCURACY

    def _columns(self, predicted: Predicted) -> "Columns":
        columns = Columns(self.task.classes)
        columns["name"] = predicted.names
        if self.task.classes:
            classes, labels = np.array(self.task.classes), predicted.labels
            columns["discrete"] = classes[predicted.predictions.emotion.argmax(-1)]
            columns |= zip(self.task.classes, predicted.probability.T, strict=True)
            columns["true_discrete"] = np.where(labels.emotion_mask, classes[labels.emotion], "")
        for number, name in enumerate(self.task.numbers):
            of = predicted.of_target(number) if self.task.targets else predicted
            columns[name] = of.predictions.valence
            known = of.labels.valence_mask
            columns[f"true_{name}"] = np.where(known, of.labels.valence, np.nan)
        return columns


class Columns(dict[str, np.ndarray]):
    """Columns of N clips by name, 1-D each; `probabilities` puts those of the classes together."""

    def __init__(self, classes: tuple[str, ...]):
        super().__init__()
        self._classes = classes

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (name == "probabilities" and bool(self._classes))

    def __missing__(self, name: str) -> np.ndarray:
        if name in self:
            return np.stack([self[of_class] for of_class in self._classes], 1)
        raise KeyError(name)
