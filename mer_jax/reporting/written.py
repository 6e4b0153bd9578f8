"""The report of a finished workdir as files: written, kept where it stands, or discarded."""

import logging
import pathlib

from ml_collections import ConfigDict

from mer_jax.progress import SILENT, Display
from mer_jax.workdir import REPORT_FILES

LOG = logging.getLogger("mer_jax")


def write(
    config: ConfigDict,
    workdir: pathlib.Path,
    labels: pathlib.Path | None = None,
    shown: Display = SILENT,
) -> None:
    """Writes report.md, report.html and figures/, with the labels of a file where one is given."""
    # Here, because matplotlib takes a second to load and not every command draws.
    from mer_jax.reporting import sections
    from mer_jax.reporting.run import load_run

    sections.write(load_run(workdir, labels, config, shown))
    _tell(workdir)


def ensure(
    config: ConfigDict,
    workdir: pathlib.Path,
    labels: pathlib.Path | None = None,
    shown: Display = SILENT,
) -> None:
    """Writes the report where the workdir has none.

    The results stand by then, so that what goes wrong here is told and ends nothing.
    """
    if is_written(workdir):
        _tell(workdir)
        return
    try:
        write(config, workdir, labels, shown)
    except Exception as error:  # whatever it is, the training before it is worth more
        LOG.warning(
            "%s: the results are written, but the report could not be drawn: %s: %s; "
            "run --mode=report to try again", workdir, type(error).__name__, error,
        )  # fmt: skip


def is_written(workdir: pathlib.Path) -> bool:
    """Whether the workdir has a whole report."""
    return all((workdir / name).is_file() for name in REPORT_FILES)


def discard(workdir: pathlib.Path) -> None:
    """Removes the report of results that are about to change: none is better than an old one."""
    for name in REPORT_FILES:
        (workdir / name).unlink(missing_ok=True)


def _tell(workdir: pathlib.Path) -> None:
    print(f"Report: {workdir / REPORT_FILES[-1]}")
