"""--mode=predict: what the kept weights of a workdir predict for any features or raw clips."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from mer_jax.errors import InputError, counted, first_few
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def predict(
    config: ConfigDict,
    workdir: pathlib.Path,
    out: pathlib.Path,
    display: Display = SILENT,
    clips: pathlib.Path | None = None,
) -> None:
    """Writes the prediction of every clip in config.data.root's features, labelled or not.

    `clips` is their CSV, which may tell their speakers; None: the folder's own, if it has one.
    """
    from mer_jax.data import corpus as corpus_lib
    from mer_jax.data import folder, standardise
    from mer_jax.data.framing import framed
    from mer_jax.evaluation import decoding, ensemble, submission
    from mer_jax.evaluation.model import predict_runs, restore

    results, model = restore(config, workdir)
    decode = decoding.restore(results, config, model.static.task)
    if decode is None:
        raise InputError(
            f"{workdir}: its results.json lacks what config.evaluate.calibrate or "
            "config.evaluate.joint_decoding needs; run --mode=evaluate with the same keys first"
        )
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
    features = framed(features, model.static.framing)
    if columns := model.columns:
        groups = _group_of(config, clips)
        features = standardise.of_folder(names, features, groups, columns, config.data.root)
    together = ensemble.average(predict_runs(model, features, display, config.data.root))
    together = decode.calibrated(decode.decoded(together))
    submission.write(out, names, together, model.static.task, config.evaluate.probabilities)
    print(f"{len(names)} predictions: {out}")


def _group_of(config: ConfigDict, clips: pathlib.Path | None) -> Callable[[str], str | None]:
    """The group of a new clip by its name; None for all where neither names nor a table tell."""
    from mer_jax.corpora import TABLE, corpus_info
    from mer_jax.data import table

    path = clips or pathlib.Path(config.data.root) / TABLE.label_files[0]
    if path.is_file() and (groups := table.groups_in(path, config.data.targets)):
        return groups.get
    return corpus_info(config.data.corpus).group or {}.get


def predict_media(arguments: Arguments, out: pathlib.Path) -> None:
    """Writes the prediction of raw clips, extracted as the features of the training were.

    A clip that fails gets no row and stops no other; the command then ends with an InputError.
    """
    from mer_jax import lock
    from mer_jax.data import corpus as corpus_lib
    from mer_jax.data import left_out
    from mer_jax.evaluation.model import restore
    from mer_jax.extraction import again
    from mer_jax.workdir import Workdir

    config, display = arguments.config, arguments.display()
    restore(config, arguments.workdir)  # what is wrong with the workdir is told first
    # The workdir has its own copies; workdirs of earlier versions have not.
    roots = [Workdir(arguments.workdir).folder]
    if config.data.root:
        roots.append(pathlib.Path(config.data.root))
    given = again.Given(
        *(arguments[name] for name in ("media", "clips", "models", "asr", "asr_command"))
    )
    with contextlib.ExitStack() as around:
        if arguments["keep"] is not None:
            around.enter_context(lock.held(arguments["keep"], flags.WRITING[0], "--keep"))
        folder, failed = around.enter_context(
            again.extracted(
                roots,
                list(dict.fromkeys(corpus_lib.modalities(config).values())),
                given,
                keep=arguments["keep"],
                workers=arguments["workers"],
                count=display.count,
            )
        )
        of_new = config.copy_and_resolve_references()
        of_new.data.root, of_new.data.missing = str(folder), left_out.DROP
        predict(of_new, arguments.workdir, out, display, arguments["clips"])
    if failed:
        first = min(failed)
        raise InputError(
            f"{counted(len(failed), 'clip')} failed and got no prediction: "
            f"{first_few(sorted(failed))}; the first: {failed[first]}"
        )


def _run(arguments: Arguments) -> None:
    from mer_jax.workdir import Workdir

    out = arguments["out"] or Workdir(arguments.workdir).predicted_file
    if arguments["media"] is not None or arguments["clips"] is not None:
        predict_media(arguments, out)
    else:
        predict(arguments.config, arguments.workdir, out, arguments.display())


MODE = Mode(
    name="predict",
    help="Predicts every clip of a folder of features, or of raw media, labelled or not.",
    run=_run,
    example="--mode=predict --workdir=runs/multi --config.data.root=other --out=other.csv",
    flags=(
        flags.OUT_FILE,
        flags.MEDIA,
        flags.CLIPS,
        flags.MODELS,
        flags.ASR,
        flags.ASR_COMMAND,
        Flag("keep", "A folder in which the features of --media stay.", pathlib.Path,
             writes_in=("failures.csv",), value_name="DIR"),
        flags.WORKERS,
    ),
    needs_config=True,
    needs_workdir=True,
)  # fmt: skip
