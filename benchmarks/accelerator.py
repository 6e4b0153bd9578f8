"""The paper's grid on a GPU or TPU: run-epochs by chunk width, beside the floor there.

    PYTHONPATH=. python benchmarks/accelerator.py --json=accelerator.json [--quick]

Runs without anyone at hand, in a quarter of an hour or less; on a machine without an accelerator it
says so and ends with status 2. docs/accelerator_arithmetic.md has the figures to compare with.
"""

import argparse
import json
import pathlib
import sys
from typing import Any

import machine
import process

_HIDDEN = (128, 256)
_RUNS = 45  # of each hidden size: three learning rates, three repeats, five folds
_WIDTHS = ("1", "5", "15", "auto")
_ASK = (
    "import json, jax; d = jax.local_devices(); print(json.dumps({'backend': jax.default_backend(),"
    " 'kind': d[0].device_kind, 'count': len(d),"
    " 'bytes': (d[0].memory_stats() or {}).get('bytes_limit')}))"
)


def device() -> dict[str, Any]:
    """This machine's accelerator, which a process asks for; exits where there is none."""
    found = process.run([sys.executable, "-c", _ASK]).json
    if found["backend"] == "cpu":
        print(
            "accelerator.py: JAX finds no GPU or TPU here; install jax for it "
            "(docs/clusters_and_accelerators.md), or use train.py on a CPU",
            file=sys.stderr,
        )
        sys.exit(2)
    return found


def measure(hidden: int, quick: bool) -> dict[str, Any]:
    """Seconds of a run-epoch by chunk width, and the floor at the rule's width."""
    small = ["--clips=480", "--size=64"] if quick else []
    by_width = {}
    for chunk in _WIDTHS:
        options = [f"--hidden={hidden}", f"--runs={_RUNS}", f"--chunk={chunk}", *small]
        measured = process.script("run_epochs.py", *options).json
        width = measured["programs"][0]["width"]
        by_width[chunk] = {"width": width, **measured}
        print(
            f"hidden {hidden}, chunk {chunk}: {width} side by side, "
            f"{measured['run_epoch_s'] * 1e3:.3g} ms a run-epoch",
            flush=True,
        )
    width = by_width["auto"]["width"]
    floor = process.script("floor.py", f"--hidden={hidden}", f"--width={width}", *small).json
    return {"hidden": hidden, "by_width": by_width, "floor": floor}


def main():
    """Prints a line for each chunk width, and writes all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="a small corpus: whether it works")
    arguments = parser.parse_args()
    found = device()
    print(f"{found['count']} x {found['kind']}", flush=True)
    report = {"device": found, "machine": machine.describe()}
    report["sizes"] = [measure(hidden, arguments.quick) for hidden in _HIDDEN]
    for size in report["sizes"]:
        floor = size["floor"]["sizes"][0]
        ruled = size["by_width"]["auto"]["run_epoch_s"]
        print(
            f"hidden {size['hidden']}: {ruled * 1e3:.3g} ms a run-epoch, "
            f"{ruled / floor['run_epoch_s']:.2g} times its floor"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
