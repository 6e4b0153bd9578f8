"""--mode=report: writes the report of a trained workdir."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def report(
    config: ConfigDict,
    workdir: pathlib.Path,
    labels: pathlib.Path | None = None,
    display: Display = SILENT,
) -> None:
    """Writes report.md, report.html and figures/, with the labels of a file where one is given."""
    from mer_jax.reporting import written

    written.write(config, workdir, labels, display)


def _run(arguments: Arguments) -> None:
    report(arguments.config, arguments.workdir, arguments["labels"], arguments.display())


MODE = Mode(
    name="report",
    help="Writes report.md, report.html and figures/ of a trained workdir.",
    run=_run,
    example="--mode=report --workdir=runs/multi",
    flags=(flags.LABELS,),
    needs_config=True,
    needs_workdir=True,
)
