"""Files that score commands read, and where the organisers' material lies, if it is there."""

import csv
import json
import pathlib

import pytest

from mer_jax import command_line

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "scoring"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the organisers' scoring material is not beside the checkout"
)


def run(*arguments):
    """Runs a mode in this process, with its flags as on the command line."""
    mode, parsed = command_line.parse(["mer_jax.main", *map(str, arguments)])
    mode.run(parsed)


def scores(out):
    """What scores.json in the folder `out` holds."""
    return json.loads((out / "scores.json").read_text())


def write_csv(path, header, rows):
    """A CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_json(path, content):
    """A JSON file."""
    path.write_text(json.dumps(content))
    return path


def read_csv(path):
    """The rows of a CSV file as dictionaries."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def disguise(source, target, change=str):
    """Copies a CSV with its lines in reverse order, a BOM, Windows' line ends, other columns.

    `change` is done to every cell but the first of a line, which is a name.
    """
    with source.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(["further", *(f" {name.upper()} " for name in reversed(header))])
        writer.writerows([["x", *map(change, reversed(row[1:])), row[0]] for row in reversed(rows)])
    return target


# A small wheel, in the form of wheel.json.
WHEEL = {
    "forms": {
        "happy": ["happy"], "happily": ["happy"], "glad": ["glad"], "sad": ["sad"],
        "gloomy": ["gloomy"], "calm": ["calm"], "table": ["table"],
    },
    "synonyms": {
        "happy": ["joyful"], "glad": ["joyful", "content"], "sad": ["sorrow"],
        "gloomy": ["sorrow", "bleak"], "calm": ["content"],
    },
    "wheels": {
        "wheel1": {
            "level1": {"joyful": "joy", "content": "joy", "sorrow": "grief", "bleak": "grief"},
            "level2": {"joyful": "joyful", "content": "content", "sorrow": "low", "bleak": "low"},
        },
        "wheel2": {
            "level1": {"joyful": "up", "sorrow": "down"},
            "level2": {"joyful": "up2", "sorrow": "down2"},
        },
    },
}  # fmt: skip
