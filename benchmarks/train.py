"""Training against the field's PyTorch loop and against the floor: seconds, memory, scores.

    python benchmarks/train.py --json=train.json [--torch=PYTHON] [--folder=FOLDER] [--quick]

Each figure is taken in a process of its own, in turn; several rounds, their medians.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import corpus
import machine
import process

_HIDDEN = (128, 256)
_CACHE = "JAX_COMPILATION_CACHE_DIR"
_CACHE_ALL = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
_FOLDS = 5


class Shape(NamedTuple):
    """How much there is to train on."""

    counts: tuple[int, ...]  # clips of the four corpora
    size: int  # of a feature vector


FULL = Shape(corpus.COUNTS, 1024)
QUICK = Shape((480, 60, 60, 60), 64)


class Torch(NamedTuple):
    """The PyTorch loop on a corpus, each model at its faster number of threads."""

    python: str
    root: str
    threads: dict[str, int]  # by model, see `_model_options`

    def run(self, model: str, epochs: int, folds: int) -> process.Finished:
        """Trains `folds` folds of a model."""
        return _run_torch(self.python, self.root, model, self.threads[model], epochs, folds)


def _run_torch(
    python: str, root: str, model: str, threads: int, epochs: int, folds: int
) -> process.Finished:
    name, _, hidden = model.partition("-")
    command = [python, str(process.HERE / "torch_loop.py"), f"--root={root}", f"--model={name}"]
    command += [f"--hidden={hidden}"] if hidden else []
    return process.run([*command, f"--threads={threads}", f"--epochs={epochs}", f"--folds={folds}"])


def prepare_torch(python: str, root: str, quick: bool) -> Torch | None:
    """The loop with its threads chosen, or None where `python` has no torch."""
    tried = subprocess.run(
        [python, "-c", "import torch, sklearn"], capture_output=True, check=False
    )
    if tried.returncode:
        return None
    threads = {}
    for model in ("attention_release", *(f"attention-{hidden}" for hidden in _HIDDEN)):
        seconds = {
            n: _run_torch(python, root, model, n, 2, 1).json["seconds_per_run_epoch"]
            for n in ((1,) if quick else (1, 2))
        }
        threads[model] = min(seconds, key=seconds.get)
    return Torch(python, root, threads)


def cross_validate(
    data: Sequence[str], epochs: int, folder: pathlib.Path
) -> tuple[process.Finished, float]:
    """The whole process with no compiled program kept from before, and the score it wrote."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="run-") as run:
        finished = process.run(
            [
                *process.MAIN,
                f"--workdir={run}/work",
                *data,
                "--config.model.fusion=attention_release",
                "--config.train.learning_rate=0.001",
                "--config.repeats=1",
                f"--config.train.epochs={epochs}",
            ],
            {_CACHE: f"{run}/compiled"},
        )
        results = json.loads((pathlib.Path(run) / "work" / "results.json").read_text())
    return finished, results["cross_validation"]["com"]["mean"]


def cross_validate_torch(torch: Torch, epochs: int, timed_epochs: int | None) -> dict[str, Any]:
    """The whole process of the loop; extrapolated where it is asked to train fewer epochs."""
    finished = torch.run("attention_release", timed_epochs or epochs, _FOLDS)
    result = finished.json
    left = _FOLDS * epochs - result["run_epochs"]
    row = {
        "torch_s": finished.seconds + left * result["seconds_per_run_epoch"],
        "score_torch": result["score"],
        "torch_threads": torch.threads["attention_release"],
    }
    if timed_epochs:
        row |= {"torch_extrapolated": True, "torch_epochs": timed_epochs}
    return row


def run_grid(shape: Shape, cache: pathlib.Path) -> dict[str, Any]:
    """What run_epochs.py says of the 90 runs, compiled programs kept in `cache`."""
    return process.script(
        "run_epochs.py",
        f"--clips={shape.counts[0]}",
        f"--size={shape.size}",
        f"--hidden={','.join(map(str, _HIDDEN))}",
        environment={_CACHE: str(cache), **_CACHE_ALL},
    ).json


def run_floor(shape: Shape, widths: Sequence[int], quick: bool) -> dict[str, Any]:
    """The floor at the widths that the grid's chunks have."""
    return process.script(
        "floor.py",
        f"--clips={shape.counts[0]}",
        f"--size={shape.size}",
        f"--hidden={','.join(map(str, _HIDDEN))}",
        f"--width={','.join(map(str, widths))}",
        *(["--megabytes=256", "--calls=5"] if quick else []),
    ).json


def grid_round(shape: Shape, torch: Torch | None, folder: pathlib.Path, quick: bool) -> dict:
    """One round of the grid: this package twice (first start, later start), torch, the floor."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="compiled-") as cache:
        first, later = (run_grid(shape, pathlib.Path(cache)) for _ in range(2))
    torch_s = None
    if torch is not None:
        epochs = 1 if quick else 3
        of_size = [torch.run(f"attention-{hidden}", epochs, folds=1).json for hidden in _HIDDEN]
        torch_s = statistics.mean(result["seconds_per_run_epoch"] for result in of_size)
    floor = run_floor(shape, [program["width"] for program in later["programs"]], quick)
    return {
        "run_epoch_s": statistics.mean([first["run_epoch_s"], later["run_epoch_s"]]),
        "torch_run_epoch_s": torch_s,
        "floor_s": statistics.mean(size["run_epoch_s"] for size in floor["sizes"]),
        "compile_s": first["compile_s"],
        "compile_cached_s": later["compile_s"],
        "device": later["device"],
        "programs": later["programs"],
        "floor": floor,
    }


def peak_of_grid(data: Sequence[str], folder: pathlib.Path) -> float:
    """Most memory of the process that trains the paper's 90 runs, for two epochs, and predicts."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="run-") as run:
        command = [*process.MAIN, f"--workdir={run}/work", *data, "--config.train.epochs=2"]
        return process.run(command, {_CACHE: f"{run}/compiled"}).peak_mb


