"""Flags that several modes take, and those that the command line itself takes."""

import pathlib

from mer_jax.modes.record import Flag

CONFIG = Flag(
    "config",
    "A Python file, or the name of one of configs/; without it DIR/config.json. "
    "Override: --config.KEY=VALUE.",
    value_name="FILE",
)
WORKDIR = Flag("workdir", "The folder of a run's files.", pathlib.Path, value_name="DIR")
QUIET = Flag("quiet", "No progress and no log lines; warnings, errors and results stay.", bool,
             default=False)  # fmt: skip

LABELS = Flag("labels", "Labels of test clips, a CSV or an npz.", pathlib.Path)
OUT = Flag("out", "The file to write; without it one in DIR.", pathlib.Path, writes=True)
