"""--mode=ensemble: the predictions of several trained workdirs together."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from mer_jax.evaluation.members import Member
    from mer_jax.reporting.run import Run

LOG = logging.getLogger("mer_jax")


def ensemble(
    config: ConfigDict,
    workdir: pathlib.Path,
    folders: Sequence[pathlib.Path],
    labels: pathlib.Path | None,
    display: Display = SILENT,
) -> None:
    """Averages the members' probabilities and valences; writes predictions and scores.

    Of `config` only evaluate.* and the seed of the bootstrap are used: what a member is stands in
    its own workdir. Test splits are predicted by each member's kept weights. What the members
    predict out of fold is averaged as well, where they validated on the same clips.
    """
    from mer_jax import files, metrics
    from mer_jax.corpora import SYNTHETIC
    from mer_jax.evaluation import members as members_lib
    from mer_jax.evaluation import submission, terminal
    from mer_jax.reporting.run import load_run
    from mer_jax.workdir import Workdir

    place = Workdir(workdir)
    if place.config_file.exists():
        raise InputError(f"{workdir} holds a training; use another --workdir for the ensemble")
    runs = {str(folder): load_run(folder, labels, display=display) for folder in folders}
    members_lib.check_tasks({name: run.task for name, run in runs.items()})
    first = next(iter(runs.values()))
    found, predicted = {}, {}
    for split in first.splits:
        members = _members(runs, split)
        if members:
            of_first, each = first.predicted(split), [member.predictions for member in members]
            predicted[split] = of_first._replace(predictions=members_lib.mean(each))
            found[split] = members_lib.scores(
                first.task, each, of_first.labels, config.evaluate.bootstrap, config.seed
            )
            found[split]["out_of_fold"] = split == first.out_of_fold
    if not found:
        raise InputError(f"{', '.join(runs)}: there is no split that all members predict")
    for split, of in predicted.items():
        path = place.predictions_file(split)
        submission.write(path, of.names, of.predictions, first.task, config.evaluate.probabilities)
    content = {"members": list(runs), "resamples": config.evaluate.bootstrap, "splits": found}
    files.write_json(place.ensemble_file, content)
    wanted = metrics.shown(first.task, config.evaluate.metrics)
    is_synthetic = any(run.config.data.corpus == SYNTHETIC for run in runs.values())
    print(terminal.ensemble(content, wanted, is_synthetic))
    print(f"Scores: {place.ensemble_file}; predictions: {place.predictions}")


def _members(runs: Mapping[str, Run], split: str) -> list[Member]:
    """What each run predicts of a split; none, with a line in the log, where not all do.

    Raises InputError where the clips of a test split are not the same. Out of fold they may differ:
    a fold whose run failed is missing.
    """
    from mer_jax.evaluation.members import Member, difference

    for name, run in runs.items():
        if split not in run.splits:
            LOG.info("%s is left out: %s does not predict it", split, name)
            return []
    members = [
        Member(name, run.predicted(split).names, run.predicted(split).predictions)
        for name, run in runs.items()
    ]
    sentence = difference(members)
    if sentence is None:
        return members
    if any(split != run.out_of_fold for run in runs.values()):
        raise InputError(f"{split}: {sentence}")
    LOG.info("%s, out of fold, is left out: %s", split, sentence)
    return []


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
    labels, display = arguments["labels"], arguments.display()
    ensemble(arguments.config, arguments.workdir, folders, labels, display)


MODE = Mode(
    name="ensemble",
    help="Averages the predictions of several trained workdirs, and scores them.",
    run=_run,
    example="--mode=ensemble --workdir=runs/both --members=runs/multi,runs/other",
    flags=(
        Flag("members", "The workdirs, two or more.", repeated=True, value_name="DIR,DIR,..."),
        flags.LABELS,
    ),
    needs_config=True,
    needs_workdir=True,
    needs=(("members",),),
    default_config="base",
)
