"""How long until a command does what was asked: `--help`, and a later start's first epoch.

    PYTHONPATH=. python benchmarks/first_epoch.py --json=first_epoch.json [--quick]

A later start finds its datasets built and its programs compiled. One epoch of one fold of
`attention_release` ends it. Seconds by the clock and of processor time of all threads; each in a
process of its own, in turn; medians over several rounds. Clock and processor time differ where
several threads work, and where other processes wait for the same cores.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple

import corpus
import machine
import process

_TRAINED = ": trained"  # in the log once the only epoch of the first chunk is over
_TICKS = os.sysconf("SC_CLK_TCK")
_RELEASE = (
    "--config.model.fusion=attention_release",
    "--config.train.learning_rate=0.001",
    "--config.repeats=1",
    "--config.folds=5",
    "--config.train.chunk=1",
    "--config.train.epochs=1",
    "--config.report=False",
)


class Spent(NamedTuple):
    """What a start took."""

    seconds: float
    processor_s: float


def of_help() -> Spent:
    """The whole of `--help`."""
    before = os.times()
    finished = process.run([*process.MAIN[:3], "--help"])
    after = os.times()
    used = after.children_user + after.children_system
    return Spent(finished.seconds, used - before.children_user - before.children_system)


def of_first_epoch(data: list[str], folder: pathlib.Path) -> Spent:
    """From the start of a training to the end of its first epoch, at which it is stopped."""
    variables = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled")}
    with tempfile.TemporaryDirectory(dir=folder, prefix="run-") as run:
        start = time.perf_counter()
        with subprocess.Popen(
            [*process.MAIN, f"--workdir={run}/work", *data, *_RELEASE],
            cwd=process.ROOT, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True,
        ) as training:  # fmt: skip
            told = []
            for line in training.stderr:
                told.append(line)
                if _TRAINED in line:
                    spent = Spent(time.perf_counter() - start, _processor_seconds(training.pid))
                    training.kill()
                    return spent
    raise SystemExit(f"no epoch was trained:\n{''.join(told)}")


def _processor_seconds(pid: int) -> float:
    """What a process has used so far, in user and system mode."""
    after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / _TICKS


def main():
    """Prints a table, and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a small corpus: whether it works")
    arguments = parser.parse_args()
    counts = tuple(count // 10 for count in corpus.COUNTS) if arguments.quick else corpus.COUNTS
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        numbers = ",".join(map(str, counts))
        root = process.script("corpus.py", f"--folder={folder}", f"--counts={numbers}").output
        data = [f"--config.data.root={root.strip()}", f"--config.data.tfds_dir={folder}/datasets"]
        rounds: dict[str, list[Spent]] = {"help": [], "first epoch": []}
        of_first_epoch(data, folder)  # builds and compiles
        for _ in range(1 if arguments.quick else arguments.rounds):
            rounds["help"].append(of_help())
            rounds["first epoch"].append(of_first_epoch(data, folder))
    report = {"machine": machine.describe()}
    print(f"{'':12}{'seconds':>10}{'processor':>11}")
    for name, spent in rounds.items():
        report[name] = Spent(*map(statistics.median, zip(*spent, strict=True)))._asdict()
        print(f"{name:12}" + "".join(f"{value:>10.2f}" for value in report[name].values()))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
