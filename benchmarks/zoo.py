"""Training of MERBench's fusion algorithms against PyTorch as the field writes it.

    python benchmarks/zoo.py --json=zoo.json [--only=mfn,mult] [--chunk=5] [--quick]

Each figure is taken in a process of its own. Ours trains 30 runs (5 folds, 6 draws of what is
traced) in chunks by the default rule; PyTorch (torch_zoo.py) trains one model at a time at the
better of 1 and 2 threads. Both train a fold of 1,447 clips with CMU-MOSI's widths, 21 frames where
the algorithm takes frames, batch 32, hidden 64, and validate on the rest. Prints a table.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import machine
import numpy as np
import process

from mer_jax import environment

SIZES = {"audio": 73, "text": 384, "video": 100}
FOLDS = 5
BATCH = 32
# The release's names of settings that have another one here.
_RELEASE_NAMES = {"num_layers": "layers", "kernel_size": "conv1d_kernel_size"}
_CACHE = {"JAX_COMPILATION_CACHE_DIR": "", "JAX_ENABLE_COMPILATION_CACHE": "false"}


class Shape(NamedTuple):
    """How much there is to train on."""

    clips: int
    frames: int
    hidden: int
    rounds: int  # epochs that are timed; their median counts


FULL = Shape(clips=1447, frames=21, hidden=64, rounds=3)
QUICK = Shape(clips=160, frames=5, hidden=16, rounds=1)


class Algorithm(NamedTuple):
    """An algorithm on both sides, with equal sizes."""

    aim: float  # how many times faster a run-epoch should be
    is_framed: bool = False
    settings: Mapping[str, Any] = types.MappingProxyType({})  # of both sides: the release's names
    fusion: str = ""  # our name, where it is another


ALGORITHMS = {
    "attention": Algorithm(5, fusion="attention_merbench"),
    "lmf": Algorithm(5, settings={"rank": 4}),
    "tfn": Algorithm(3),
    "misa": Algorithm(
        4, settings={"sim_weight": 0.1, "diff_weight": 0.1, "recon_weight": 0.1}
    ),
    "mmim": Algorithm(4, settings={"cpc_layers": 2, "alpha": 0.1, "beta": 0.1}),
    "mult": Algorithm(
        3, True, settings={"layers": 4, "num_heads": 8, "conv1d_kernel_size": 3}
    ),
    "mfn": Algorithm(8, True, settings={"mem_dim": 128, "window_dim": 2}),
    "graph_mfn": Algorithm(8, True, settings={"mem_dim": 128}),
    "mfm": Algorithm(
        8, True,
        settings={
            "mem_dim": 128, "window_dim": 2, "lda_mmd": 10, "lda_xl": 0.1, "lda_xa": 0.1,
            "lda_xv": 0.1,
        },
    ),
    "mctn": Algorithm(8, True, settings={"teacher_forcing_ratio": 0.5, "loss_weight": 0.3}),
    "lf_dnn": Algorithm(5),
    "ef_lstm": Algorithm(8, True, settings={"num_layers": 2}),
    "attention_topn": Algorithm(5),
}  # fmt: skip


def draw(name: str, shape: Shape) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Random features by modality, [N, D] or [N, T, D], and valences [N] that depend on them."""
    rng = np.random.default_rng(0)
    frames = (shape.frames,) if ALGORITHMS[name].is_framed else ()
    features = {
        m: rng.standard_normal((shape.clips, *frames, size), np.float32)
        for m, size in SIZES.items()
    }
    means = [x.reshape(shape.clips, -1, x.shape[-1]).mean(1)[:, :8] for x in features.values()]
    return features, sum(means).mean(1).astype(np.float32)


