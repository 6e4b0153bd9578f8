"""Installed means usable: a wheel in an environment of its own, run from another folder."""

import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILT_FROM = (
    "mer_jax", "configs", "datasets", "setup.py", "pyproject.toml", "requirements.txt",
    "README.md", "LICENSE",
)  # fmt: skip
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")
WITHOUT_NETWORK = ("--no-deps", "--no-build-isolation", "--no-index")
SMALL = (
    "--config.train.epochs=1", "--config.folds=2", "--config.repeats=1", "--config.model.hidden=2",
    "--config.train.learning_rate=1e-3", "--config.report=False", "--config.evaluate.bootstrap=0",
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    int(importlib.metadata.version("setuptools").partition(".")[0]) < 77,
    reason="setuptools is older than pyproject.toml asks for",
)


def run(*command, **circumstances):
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, timeout=300,
        **circumstances,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What a build reads, apart from the checkout, in which it would leave folders."""
    folder = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=without)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def environment_with(place, *installed):
    """A new environment with this one's libraries, but not the package; `pip install`s into it."""
    run(sys.executable, "-m", "venv", "--without-pip", place)
    scripts = place / "bin"
    where = run(scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # As a line of a .pth file: the ones in there, which find the checkout, are then not read.
    libraries = [folder for folder in sys.path if folder.endswith("-packages")]
    (pathlib.Path(where.strip()) / "libraries.pth").write_text("\n".join(libraries))
    python = f"--python={scripts / 'python'}"
    run(sys.executable, *PIP, python, "install", *WITHOUT_NETWORK, *installed)
    return scripts


def variables(shared):
    """The variables of this process without what would find the checkout, and the `shared` ones."""
    rest = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**rest, **shared}


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_it_trains_where_no_checkout_is(source, tmp_path, compiled_programs, editable):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if editable:
        installed = ["--editable", source]
    else:
        wheels = tmp_path / "wheels"
        run(sys.executable, *PIP, "wheel", *WITHOUT_NETWORK, "--wheel-dir", wheels, source)
        installed = wheels.glob("*.whl")
    scripts = environment_with(tmp_path / "environment", *installed)
    here = {"cwd": elsewhere, "env": variables(compiled_programs)}
    place = run(scripts / "python", "-c", "import mer_jax; print(mer_jax.__file__)", **here)
    assert pathlib.Path(place).is_relative_to(source if editable else scripts.parent)
    # A folder of the name that config files import from, as other projects have one.
    (elsewhere / "configs").mkdir()
    (elsewhere / "configs" / "__init__.py").touch()
    arguments = ["--workdir=run", f"--config.data.tfds_dir={tmp_path / 'tfds'}", *SMALL]
    run(scripts / "python", "-m", "mer_jax.main", "--config=quickstart", *arguments, **here)
    results = (elsewhere / "run" / "results.json").read_bytes()
    record = json.loads((elsewhere / "run" / "config.json").read_text())
    assert record["config"]["data"]["corpus"] == "synthetic"
    assert record["commit"] is None
    told = run(scripts / "mer_jax", "--mode=evaluate", "--workdir=run", **here)
    assert "cross-validation" in told
    assert (elsewhere / "run" / "results.json").read_bytes() == results
