"""Groups that the benchmark of unlabelled clips holds out: others to test on in each draw."""

import csv
import importlib.util
import pathlib

import numpy as np
import pytest

PATH = pathlib.Path(__file__).parents[2] / "benchmarks" / "unlabelled.py"
EMOTIONS = ("happy", "sad", "")


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("unlabelled_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    """Six speakers with three clips each, the last one of each without an emotion."""
    root = tmp_path / "own"
    (root / "features" / "vectors").mkdir(parents=True)
    lines = ["name,emotion,group,split"]
    for number in range(18):
        np.save(root / "features" / "vectors" / f"c{number}.npy", np.full(2, number, np.float32))
        lines.append(f"c{number},{EMOTIONS[number % 3]},speaker{number // 3},train")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def held_out(benchmark, source, root, draw):
    """The rows that a draw writes, and the groups of its test clips."""
    benchmark.hold_out(source, root, draw, 2)
    with (root / "clips.csv").open() as file:
        rows = list(csv.DictReader(file))
    return rows, {row["group"] for row in rows if row["split"] == "test"}


def test_so_many_groups_are_the_test_clips_and_each_draw_takes_others(benchmark, folder, tmp_path):
    draws = [held_out(benchmark, folder, tmp_path / f"draw{n}", n) for n in range(4)]
    assert len({frozenset(tested) for _, tested in draws}) > 1
    for rows, tested in draws:
        assert len(tested) == 2
        assert {row["name"]: row["emotion"] for row in rows} == {
            f"c{n}": EMOTIONS[n % 3] for n in range(18) if EMOTIONS[n % 3]
        }
        assert all((row["split"] == "test") == (row["group"] in tested) for row in rows)
    assert np.load(tmp_path / "draw0" / "features" / "vectors" / "c4.npy").tolist() == [4, 4]
