"""The command line: its help, whose examples parse, and --quiet."""

import json
import os
import pathlib
import shlex
import subprocess
import sys

import pytest

from mer_jax import config as config_lib
from mer_jax.command_line import EXAMPLES, MODES

ROOT = pathlib.Path(config_lib.__file__).resolve().parents[1]
# Each command line of argv[1:], a line each as JSON, parsed by a child of one process: importing
# takes a second. What main is given is told, and both kinds of log lines are tried.
PARSE_EACH = """
import json, logging, os, sys
from mer_jax import command_line

def main(arguments):
    logging.getLogger("mer_jax").info("an information")
    logging.getLogger("mer_jax").warning("a warning")
    print(json.dumps([arguments.mode, arguments.quiet, str(arguments.workdir), str(arguments.out)]))

for line in sys.argv[1:]:
    child = os.fork()
    if not child:
        sys.argv = ["main", *json.loads(line)]
        command_line.run(main)
    os.waitpid(child, 0)
"""


@pytest.fixture
def parse_each(tmp_path):
    """Parses command lines where configs/ and a trained runs/multi lie; gives output and errors."""
    (tmp_path / "configs").symlink_to(config_lib.CONFIGS)
    (tmp_path / "runs" / "multi").mkdir(parents=True)
    record = {"config": config_lib.check(config_lib.load_base()).to_dict()}
    (tmp_path / "runs" / "multi" / "config.json").write_text(json.dumps(record))

    def parse(lines):
        done = subprocess.run(
            [sys.executable, "-c", PARSE_EACH, *map(json.dumps, lines)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return parse


def test_help_shows_a_command_for_each_mode(command_line):
    done = command_line("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for mode in MODES:
        assert EXAMPLES[mode] in done.stdout
    for flag in ("config", "workdir", "mode", "labels", "against", "out", "quiet", "process_count"):
        assert f"--{flag} " in done.stdout
    assert "--pdb" not in done.stdout, "absl's own flags are not there"


def test_each_example_of_the_help_parses(parse_each):
    """And --quiet leaves warnings, and what absl says of a wrong flag becomes one sentence."""
    wrong = {
        "--mode=trian": "--mode: unknown mode 'trian'; one of: " + ", ".join(MODES),
        "--process_count=two": "--process_count: 'two' is not a whole number",
        "--quiet=perhaps": "--quiet: 'perhaps' is not True or False",
        "--config.folds=x": "config.folds: 'x' is not a whole number",
        "--workdirr=x": "--workdirr: no such flag; did you mean --workdir?",
        "--frobnicate": "--frobnicate: no such flag; --help shows those there are",
        "--labels": "--labels needs a value",
    }
    told, errors = parse_each(
        [
            *(shlex.split(EXAMPLES[mode]) for mode in MODES),
            ["--workdir=runs/multi", "--quiet"],
            *(["--workdir=runs/multi", flag] for flag in wrong),
        ]
    )
    assert [mode for mode, *_ in told] == [*MODES, "train"], errors
    assert [quiet for _, quiet, *_ in told] == [False] * len(MODES) + [True]
    assert told[MODES.index("evaluate")][2] == "runs/multi"
    assert told[MODES.index("predict")][3] == "other.csv"
    assert told[MODES.index("select")][3] == "runs/multi/select.csv"
    lines = ["an information", "a warning"] * len(MODES) + ["a warning"]
    assert errors.splitlines() == lines + [f"mer_jax: {sentence}" for sentence in wrong.values()]
