"""Variables and settings around the process: the right behaviour or a sentence, never a page."""

import json
import logging
import os
import subprocess
import sys

import jax
import pytest

from mer_jax import environment
from mer_jax.errors import InputError
from tests.support.trainings import results_of

SMALL = (
    "--config=synthetic", "--config.train.epochs=1", "--config.folds=2", "--config.repeats=1",
    "--config.model.hidden=2", "--config.train.learning_rate=1e-3",
    "--config.evaluate.bootstrap=20",
)  # fmt: skip
# What a notebook, a shell or a cluster may have set, that no result may depend on.
SURROUNDINGS = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "1", "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "COLUMNS": "wide",
    "LINES": "-1", "TERM": "dumb", "NO_COLOR": "1", "FORCE_COLOR": "1", "OMP_NUM_THREADS": "1",
    "TMPDIR": "/nonexistent", "CUDA_VISIBLE_DEVICES": "7", "SLURM_JOB_ID": "1",
    "SLURM_NTASKS": "4", "SLURM_PROCID": "2", "JAX_ENABLE_X64": "1", "JAX_DEBUG_NANS": "true",
    "JAX_DISABLE_JIT": "1", "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_DEFAULT_PRNG_IMPL": "rbg", "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_TRANSFER_GUARD": "disallow",
}  # fmt: skip


def test_a_training_amid_all_of_them_ends_in_the_same_results(command_line, tmp_path):
    """In a folder with brackets, without a home, and with a report."""
    places = {"plain": tmp_path / "plain", "other": tmp_path / "[1] 情\\感 *{}#%"}
    done = {}
    for name, place in places.items():
        arguments = [*SMALL, f"--workdir={place / 'run'}"]
        arguments.append(f"--config.data.tfds_dir={place / 'tfds'}")
        arguments.append(f"--config.report={name == 'other'}")
        surroundings = {**SURROUNDINGS, "HOME": "/nonexistent"} if name == "other" else {}
        done[name] = command_line(*arguments, environment=surroundings)
        assert done[name].returncode == 0, done[name].stderr
        assert "Traceback" not in done[name].stderr
    assert results_of(places["plain"] / "run") == results_of(places["other"] / "run")
    assert done["other"].stdout.isascii()
    assert (places["other"] / "run" / "report.html").is_file()
    lines = done["plain"].stderr.splitlines()
    (first,) = [line for line in lines if line.startswith("training on ")]
    record = json.loads((places["plain"] / "run" / "config.json").read_text())
    assert first.startswith("training on 1 x cpu (cpu); jax ")
    for package in ("jax", "flax", "optax"):
        assert f"{package} {record['versions'][package]}" in first
    ignored = [line for line in done["other"].stderr.splitlines() if " is ignored: " in line]
    assert {line.partition("=")[0] for line in ignored} == {
        name for name in SURROUNDINGS if name.startswith("JAX_")
    }
    out = places["other"] / "out.csv"
    predicted = command_line(
        "--mode=predict", f"--workdir={places['other'] / 'run'}", f"--out={out}",
        f"--config.data.root={next((places['other'] / 'tfds').glob('synthetic-*'))}",
    )  # fmt: skip
    assert predicted.returncode == 0, predicted.stderr
    assert out.read_text().startswith("name,discrete,valence\n")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"JAX_PLATFORMS": "nonsense"}, "JAX_PLATFORMS=nonsense: Unable to initialize backend"),
        ({"JAX_PLATFORMS": "tpu"}, "JAX_PLATFORMS=tpu: "),
        ({"XLA_FLAGS": "--xla_nonsense=1"}, "XLA_FLAGS=--xla_nonsense=1: Unknown flag in XLA_FLAG"),
        ({"XLA_FLAGS": "nonsense"}, "XLA_FLAGS=nonsense: Could not open file"),
        ({"XLA_FLAGS": "--xla_cpu_enable_fast_math=x"}, "XLA_FLAGS=--xla_cpu_enable_fast_math=x: "),
        ({"JAX_LOG_COMPILES": "x"}, "a variable that JAX reads: invalid truth value 'x' for"),
    ],
    ids=str,
)
def test_what_keeps_jax_from_starting(tmp_path, variables, sentence):
    places = [
        f"--workdir={tmp_path / 'run'}",
        f"--config.data.tfds_dir={tmp_path / 't'}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mer_jax.main", *SMALL, *places],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"mer_jax: {sentence}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_device_without_a_plugin(monkeypatch):
    """JAX tells it by an assertion that fails."""
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")

    def fail():
        raise AssertionError

    monkeypatch.setattr(jax, "local_devices", fail)
    with pytest.raises(InputError, match="JAX_PLATFORMS=cuda: no plugin for it is installed; uns"):
        environment.find_devices()


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, (2, True)),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}, (1, False)),
        ({"JAX_NUM_CPU_DEVICES": "3"}, (3, False)),
    ],
    ids=str,
)
def test_cores_become_devices_unless_a_variable_says_otherwise(variables, found):
    code = (
        "import jax\nfrom mer_jax import environment\nenvironment.find_devices(2)\n"
        "print((jax.local_device_count(), environment.cores_are_devices()))"
    )
    unset = {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **unset, **variables},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{found}\n"


def test_what_says_nothing_else_than_the_default_is_not_told(caplog):
    variables = {"JAX_ENABLE_X64": "0", "JAX_DEBUG_NANS": "False", "PATH": "/bin"}
    with caplog.at_level(logging.WARNING, logger="mer_jax"):
        environment.prepare(variables)
    assert caplog.messages == []
    assert variables == {"PATH": "/bin", "MPLBACKEND": "agg"}
