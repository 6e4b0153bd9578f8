"""--mode=ensemble: the predictions of several trained workdirs together."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mer_jax.errors import InputError, counted
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode
from mer_jax.progress import SILENT, Display
from mer_jax.ways import MEAN, WAYS

if TYPE_CHECKING:
    import numpy as np
    from ml_collections import ConfigDict

    from mer_jax.evaluation.combining import Split
    from mer_jax.reporting.run import Run

LOG = logging.getLogger("mer_jax")


def ensemble(
    config: ConfigDict,
    workdir: pathlib.Path,
    folders: Sequence[pathlib.Path],
    labels: pathlib.Path | None,
    display: Display = SILENT,
    *,
    combine: str = MEAN,
) -> None:
    """Brings the members' predictions together; writes predictions, weights and scores.

    `combine` is one of `WAYS`. Of `config` only evaluate.*, the seed, and the number of folds are
    used: what a member is stands in its own workdir. Test splits are predicted by each member's
    kept weights. How much a member counts is chosen by what it predicts out of fold, where each
    clip is predicted by what was chosen on the other folds.
    """
    from mer_jax import files, metrics
    from mer_jax.corpora import SYNTHETIC
    from mer_jax.evaluation import combining, submission, terminal
    from mer_jax.evaluation import members as members_lib
    from mer_jax.reporting.run import load_run
    from mer_jax.workdir import Workdir

    place = Workdir(workdir)
    if place.config_file.exists():
        raise InputError(f"{workdir} holds a training; use another --workdir for the ensemble")
    runs = {str(folder): load_run(folder, labels, display=display) for folder in folders}
    members_lib.check_tasks({name: run.task for name, run in runs.items()})
    first = next(iter(runs.values()))
    splits = {name: of for name in first.splits if (of := _split(runs, name)) is not None}
    if not splits:
        raise InputError(f"{', '.join(runs)}: there is no split that all members predict")
    judged, validated = None, splits.get(first.out_of_fold)
    are_validated = validated is not None and validated.out_of_fold
    if combine != MEAN and not are_validated:
        raise InputError(
            f"--combine={combine} chooses by clips that all members predict out of fold, and "
            f"there are none; use --combine={MEAN}"
        )
    if are_validated:
        try:
            judged = _folds(list(runs.values()), validated.names, config)
        except InputError as error:
            if combine != MEAN:
                raise
            LOG.info("the mean has no temperature: %s", error)
    found = combining.combine(
        first.task, combine, splits, None if combine == MEAN else judged,
        resamples=config.evaluate.bootstrap, seed=config.seed, judged=judged,
    )  # fmt: skip
    for name, predictions in found.predictions.items():
        path = place.predictions_file(name)
        submission.write(
            path, splits[name].names, predictions, first.task, config.evaluate.probabilities
        )
    content = combining.content(list(runs), combine, found, config.evaluate.bootstrap)
    files.write_json(place.ensemble_file, content)
    wanted = metrics.shown(first.task, config.evaluate.metrics)
    is_synthetic = any(run.config.data.corpus == SYNTHETIC for run in runs.values())
    print(terminal.ensemble(content, wanted, is_synthetic))
    print(f"Scores: {place.ensemble_file}; predictions: {place.predictions}")


def _split(runs: Mapping[str, Run], name: str) -> Split | None:
    """What the runs predict of a split; None, with a line in the log, where not all do.

    Raises InputError where the clips of a test split are not the same. Out of fold they may differ:
    those that all predict count.
    """
    import numpy as np

    from mer_jax.evaluation.combining import Split
    from mer_jax.evaluation.members import Member, difference, shared

    for workdir, run in runs.items():
        if name not in run.splits:
            LOG.info("%s is left out: %s does not predict it", name, workdir)
            return None
    predicted = {workdir: run.predicted(name) for workdir, run in runs.items()}
    members = [Member(workdir, of.names, of.predictions) for workdir, of in predicted.items()]
    is_validated = all(run.out_of_fold == name for run in runs.values())
    sentence = difference(members)
    if sentence is not None and not is_validated:
        raise InputError(f"{name}: {sentence}")
    names, predictions = shared(members)
    if sentence is not None:
        LOG.info("%s, out of fold: the members share %s, which count", name,
                 counted(len(names), "clip"))  # fmt: skip
    if not len(names):
        return None
    first = next(iter(predicted.values()))
    labels = first.rows(np.isin(first.names, names)).labels
    return Split(names, predictions, labels, is_validated)


def _folds(runs: Sequence[Run], names: np.ndarray, config: ConfigDict) -> np.ndarray:
    """The fold of each clip, on whose labels no weights rest that predict it: int [N].

    The members' own where they agree, in their first repeat; else folds drawn anew, of whole groups
    where any member's are.
    """
    from mer_jax.data import folds, table

    of_runs = [run.fold_of(names) for run in runs]
    if runs[0].config.folds and all((of == of_runs[0]).all() for of in of_runs):
        return of_runs[0]
    LOG.info(
        "the members validated in different folds; they are judged together in %d other folds",
        config.folds,
    )
    if not config.folds:
        raise InputError("config.folds is 0, and members are chosen in folds; set it to 2 or more")
    info = runs[0].corpus.info
    by_group = any(run.corpus.info.folds_by_group(run.config.data.group_folds) for run in runs)
    groups = table.groups_of(info, names.tolist()) if by_group else None
    return folds.assign(names, config.folds, config.seed, 0, groups)


def _folders(given: Sequence[str]) -> list[pathlib.Path]:
    """The members that --members lists, at commas and however often it is given."""
    parts: list[str] = []
    for text in given:  # a folder's own name may hold a comma
        parts += [text] if pathlib.Path(text).is_dir() else filter(None, text.split(","))
    folders = [pathlib.Path(part.strip()).expanduser() for part in parts]
    twice = [folder for folder in folders if folders.count(folder) > 1]
    if twice:
        raise InputError(f"--members lists {twice[0]} twice")
    if len(folders) < 2:
        raise InputError("--members needs two workdirs or more, such as runs/a,runs/b")
    return folders


def _run(arguments: Arguments) -> None:
    folders = _folders(arguments["members"])
    ensemble(
        arguments.config,
        arguments.workdir,
        folders,
        arguments["labels"],
        arguments.display(),
        combine=arguments["combine"],
    )


MODE = Mode(
    name="ensemble",
    help="Brings the predictions of several trained workdirs together, and scores them.",
    run=_run,
    example="--mode=ensemble --workdir=runs/both --members=runs/multi,runs/other",
    flags=(
        Flag("members", "The workdirs, two or more.", repeated=True, value_name="DIR,DIR,..."),
        Flag("combine", "The plain mean, that of members chosen greedily, or linear models.",
             choices=tuple(WAYS), default=MEAN),
        flags.LABELS,
    ),
    needs_config=True,
    needs_workdir=True,
    needs=(("members",),),
    default_config="base",
)  # fmt: skip
