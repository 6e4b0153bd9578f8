"""The report of a finished workdir as files: written, kept where it stands, or discarded."""

import logging
import os
import pathlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from mer_jax.data.arrays import Corpus
from mer_jax.evaluation.predicted import Predicted
from mer_jax.progress import SILENT, Display
from mer_jax.workdir import Workdir

LOG = logging.getLogger("mer_jax")


def write(
    config: ConfigDict,
    workdir: os.PathLike[str],
    labels: pathlib.Path | None = None,
    display: Display = SILENT,
    corpus: Corpus | None = None,
    predicted: Mapping[str, Predicted] | None = None,
) -> None:
    """Writes report.md, report.html and figures/, with the labels of a file where one is given.

    `corpus` is the one that was trained on, where it is loaded already, and `predicted` what was
    predicted of splits of it, where that is at hand.
    """
    sections, load_run = load()
    sections.write(load_run(workdir, labels, config, display, corpus, predicted))
    _print_place(workdir)


def load() -> tuple[ModuleType, Callable[..., Any]]:
    """What draws: matplotlib takes a second to load, and not every command draws."""
    from mer_jax.reporting import sections
    from mer_jax.reporting.run import load_run

    return sections, load_run


def ensure(
    config: ConfigDict,
    workdir: os.PathLike[str],
    labels: pathlib.Path | None = None,
    display: Display = SILENT,
    corpus: Corpus | None = None,
    predicted: Mapping[str, Predicted] | None = None,
) -> None:
    """Writes the report where the workdir has none; the parameters are those of `write`.

    The results stand by then, so that what goes wrong here is told and ends nothing.
    """
    if is_written(workdir):
        _print_place(workdir)
        return
    try:
        write(config, workdir, labels, display, corpus, predicted)
    except Exception as error:  # whatever it is, the training before it is worth more
        LOG.warning(
            "%s: the results are written, but the report could not be drawn: %s: %s; "
            "run --mode=report to try again", workdir, type(error).__name__, error,
        )  # fmt: skip


def is_written(workdir: os.PathLike[str]) -> bool:
    """Whether the workdir has a whole report."""
    return all(path.is_file() for path in Workdir(workdir).report_files)


def discard(workdir: os.PathLike[str]) -> None:
    """Removes the report of results that are about to change: none is better than an old one."""
    for path in Workdir(workdir).report_files:
        path.unlink(missing_ok=True)


def _print_place(workdir: os.PathLike[str]) -> None:
    print(f"Report: {Workdir(workdir).report_page}")
