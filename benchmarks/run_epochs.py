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
from typing import Any, NamedTuple

import corpus
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax.data.corpus import Labels, Split
from mer_jax.data.registry import MER2023
from mer_jax.training import loop, plan


class Grid(NamedTuple):
    """A grid ready to train."""

    config: ConfigDict
    trials: list[dict[str, Any]]
    chunks: list[plan.Chunk]
    samples: loop.Samples
    folds: dict[tuple[int, int], loop.Fold]


class Timing(NamedTuple):
    """What a program took."""

    compile_s: float
    epoch_s: float  # of the whole chunk


def prepare(clips: int, size: int, hidden: Sequence[int], runs: int, chunk: str) -> Grid:
    """The paper's grid over `hidden`, as many repeats as `runs` need, cut down to `runs`."""
    config = config_lib.load_base()
    config.model.hidden = tuple(hidden)
    config.train.chunk = chunk
    trials = config_lib.trials(config_lib.check(config))
    config.repeats = math.ceil(runs / (len(trials) * config.folds))
    config = config_lib.check(config)
    split = _split(clips, size)
    groups = plan.group(config, trials, tuple(corpus.SETS), MER2023.task)
    groups = {static: found[: runs // len(groups)] for static, found in groups.items()}
    widths = plan.widths(config, groups, dict.fromkeys(corpus.SETS, size))
    samples = plan.training_samples(split, None)
    folds = plan.make_folds(config, samples, split.names, None)
    return Grid(config, trials, plan.cut(groups, widths), samples, folds)


def _split(clips: int, size: int) -> Split:
    drawn = corpus.draw(clips, size, seed=0)
    known = np.ones(clips, bool)
    return Split(
        names=np.array([f"sample_{i:08d}" for i in range(clips)]),
        features=drawn.features,
        labels=Labels(drawn.emotion, known, drawn.valence, known),
    )


def measure(prepared: Grid, epochs: int, rounds: int) -> list[tuple[plan.Chunk, int, Timing]]:
    """For each program its first chunk, how many chunks it trains, and what it took."""
    # As in training: runs over the devices, samples on each.
    mesh = jax.make_mesh((jax.device_count(),), ("run",), axis_types=(AxisType.Auto,))
    by_run = NamedSharding(mesh, PartitionSpec("run"))
    samples = jax.device_put(prepared.samples, NamedSharding(mesh, PartitionSpec()))
    first_chunks: dict[tuple, plan.Chunk] = {}
    count: dict[tuple, int] = {}
    for chunk in prepared.chunks:
        program = chunk.static, chunk.width
        first_chunks.setdefault(program, chunk)
        count[program] = count.get(program, 0) + 1
    return [
        (chunk, count[program], _time(prepared, chunk, samples, by_run, epochs, rounds))
        for program, chunk in first_chunks.items()
    ]


def _time(
    prepared: Grid, chunk: plan.Chunk, samples, by_run: NamedSharding, epochs: int, rounds: int
) -> Timing:
    weights = [fold.train_weight for fold in prepared.folds.values()]
    whole = all(w.sum() > len(w) - prepared.config.train.batch_size for w in weights)
    program = loop.make_train(chunk.static, whole, by_run)
    runs = chunk.padded
    hparams = [config_lib.hparams_of(prepared.trials[run.trial]) for run in runs]
    hparams = jax.device_put(_stack(jax.tree.map(np.float32, hparams)), by_run)
    folds = _stack([prepared.folds[run.repeat, run.fold] for run in runs])
    folds = jax.device_put(folds, by_run)
    keys = [loop.run_key(prepared.config.seed, run.repeat, run.fold) for run in runs]
    keys = jax.device_put(jnp.stack(keys), by_run)
    first_init, _ = _timed(program.init, hparams, samples, keys)
    later_init, state = _timed(program.init, hparams, samples, keys)
    epoch = 0

    def advance(by: int) -> float:
        nonlocal state, epoch
        start, epoch = epoch, epoch + by
        seconds, state = _timed(
            program.advance, hparams, folds, samples, state, jnp.int32(start), jnp.int32(epoch)
        )
        return seconds

    first_epoch = advance(1)
    epoch_s = statistics.median(advance(epochs) / epochs for _ in range(rounds))
    compile_s = max(first_init - later_init, 0) + max(first_epoch - epoch_s, 0)
    return Timing(compile_s, epoch_s)


def _timed(function, *arguments):
    start = time.perf_counter()
    result = jax.block_until_ready(function(*arguments))
    return time.perf_counter() - start, result


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


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
    arguments = parser.parse_args()
    hidden = [int(h) for h in arguments.hidden.split(",")]
    prepared = prepare(arguments.clips, arguments.size, hidden, arguments.runs, arguments.chunk)
    measured = measure(prepared, arguments.epochs, arguments.rounds)
    runs = sum(len(chunk.runs) for chunk in prepared.chunks)
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
