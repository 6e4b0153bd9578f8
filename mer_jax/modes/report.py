"""--mode=report: writes the report of a trained workdir, or the page of one of its clips."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict

_OF_CLIP = ("media", "clips", "models")  # flags, as reporting.clip_page.Given has them


def report(
    config: ConfigDict,
    workdir: pathlib.Path,
    labels: pathlib.Path | None = None,
    display: Display = SILENT,
) -> None:
    """Writes report.md, report.html and figures/, with the labels of a file where one is given."""
    from mer_jax.reporting import written

    written.write(config, workdir, labels, display)


def report_clip(arguments: Arguments) -> None:
    """Writes the page of one clip: how it was predicted, and what was heard and seen of it."""
    from mer_jax.reporting import clip_page
    from mer_jax.reporting.run import load_run

    display = arguments.display()
    run = load_run(arguments.workdir, arguments["labels"], arguments.config, display)
    given = clip_page.Given(*(arguments[name] for name in _OF_CLIP))
    print(f"Clip: {clip_page.write(run, arguments['clip'], given)}")


def _check(arguments: Arguments) -> None:
    for name in _OF_CLIP:
        if arguments[name] is not None and arguments["clip"] is None:
            raise InputError(f"--{name} of --mode=report goes with --clip=NAME")


def _run(arguments: Arguments) -> None:
    if arguments["clip"] is not None:
        report_clip(arguments)
        return
    report(arguments.config, arguments.workdir, arguments["labels"], arguments.display())


MODE = Mode(
    name="report",
    help="Writes report.md, report.html and figures/ of a trained workdir.",
    run=_run,
    example="--mode=report --workdir=runs/multi",
    flags=(
        flags.LABELS,
        Flag("clip", "Writes this clip's page instead: prediction, sound, images, weights.",
             value_name="NAME"),
        flags.MEDIA,
        flags.CLIPS,
        flags.MODELS,
    ),
    needs_config=True,
    needs_workdir=True,
    check=_check,
)  # fmt: skip
