"""What the pool of MER-SEMI (73,148 clips) costs an epoch, and what streaming costs.

    python benchmarks/semi.py --json=semi.json [--quick]

Each figure is taken in processes of its own, the ways in turn: medians over several rounds of the
seconds of an epoch of one chunk, and of peak memory.
"""

import argparse
import json
import pathlib
import statistics
import tempfile
from typing import Any

import machine
import numpy as np
import process

_ON_HOST = "supervised, features on the host"
_WAYS = {  # how the pool lies: config.data.device_bytes as a share of its size, None: no pool
    "supervised": None,
    _ON_HOST: None,
    "pool on the device": 2.0,
    "pool as bfloat16": 0.75,
    "pool streamed": 0.25,
}


def write_pool(folder: pathlib.Path, clips: int, size: int) -> None:
    """Random features of three modalities as `.npy` files, written block by block."""
    rng = np.random.default_rng(1)
    for modality in ("audio", "text", "video"):
        shape = (clips, size)
        x = np.lib.format.open_memmap(folder / f"{modality}.npy", "w+", np.float32, shape)
        for start in range(0, clips, 4096):
            stop = min(start + 4096, clips)
            x[start:stop] = rng.standard_normal((stop - start, size), np.float32)
        x.flush()


def measure(arguments: argparse.Namespace, folder: pathlib.Path) -> dict[str, Any]:
    """Seconds and memory of each way, and their ratio to the supervised epoch."""
    write_pool(folder, arguments.unlabelled, arguments.size)
    pool_bytes = 3 * 4 * arguments.unlabelled * arguments.size
    rounds = [_in_turn(arguments, folder, pool_bytes) for _ in range(arguments.rounds)]
    ways = {
        name: {
            figure: statistics.median(ways[name][figure] for ways in rounds)
            for figure in ("epoch_s", "peak_rss_mb")
        }
        for name in _WAYS
    }
    for way in ways.values():
        way["ratio"] = way["epoch_s"] / ways["supervised"]["epoch_s"]
    return {
        "ways": ways,
        "allowed_ratio": 1.5 * (1 + arguments.mu),
        "unlabelled": arguments.unlabelled,
        "mu": arguments.mu,
        "machine": machine.describe(),
    }


def _in_turn(arguments, folder: pathlib.Path, pool_bytes: int) -> dict[str, dict[str, float]]:
    ways = {}
    for name, share in _WAYS.items():
        options = [f"--clips={arguments.clips}", f"--size={arguments.size}", "--hidden=256"]
        options += ["--runs=1", "--chunk=1"]
        if name == _ON_HOST:
            options += ["--device_bytes=1"]
        if share is not None:
            options += [f"--pool={folder}", f"--device_bytes={int(share * pool_bytes)}"]
            options += [f"--mu={arguments.mu}"]
        finished = process.script("run_epochs.py", *options)
        ways[name] = {"epoch_s": finished.json["run_epoch_s"], "peak_rss_mb": finished.peak_mb}
    return ways


def main():
    """Prints a table, and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=3373)
    parser.add_argument("--unlabelled", type=int, default=73_148)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--mu", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small: whether it works")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.clips, arguments.unlabelled, arguments.size = 480, 4000, 64
    with tempfile.TemporaryDirectory() as folder:
        report = measure(arguments, pathlib.Path(folder))
    print(f"{'':34}{'epoch, s':>10}{'ratio':>8}{'peak, MB':>10}")
    for name, way in report["ways"].items():
        cells = f"{way['epoch_s']:>10.3f}{way['ratio']:>8.1f}{way['peak_rss_mb']:>10.0f}"
        print(f"{name:34}{cells}")
    print(f"allowed ratio, 1.5 (1 + mu): {report['allowed_ratio']:g}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
