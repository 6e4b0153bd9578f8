"""The benchmark for accelerators where there is none, and the page with the arithmetic for them."""

import os
import pathlib
import subprocess
import sys

import jax
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.training import devices, plan
from mer_jax.training.sizes import count_parameters

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "accelerator_arithmetic.md").read_text()
MODALITIES = ("audio", "text", "video")
SIZES = dict.fromkeys(MODALITIES, 1024)


@pytest.fixture(scope="module")
def groups():
    """The paper's grid, by program."""
    config = config_lib.check(config_lib.load_base())
    return config, plan.group(config, config_lib.trials(config), MODALITIES, MER2023.task)


def test_without_an_accelerator_it_says_so_and_ends(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "accelerator.py", f"--json={tmp_path / 'a.json'}"],
        env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("accelerator.py: JAX finds no GPU or TPU here; install jax")
    assert done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_the_page_has_the_counts_of_the_code(groups):
    counted = [f"{count_parameters(static, SIZES):,}" for static in groups[1]]
    assert f"| parameters | {counted[0]} | {counted[1]} |" in PAGE
    runs = [len(found) for found in groups[1].values()]
    assert runs == [45, 45]
    for hidden in (128, 256):
        assert f"{12 * 32 * 1024 * hidden / 1e6:.0f} MFLOP" in PAGE


@pytest.mark.parametrize(("backend", "gigabytes", "count"), [("gpu", 80, 1), ("tpu", 16, 8)])
def test_the_page_tells_what_the_rule_chooses(monkeypatch, groups, backend, gigabytes, count):
    config, of_grid = groups
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(devices, "memory_bytes", lambda: gigabytes * 10**9)
    widths = plan.widths(config, of_grid, SIZES)
    assert widths == [45, 45]
    assert "**45 side by side, two chunks in\nall**" in PAGE
    places = {chunk.width for chunk in plan.cut(of_grid, widths, count)}
    assert places == ({45} if count == 1 else {48})
    assert "at 48\nplaces: six a chip" in PAGE
