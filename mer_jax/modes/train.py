"""--mode=train: trains a grid, or each row of a table."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from mer_jax.errors import InputError
from mer_jax.modes.record import Arguments, Flag, Mode
from mer_jax.progress import SILENT, Display

if TYPE_CHECKING:
    from ml_collections import ConfigDict

_PROCESSES = ("coordinator", "process_count", "process_index")


def train(
    config: ConfigDict,
    workdir: pathlib.Path,
    repeated: pathlib.Path | None = None,
    display: Display = SILENT,
) -> None:
    """Trains the config's grid in `workdir`, or each training of its table in a folder below.

    With `config.search.trials` it draws the grid's trials and trains the best of them anew.

    `repeated` is the config.json of an earlier training, which is repeated.
    """
    from mer_jax.tables import kinds

    if kinds.is_table(config):
        from mer_jax.tables import training

        training.train(config, workdir, repeated, display)
    elif config.search.trials:
        from mer_jax import search

        search.train(config, workdir, repeated, display)
    else:
        from mer_jax import experiment

        experiment.train(config, workdir, repeated, display)


def _run(arguments: Arguments) -> None:
    from mer_jax.training import devices

    is_first = True
    coordinator, count, index = (arguments[name] for name in _PROCESSES)
    if coordinator is not None:
        devices.join_processes(None if coordinator == "auto" else coordinator, count, index)
        is_first = devices.is_first()
    train(
        arguments.config, arguments.workdir, arguments["config_json"], arguments.display(is_first)
    )


def _cores(arguments: Arguments) -> int:
    """This machine's cores, or as many as trained what is continued or repeated."""
    from mer_jax import environment
    from mer_jax.workdir import Workdir, recorded_devices

    begun = [Workdir(arguments.workdir).config_file, arguments["config_json"]]
    recorded = [recorded_devices(file) for file in begun if file and file.is_file()]
    return max([environment.cores(), *recorded])


def _check(arguments: Arguments) -> None:
    """Raises InputError where the flags of several processes do not fit together."""
    coordinator, count, index = (arguments[name] for name in _PROCESSES)
    if coordinator == "auto":
        if (count, index) != (None, None):
            raise InputError("--coordinator=auto takes no --process_count and --process_index")
        return
    if (coordinator, count, index) == (None, None, None):
        return
    if None in (coordinator, count, index):
        raise InputError(
            "--coordinator=HOST:PORT, --process_count=N and --process_index=I go together"
        )
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise InputError(f"--coordinator={coordinator} is neither HOST:PORT nor auto")
    if not 0 <= index < count:
        raise InputError(
            f"--process_index={index} is not from 0 to --process_count - 1, which is {count - 1}"
        )


MODE = Mode(
    name="train",
    help="Trains, predicts and scores; the same command resumes what was stopped. The default.",
    run=_run,
    example=(
        "--config=configs/mer_multi.py --workdir=runs/multi --config.data.root=my_mer2023 "
        "--config.train.epochs=50"
    ),
    flags=(
        Flag(
            "config_json",
            "A run's config.json, to be repeated in another --workdir.",
            pathlib.Path,
        ),
        Flag(
            "coordinator",
            "Train in several processes: HOST:PORT of the first, or auto (clusters).",
            value_name="HOST:PORT",
        ),
        Flag("process_count", "How many processes train.", int),
        Flag("process_index", "Which of them this one is, from 0.", int, value_name="I"),
    ),
    needs_config=True,
    needs_workdir=True,
    check=_check,
    cores=_cores,
)
