"""What watching costs: a grid's training with its display and event files, against without.

    PYTHONPATH=. python benchmarks/display.py --json=display.json [--quick]

One process trains a grid's first chunk unwatched and watched in turn, the first of a round
alternating; the medians of the rounds' ratios count. The display is live, on a pseudo-terminal.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import machine
import run_epochs

from mer_jax import progress
from mer_jax.evaluation import events
from mer_jax.training import grid
from mer_jax.training.checkpoint import Checkpoints
from mer_jax.training.plan import Chunk, Plan


class Shape(NamedTuple):
    """What is trained: the paper's features, or those of the quickstart, a tenth the size."""

    clips: int
    size: int
    hidden: int
    epochs: int


SHAPES = {"paper": Shape(3373, 1024, 128, 100), "quickstart": Shape(3373, 80, 128, 60)}
QUICK = {name: shape._replace(clips=480, size=64, epochs=20) for name, shape in SHAPES.items()}


class Spent(NamedTuple):
    """What a training took."""

    seconds: float
    processor_s: float  # of all threads: what it takes from other work, whatever else runs


@contextlib.contextmanager
def terminal() -> Iterator[None]:
    """Standard error is a terminal that somebody reads."""
    reader, writer = os.openpty()
    before, os.environ["TERM"] = os.environ.get("TERM", "dumb"), "xterm"

    def read():
        with contextlib.suppress(OSError):  # what reading gives once the other side is closed
            while os.read(reader, 1 << 16):
                pass

    thread = threading.Thread(target=read)
    thread.start()
    with open(writer, "w") as file, contextlib.redirect_stderr(file):
        yield
    thread.join()
    os.close(reader)
    os.environ["TERM"] = before


def train(prepared: Plan, chunk: Chunk, watched: bool) -> Spent:
    """Trains the chunk as the command line does."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as around:
        workdir = pathlib.Path(folder)
        checkpoints = Checkpoints(workdir)
        start, processor = time.perf_counter(), time.process_time()
        if watched:
            shown = progress.display(silent=False)
            see = around.enter_context(shown.grid([chunk], 1))
            record = around.enter_context(contextlib.closing(events.Live(workdir)))

            def observe(snapshot: grid.Snapshot) -> None:
                see(snapshot)
                record(snapshot)

            grid.train(prepared, [chunk], checkpoints, observe=observe)
        else:
            grid.train(prepared, [chunk], checkpoints)
        return Spent(time.perf_counter() - start, time.process_time() - processor)


def final_files_s(prepared: Plan, chunk: Chunk) -> float:
    """What the event files of the end take, for the runs of one chunk."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = pathlib.Path(folder)
        checkpoints = Checkpoints(workdir)
        grid.train(prepared, [chunk], checkpoints)
        outcomes = grid.outcomes([chunk], checkpoints)
        trials = prepared.trials[: 1 + max(run.trial for run in chunk.runs)]
        start = time.perf_counter()
        events.write(workdir, outcomes, trials, chunk.runs[0].trial, chunk.static.task)
        return time.perf_counter() - start


def measure(shape: Shape, rounds: int) -> dict[str, Any]:
    """Seconds of both ways and their ratios."""
    prepared, chunks = run_epochs.prepare(
        shape.clips, shape.size, [shape.hidden], 15, "auto", 0, None
    )
    prepared.config.train.epochs = shape.epochs
    static = dataclasses.replace(chunks[0].static, epochs=shape.epochs)
    chunk = chunks[0]._replace(static=static)
    end_s = final_files_s(prepared, chunk)  # compiles, too
    train(prepared, chunk, watched=True)  # imports what only displays need
    found = []
    for number in range(rounds):
        order = (False, True) if number % 2 else (True, False)
        found.append({watched: train(prepared, chunk, watched) for watched in order})

    def middle(of):
        return statistics.median(map(of, found))

    return {
        "runs": len(chunk.runs),
        "epochs": shape.epochs,
        "unwatched_s": middle(lambda each: each[False].seconds),
        "watched_s": middle(lambda each: each[True].seconds),
        "ratio": middle(lambda each: each[True].seconds / each[False].seconds),
        "processor_ratio": middle(lambda each: each[True].processor_s / each[False].processor_s),
        "ratios": [each[True].seconds / each[False].seconds for each in found],
        "final_files_s": end_s,
    }


def main():
    """Prints a table, and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few epochs: whether it works")
    arguments = parser.parse_args()
    shapes = QUICK if arguments.quick else SHAPES
    with terminal():
        found = {name: measure(shape, arguments.rounds) for name, shape in shapes.items()}
    columns = ("unwatched_s", "watched_s", "ratio", "processor_ratio", "final_files_s")
    print(f"{'':10}" + "".join(f"{column:>17}" for column in columns))
    for name, row in found.items():
        print(f"{name:10}" + "".join(f"{row[column]:>17.4g}" for column in columns))
    if arguments.json:
        report = {"shapes": found, "machine": machine.describe(), "quick": arguments.quick}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