def measure(arguments: argparse.Namespace, folder: pathlib.Path) -> dict[str, Any]:
    """The report, as it is written."""
    shape = QUICK if arguments.quick else FULL
    counts = ",".join(map(str, shape.counts))
    root = process.script(
        "corpus.py", f"--folder={folder}", f"--counts={counts}", f"--size={shape.size}"
    ).output.strip()
    data = [f"--config.data.root={root}", f"--config.data.tfds_dir={root}-datasets"]
    process.run([*process.MAIN, "--mode=build", *data])
    _say("choosing the threads of torch")
    torch = prepare_torch(arguments.torch, root, arguments.quick)
    if torch is None:
        _say(f"{arguments.torch} has no torch and scikit-learn: torch's row stays empty")
    ours, rounds, torch_rows = [], [], []
    for number in range(arguments.rounds):
        _say(f"round {number + 1}/{arguments.rounds}")
        ours.append(cross_validate(data, arguments.epochs, folder))
        if torch is not None and number < arguments.torch_rounds:
            torch_rows.append(cross_validate_torch(torch, arguments.epochs, arguments.torch_epochs))
        rounds.append(grid_round(shape, torch, folder, arguments.quick))
    _say("memory of the grid")
    peak = peak_of_grid(data, folder)
    middle = {
        key: None if rounds[0][key] is None else statistics.median(r[key] for r in rounds)
        for key in (
            "run_epoch_s", "torch_run_epoch_s", "floor_s", "compile_s", "compile_cached_s",
        )
    }  # fmt: skip
    mer_jax_s = statistics.median(finished.seconds for finished, _ in ours)
    torch_row: dict[str, Any] = {"torch_s": None, "score_torch": None}
    if torch_rows:
        torch_row = {**torch_rows[0], "torch_rounds": len(torch_rows)}
        torch_row["torch_s"] = statistics.median(row["torch_s"] for row in torch_rows)
    return {
        "cross_validation": {
            "mer_jax_s": mer_jax_s,
            "torch_s": torch_row["torch_s"],
            "ratio": _ratio(torch_row["torch_s"], mer_jax_s),
            "score_mer_jax": ours[0][1],
            "epochs": arguments.epochs,
            **torch_row,
        },
        "grid": {
            "run_epoch_s": middle["run_epoch_s"],
            "torch_run_epoch_s": middle["torch_run_epoch_s"],
            "ratio": _ratio(middle["torch_run_epoch_s"], middle["run_epoch_s"]),
            "floor_s": middle["floor_s"],
            "floor_ratio": middle["run_epoch_s"] / middle["floor_s"],
        },
        "compile_s": middle["compile_s"],
        "compile_cached_s": middle["compile_cached_s"],
        "peak_rss_mb": peak,
        "quick": arguments.quick,
        "device": rounds[0]["device"],
        "machine": machine.describe(),
        "rounds": [
            {"cross_validation_s": finished.seconds, **of_grid}
            for (finished, _), of_grid in zip(ours, rounds, strict=True)
        ],
    }


def _ratio(theirs: float | None, ours: float) -> float | None:
    return None if theirs is None else theirs / ours


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def show(report: dict[str, Any]) -> None:
    """Prints the table."""
    whole, of_grid = report["cross_validation"], report["grid"]
    rows = [
        ("", "mer_jax", "torch", "ratio", "floor", "ratio"),
        (
            "cross-validation, whole process, s",
            whole["mer_jax_s"], whole["torch_s"], whole["ratio"], None, None,
        ),
        ("its score (Com)", whole["score_mer_jax"], whole["score_torch"], None, None, None),
        (
            "a run-epoch of the 90-run grid, s",
            of_grid["run_epoch_s"], of_grid["torch_run_epoch_s"], of_grid["ratio"],
            of_grid["floor_s"], of_grid["floor_ratio"],
        ),
        ("compiling the first program, s", report["compile_s"], *[None] * 4),
        ("the same, a second start, s", report["compile_cached_s"], *[None] * 4),
        ("peak memory of the 90-run grid, MB", report["peak_rss_mb"], *[None] * 4),
    ]  # fmt: skip
    for title, *cells in rows:
        print(f"{title:36}" + "".join(f"{_cell(cell):>10}" for cell in cells))
    print(
        f"on {report['device']}, {report['machine']['cores']} cores; {whole['epochs']} epochs, "
        f"medians of {len(report['rounds'])} rounds"
    )
    if report["device"].endswith("x cpu"):
        print("No GPU or TPU here: absolute times of one are not in this table.")
    if whole["torch_s"] is None:
        print("No torch: its column is empty.")
    elif whole.get("torch_extrapolated"):
        print(
            f"torch trained {whole['torch_epochs']} epochs: its seconds are extrapolated, its "
            "score is that of these epochs"
        )
    else:
        print(f"torch's cross-validation: {whole['torch_rounds']} round(s)")


def _cell(value) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.4g}"


def main():
    """Prints a table, and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch_rounds", type=int, default=1, help="of its cross-validation")
    parser.add_argument("--epochs", type=int, help="default 100; 2 with --quick")
    parser.add_argument("--torch_epochs", type=int, help="train fewer with torch and extrapolate")
    parser.add_argument("--torch", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--folder", type=pathlib.Path, help="keeps the corpus; default: temporary")
    parser.add_argument("--quick", action="store_true", help="a small corpus: whether it works")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = 1
    arguments.epochs = arguments.epochs or (2 if arguments.quick else 100)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder
        if folder is None:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        report = measure(arguments, folder)
    show(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
