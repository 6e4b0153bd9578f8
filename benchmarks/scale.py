"""Time of a run-epoch and memory against runs, clips, feature size and devices, and their plots.

    python benchmarks/scale.py --json=scale.json --plots=FOLDER [--quick]

The paper's model, hidden size 128; one process a point, clips in memory. Devices are virtual ones
that share the processor's cores: what is seen is the cost of sharing runs out, not a gain.
"""

import argparse
import json
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import corpus
import machine
import process


class Sweep(NamedTuple):
    """Points along one axis."""

    axis: str
    title: str
    log: bool  # whether its plot is logarithmic
    points: list[dict[str, Any]]  # options of run_epochs.py; `devices`: virtual ones, 0: the real


def sweeps(quick: bool) -> list[Sweep]:
    """What is measured."""
    base = {"clips": corpus.COUNTS[0], "size": 1024, "runs": 15, "chunk": "auto", "devices": 0}
    runs, clips = (1, 2, 5, 10, 15, 30, 45, 90), (1_000, 3_000, 10_000, 30_000, 100_000)
    sizes, devices = (64, 128, 256, 512, 1024, 2048, 4096), (1, 2, 4, 8)
    if quick:
        base |= {"clips": 500, "size": 64, "runs": 4}
        runs, clips, sizes, devices = (2, 4), (500, 1_000), (32, 64), (1, 2)
    side_by_side = [base | {"runs": n, "chunk": n} for n in runs]
    shared = base | ({"chunk": 4} if quick else {"runs": 24, "chunk": 8})  # whole on each count
    few = base | {"runs": min(base["runs"], 5)}
    return [
        Sweep("runs", "runs", False, [base | {"runs": n} for n in runs] + side_by_side),
        Sweep("clips", "clips to train on, 5 runs", True, [few | {"clips": n} for n in clips]),
        Sweep("size", "size of a feature vector", True, [base | {"size": n} for n in sizes]),
        Sweep("devices", "virtual devices", False, [shared | {"devices": n} for n in devices]),
    ]


def measure(point: dict[str, Any], quick: bool) -> dict[str, Any]:
    """One point: its options, seconds, memory."""
    options = [f"--{name}={value}" for name, value in point.items() if name != "devices"]
    environment = {}
    if point["devices"]:
        count = f"--xla_force_host_platform_device_count={point['devices']}"
        environment = {"XLA_FLAGS": count, "JAX_PLATFORMS": "cpu"}
    rounds = 1 if quick else 2
    finished = process.script(
        "run_epochs.py",
        *options,
        "--hidden=128",
        "--epochs=1",
        f"--rounds={rounds}",
        environment=environment,
    )
    result = finished.json
    return {
        **point,
        "width": result["programs"][0]["width"],
        "run_epoch_s": result["run_epoch_s"],
        "compile_s": result["compile_s"],
        "peak_rss_mb": finished.peak_mb,
        "device": result["device"],
    }


def lines(axis: str, points: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The points by what they share: chunks by the rule, or all runs side by side."""
    ruled = [point for point in points if point["chunk"] == "auto" or axis != "runs"]
    yield "in chunks by the default rule", ruled
    if len(ruled) < len(points):
        yield "all runs in one chunk", [point for point in points if point["chunk"] != "auto"]


def plot(sweep: Sweep, points: list[dict[str, Any]], folder: pathlib.Path) -> None:
    """Writes FOLDER/<axis>.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    quantities = ("run_epoch_s", "seconds a run-epoch"), ("peak_rss_mb", "peak memory, MB")
    for panel, (key, title) in zip(panels, quantities, strict=True):
        for label, line in lines(sweep.axis, points):
            panel.plot([p[sweep.axis] for p in line], [p[key] for p in line], "o-", label=label)
        panel.set(xlabel=sweep.title, ylabel=title)
        if sweep.log:
            panel.set_xscale("log")
            panel.set_yscale("log")
        else:
            panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
        if sweep.axis == "runs":
            panel.legend()
    figure.savefig(folder / f"{sweep.axis}.png", dpi=120)
    pyplot.close(figure)


def main():
    """Prints tables, writes them as JSON, and plots them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plots", type=pathlib.Path, help="a folder for a plot of each table")
    parser.add_argument("--quick", action="store_true", help="small numbers: whether it works")
    arguments = parser.parse_args()
    if arguments.plots:
        import matplotlib  # noqa: F401  (missing, it is told before anything is measured)

        arguments.plots.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {}
    for sweep in sweeps(arguments.quick):
        print(f"\n{sweep.title:>32}   width   s a run-epoch   peak MB", flush=True)
        report[sweep.axis] = []
        for point in sweep.points:
            measured = measure(point, arguments.quick)
            report[sweep.axis].append(measured)
            print(
                f"{point[sweep.axis]:32d} {measured['width']:7d} {measured['run_epoch_s']:15.4g} "
                f"{measured['peak_rss_mb']:9.0f}",
                flush=True,
            )
    report |= {"quick": arguments.quick, "machine": machine.describe()}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if arguments.plots:
        for sweep in sweeps(arguments.quick):
            plot(sweep, report[sweep.axis], arguments.plots)


if __name__ == "__main__":
    main()
