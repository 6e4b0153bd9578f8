"""Seconds of a run-epoch of the paper's grid, compiling apart: one process, clips in memory.

    PYTHONPATH=. python benchmarks/run_epochs.py --runs=90 --hidden=128,256

Every program of the grid trains its first chunk for a few epochs; a chunk's copies, which fill
the last one up, are paid for by its runs. Prints JSON.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

import corpus
import jax
import numpy as np

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Labels, Split
from mer_jax.semi.step import Clips
from mer_jax.training import division, grid, plan
from mer_jax.training.feed import Feed
from mer_jax.training.plan import Chunk, Plan


class Timing(NamedTuple):
    """What a program took."""

    compile_s: float
    epoch_s: float  # of the whole chunk


class PoolOptions(NamedTuple):
    """A pool of unlabelled clips, for FixMatch."""

    folder: str  # with audio.npy, text.npy, video.npy: float32 [P, D]
    mu: int


def prepare(
    clips: int,
    size: int,
    hidden: Sequence[int],
    runs: int,
    chunk: str,
    device_bytes: int,
    of_pool: PoolOptions | None,
) -> tuple[Plan, list[Chunk]]:
    """The paper's grid over `hidden`, as many repeats as `runs` need, cut down to `runs`."""
    config = config_lib.load_base()
    config.data.device_bytes = device_bytes
    if of_pool is not None:
        config.semi.method = "fixmatch"
        config.semi.mu = of_pool.mu
    config.model.hidden = tuple(hidden)
    config.train.chunk = chunk
    trials = config_lib.trials(config_lib.check(config))
    config.repeats = math.ceil(runs / (len(trials) * config.folds))
    config = config_lib.check(config)
    split = _split(clips, size)
    groups = plan.group(config, trials, tuple(corpus.SETS), MER2023.task)
    groups = {static: found[: runs // len(groups)] for static, found in groups.items()}
    widths = plan.widths(config, groups, dict.fromkeys(corpus.SETS, size))
    samples = division.training_samples(split, None)
    if of_pool is not None:
        samples = samples._replace(pool=_pool(of_pool.folder))
    folds = division.make_folds(config, samples, split.names, None)
    return Plan(config, trials, samples, folds), plan.cut(groups, widths)


def _pool(folder: str) -> Clips:
    features = {m: np.load(f"{folder}/{m}.npy", mmap_mode="r") for m in corpus.SETS}
    count = len(features["audio"])
    return Clips(
        features,
        np.arange(count, dtype=np.int32),
        emotion=np.zeros(count, np.int32),
        emotion_mask=np.zeros(count, bool),
    )


def _split(clips: int, size: int) -> Split:
    drawn = corpus.draw(clips, size, seed=0)
    known = np.ones(clips, bool)
    return Split(
        names=np.array([f"sample_{i:08d}" for i in range(clips)]),
        features=drawn.features,
        labels=Labels(drawn.emotion, known, drawn.valence, known),
    )


def measure(
    prepared: Plan, chunks: Sequence[Chunk], epochs: int, rounds: int
) -> list[tuple[Chunk, int, Timing]]:
    """For each program its first chunk, how many chunks it trains, and what it took."""
    feed = Feed(prepared)
    first_chunks: dict[tuple, Chunk] = {}
    count: dict[tuple, int] = {}
    for chunk in chunks:
        program = chunk.static, chunk.width
        first_chunks.setdefault(program, chunk)
        count[program] = count.get(program, 0) + 1
    return [
        (chunk, count[program], _time(prepared, feed, chunk, epochs, rounds))
        for program, chunk in first_chunks.items()
    ]


def _time(prepared: Plan, feed: Feed, chunk: Chunk, epochs: int, rounds: int) -> Timing:
    first_start, _ = _timed(grid.start, prepared, feed, chunk)
    later_start, (advance, state) = _timed(grid.start, prepared, feed, chunk)
    first_epoch, state = _timed(advance, state, 0, 1)
    seconds = []
    for start in range(1, 1 + rounds * epochs, epochs):
        spent, state = _timed(advance, state, start, start + epochs)
        seconds.append(spent / epochs)
    epoch_s = statistics.median(seconds)
    compile_s = max(first_start - later_start, 0) + max(first_epoch - epoch_s, 0)
    return Timing(compile_s, epoch_s)


def _timed(function, *arguments):
    start = time.perf_counter()
    result = jax.block_until_ready(function(*arguments))
    return time.perf_counter() - start, result


def main():
    """Prints seconds a run-epoch, over all programs and of each, and what compiling took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=corpus.COUNTS[0])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--hidden", default="128,256")
    parser.add_argument("--runs", type=int, default=90)
    parser.add_argument("--chunk", default="auto")
    parser.add_argument("--epochs", type=int, default=2, help="in one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements; their median counts")
    parser.add_argument("--pool", help="a folder with audio.npy, text.npy, video.npy")
    parser.add_argument("--mu", type=int, default=7)
    parser.add_argument("--device_bytes", type=int, default=0, help="what is larger streams")
    arguments = parser.parse_args()
    of_pool = None
    if arguments.pool:
        of_pool = PoolOptions(arguments.pool, arguments.mu)
    hidden = [int(h) for h in arguments.hidden.split(",")]
    prepared, chunks = prepare(
        arguments.clips,
        arguments.size,
        hidden,
        arguments.runs,
        arguments.chunk,
        arguments.device_bytes,
        of_pool,
    )
    measured = measure(prepared, chunks, arguments.epochs, arguments.rounds)
    runs = sum(len(chunk.runs) for chunk in chunks)
    epoch_of_all = sum(count * timing.epoch_s for _, count, timing in measured)
    programs = [
        {
            "hidden": dict(chunk.static.settings)["hidden"],
            "width": chunk.width,
            "chunks": count,
            "epoch_s": timing.epoch_s,
            "compile_s": timing.compile_s,
        }
        for chunk, count, timing in measured
    ]
    print(
        json.dumps(
            {
                "run_epoch_s": epoch_of_all / runs,
                "runs": runs,
                "compile_s": programs[0]["compile_s"],
                "programs": programs,
                "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
                "backend": jax.default_backend(),
            }
        )
    )


if __name__ == "__main__":
    main()
