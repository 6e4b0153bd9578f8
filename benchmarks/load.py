"""From feature files to arrays on the device: the first build, later starts, and file by file.

    python benchmarks/load.py --json=load.json --unlabelled=73148

The files were just written and lie in the system's memory, which favours reading them one by one.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import statistics
import tempfile

import corpus
import machine
import process

_NPY_HEADER = 128
_DISK_BLOCK = 4096


def measure(folder: pathlib.Path, counts, unlabelled: int, size: int, rounds: int) -> dict:
    """Medians of seconds, each start in a process of its own."""
    root = process.script(
        "corpus.py",
        f"--folder={folder}",
        f"--counts={','.join(map(str, counts))}",
        f"--unlabelled={unlabelled}",
        f"--size={size}",
    ).output.strip()
    with tempfile.TemporaryDirectory(dir=folder, prefix="datasets-") as datasets:

        def seconds(how: str) -> float:
            place = f"--root={root}", f"--datasets={datasets}"
            finished = process.script("start.py", f"--how={how}", *place)
            clips.add(finished.json["clips"])
            return finished.json["seconds"]

        clips: set[int | None] = set()
        build_s = seconds("build")
        ways = ("read", "copy", "files")
        in_turn = [tuple(map(seconds, ways)) for _ in range(rounds)]
    expected = sum(counts) + unlabelled
    if clips != {None, expected}:
        raise SystemExit(f"{root}: read {clips - {None}} clips, not {expected}")
    read_s, copy_s, files_s = map(statistics.median, zip(*in_turn, strict=True))
    seconds_of = {"build_s": build_s, "read_s": read_s, "copy_s": copy_s, "files_s": files_s}
    return {
        **seconds_of,
        "ratio": files_s / read_s,
        "clips": expected,
        "size": size,
        "per_1000_clips": {name: s / expected * 1000 for name, s in seconds_of.items()},
    }


def check_room(folder: pathlib.Path, clips: int, size: int) -> None:
    """Refuses a corpus that the disk or the memory cannot hold."""
    arrays = len(corpus.SETS) * clips * size * 4
    files = len(corpus.SETS) * clips * -(-(size * 4 + _NPY_HEADER) // _DISK_BLOCK) * _DISK_BLOCK
    # On disk: files, records, the builder's own copy of these, arrays. In memory, file by file:
    # lists, stacks, and what is on the device.
    _check("disk", files + 3 * arrays, shutil.disk_usage(folder).free)
    _check("memory", 3 * arrays, _available_memory())


def _check(what: str, needed: int, free: int) -> None:
    if needed > free:
        raise SystemExit(
            f"load.py: needs {needed / 1e9:.1f} GB of {what}, {free / 1e9:.1f} are free; a smaller "
            "--unlabelled or --size shows the growth too"
        )


def _available_memory() -> int:
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 1 << 62  # not told here
    kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return int(kilobytes) * 1024


def show(measured: dict) -> None:
    """Prints one corpus's row."""
    print(
        f"{measured['clips']:7d} {measured['build_s']:9.2f} {measured['read_s']:9.3f} "
        f"{measured['copy_s']:9.3f} "
        f"{measured['files_s']:9.3f} {measured['ratio']:8.1f}   "
        + " ".join(f"{s * 1000:9.2f}" for s in measured["per_1000_clips"].values()),
        flush=True,
    )


def main():
    """Prints a table, and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--unlabelled", type=int, default=0, help="measure with these added too")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, help="keeps the corpora; default: temporary")
    parser.add_argument("--quick", action="store_true", help="a small corpus: whether it works")
    arguments = parser.parse_args()
    counts = tuple(count // 10 for count in corpus.COUNTS) if arguments.quick else corpus.COUNTS
    with contextlib.ExitStack() as stack:
        folder = arguments.folder
        if folder is None:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder, sum(counts) + arguments.unlabelled, arguments.size)
        print(
            "  clips   build_s    read_s    copy_s   files_s    ratio   ms a 1,000: build    read"
            "      copy     files"
        )
        report = measure(folder, counts, 0, arguments.size, arguments.rounds)
        show(report)
        if arguments.unlabelled:
            report["with_unlabelled"] = measure(
                folder, counts, arguments.unlabelled, arguments.size, arguments.rounds
            )
            show(report["with_unlabelled"])
    report["machine"] = machine.describe()
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