def of_torch(name: str, shape: Shape, threads: int) -> dict[str, float]:
    """Seconds of an epoch of one model: training on four fifths, validation on the others."""
    import torch
    import torch_zoo
    from torch.utils.data import DataLoader, Subset, TensorDataset

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    features, valence = draw(name, shape)
    config = {
        **{f"{m}_dim": size for m, size in SIZES.items()},
        "output_dim1": 0, "output_dim2": 1, "dropout": 0.3, "hidden_dim": shape.hidden,
        "feat_type": "frm_align" if ALGORITHMS[name].is_framed else "utt",
        **ALGORITHMS[name].settings,
    }  # fmt: skip
    inputs = dict(zip(torch_zoo.INPUTS, features.values(), strict=True))
    if name == "attention_topn":
        config["audio_dim"] = list(SIZES.values())
        inputs = {f"feat{i}": x for i, x in enumerate(features.values())}
    data = TensorDataset(*map(torch.from_numpy, (*inputs.values(), valence[:, None])))
    held_out = shape.clips // FOLDS
    train = DataLoader(Subset(data, range(held_out, shape.clips)), BATCH, shuffle=True)
    validation = DataLoader(Subset(data, range(held_out)), BATCH)
    model = torch_zoo.ALGORITHMS[name](config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)

    def epoch() -> float:
        start = time.perf_counter()
        model.train()
        for *x, y in train:
            optimizer.zero_grad()
            loss = torch_zoo.loss_of(model(dict(zip(inputs, x, strict=True))), None, y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            guesses = [model(dict(zip(inputs, x, strict=True))).valence for *x, _ in validation]
        float(torch.cat(guesses).mean())
        return time.perf_counter() - start

    epoch()
    return {"run_epoch_s": statistics.median(epoch() for _ in range(shape.rounds))}


def of_ours(name: str, shape: Shape, chunk: str | int = "auto") -> dict[str, Any]:
    """Seconds of a run-epoch of the grid, and of compiling its program."""
    environment.find_devices(environment.cores())  # as a training does
    import run_epochs

    from mer_jax import config as config_lib
    from mer_jax.corpora import CMUMOSI
    from mer_jax.data.arrays import Labels, Split
    from mer_jax.data.rows import Frames, sizes
    from mer_jax.models.fusion import FUSIONS
    from mer_jax.training import division, plan

    of = ALGORITHMS[name]
    features, valence = draw(name, shape)
    if of.is_framed:
        features = {m: Frames.of_clips(list(x)) for m, x in features.items()}
    config = config_lib.load_base()
    config.folds, config.repeats = FOLDS, 1
    config.model.fusion = of.fusion or name
    config.model.hidden = shape.hidden
    config.features.level = "frames" if of.is_framed else "utterance"
    config.train.learning_rate = (1e-3, 5e-4, 1e-4)
    config.train.dropout = (0.2, 0.3)
    config.train.chunk = chunk
    held = FUSIONS[config.model.fusion].SETTINGS
    for setting in held:
        value = of.settings.get(
            setting.name, of.settings.get(_RELEASE_NAMES.get(setting.name, setting.name))
        )
        if value is not None:
            config[setting.part][setting.name] = value
        elif setting.name == "release":
            config[setting.part][setting.name] = True  # the same arithmetic as PyTorch's
    for modality in SIZES:
        config.features[modality] = modality
    config = config_lib.check(config)
    trials = config_lib.trials(config)
    known = np.ones(shape.clips, bool)
    labels = Labels(np.zeros(shape.clips, np.int32), ~known, valence, known)
    names = np.array([f"clip_{i:04d}" for i in range(shape.clips)])
    split = Split(names=names, features=features, labels=labels)
    groups = plan.group(config, trials, tuple(SIZES), CMUMOSI.task)
    frames = shape.frames if of.is_framed else 1
    count = plan.spread(config, groups, environment.cores())
    widths = plan.widths(config, groups, sizes(features), frames, max(count, 1))
    samples = division.training_samples(split, None)
    folds = division.make_folds(config, samples, names, None)
    prepared = plan.Plan(config, trials, samples, folds, count)
    measured = run_epochs.measure(prepared, plan.cut(groups, widths, count), 1, shape.rounds)
    runs = sum(len(group) for group in groups.values())
    return {
        "run_epoch_s": sum(count * timing.epoch_s for _, count, timing in measured) / runs,
        "compile_s": max(timing.compile_s for *_, timing in measured),
        "programs": len(measured),
        "width": measured[0][0].width,
        "devices": max(count, 1),
        "runs": runs,
    }


def measure(name: str, quick: bool, chunk: str) -> dict[str, Any]:
    """Both sides of an algorithm, each in processes of its own."""
    options = [f"--side_of={name}", *(["--quick"] if quick else [])]
    ours = process.script("zoo.py", *options, f"--chunk={chunk}", environment=_CACHE).json
    of_threads = {}
    for threads in sorted({1, min(2, environment.cores())}):
        finished = process.script("zoo.py", *options, f"--threads={threads}")
        of_threads[threads] = finished.json["run_epoch_s"]
    threads = min(of_threads, key=of_threads.get)
    return {
        "algorithm": name,
        "aim": ALGORITHMS[name].aim,
        "ratio": of_threads[threads] / ours["run_epoch_s"],
        "torch_s": of_threads[threads],
        "torch_threads": threads,
        **ours,
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Prints the table in Markdown."""
    print(
        "| | mer_jax, s a run-epoch | torch (threads) | ratio | aim | compiling, s | side by side |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        torch_cell = f"{row['torch_s']:.3g} ({row['torch_threads']})"
        print(
            f"| {row['algorithm']} | {row['run_epoch_s']:.3g} | {torch_cell} | {row['ratio']:.1f} "
            f"| {row['aim']:g} | {row['compile_s']:.1f} | {row['width']} |"
        )


def main():
    """Measures every algorithm, or one side of one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--only", help="algorithms, separated by commas")
    parser.add_argument("--quick", action="store_true", help="small numbers: whether it works")
    parser.add_argument("--chunk", default="auto", help="runs side by side; auto: by the rule")
    parser.add_argument("--side_of", choices=ALGORITHMS, help="one algorithm in this process")
    parser.add_argument("--threads", type=int, help="of PyTorch; without it: our side")
    arguments = parser.parse_args()
    shape = QUICK if arguments.quick else FULL
    if arguments.side_of:
        name = arguments.side_of
        of_side = of_torch(name, shape, arguments.threads) if arguments.threads else None
        chunk = int(arguments.chunk) if arguments.chunk.isdigit() else arguments.chunk
        print(json.dumps(of_side or of_ours(name, shape, chunk)))
        return
    names = arguments.only.split(",") if arguments.only else list(ALGORITHMS)
    if unknown := [name for name in names if name not in ALGORITHMS]:
        sys.exit(f"--only: unknown algorithm {unknown[0]!r}; one of: {', '.join(ALGORITHMS)}")
    rows = []
    for name in names:
        rows.append(measure(name, arguments.quick, arguments.chunk))
        print(json.dumps(rows[-1]), flush=True)
    show(rows)
    if arguments.json:
        report = {"machine": machine.describe(), "rows": rows}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
