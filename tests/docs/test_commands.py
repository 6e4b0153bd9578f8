"""Every command and every notebook cell of docs/ and the README runs as printed, on fewer clips."""

import multiprocessing
import os
import pathlib
import re
import shlex
import shutil
import socket
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The tutorial is first, as it makes the folder of the others; some have tests of their own.
_OWN = (
    "tutorial.md", "scoring.md", "extraction.md", "from_videos_to_submission.md", "own_data.md",
    "collection.md",
)  # fmt: skip
OTHERS = {ROOT / "docs" / name for name in _OWN}
PAGES = [
    ROOT / "docs" / "tutorial.md",
    ROOT / "README.md",
    *sorted({*(ROOT / "docs").glob("*.md")} - OTHERS),
]
PROGRAM = "python -m mer_jax.main "
COUNTS = {"train": 40, "mer_multi": 12, "mer_noise": 10, "mer_semi": 10}
# What makes a training small, where the command does not say otherwise.
SMALL = {
    "train.epochs": "1",
    "train.steps": "0",
    "train.batch_size": "16",
    "train.learning_rate": "1e-3",
    "model.hidden": "2",
    "model.layers": "2,2",
    "folds": "2",
    "repeats": "1",
    "report": "False",
    "evaluate.bootstrap": "20",
    "semi.mu": "1",
}
# What commands import, some of it late: imported once for all of them.
PRELOADED = [
    "mer_jax.main", "mer_jax.experiment", "mer_jax.modes.train", "tensorflow_datasets",
    "orbax.checkpoint",
]  # fmt: skip
LABELS = {"test1-label.csv": "mer_multi", "test3-label.csv": "mer_semi"}


def lines(page):
    """The lines of a page's indented blocks, those that a backslash continues joined."""
    text = re.sub(r"\\\n\s*", "", page.read_text())
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def arguments_of(line):
    """The arguments of the program in a line, which may stand in a shell's quotes."""
    before, _, rest = line.partition(PROGRAM)
    if before.count('"') % 2:
        rest = rest.partition('"')[0]
    return shlex.split(rest, comments=True)


def smaller(arguments):
    """The arguments with SMALL's where a training begins from a config file."""
    said = [argument.partition("=")[0] for argument in arguments]
    if "--config" not in said or "--mode" in said:
        return arguments
    extra = [f"--config.{k}={v}" for k, v in SMALL.items() if f"--config.{k}" not in said]
    if any("configs/table" in argument for argument in arguments):
        extra.append("--config.table.rows=('audio HuBERT-large', 'text MacBERT-base')")
    return [*arguments, *extra]


def on_this_machine(arguments):
    """The arguments with a cluster of this process alone in place of the one that is there."""
    if "--coordinator=auto" not in arguments:
        return arguments
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = ["--process_count=1", "--process_index=0", f"--coordinator=127.0.0.1:{port}"]
    return [argument for argument in arguments if argument != "--coordinator=auto"] + alone


def run(arguments, folder, stderr):
    """Runs one command line in a process of its own."""
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    from mer_jax import main
    from mer_jax.data import synthetic

    synthetic.COUNTS = COUNTS
    sys.argv = ["mer_jax.main", *arguments]
    main.main()


def run_cell(code, folder):
    """Runs a page's Python in a process of its own, as a notebook in `folder` would."""
    os.chdir(folder)
    exec(compile(code, "cell", "exec"), {"__name__": "cell"})


def prepare(arguments, folder):
    """Files that a command names and that come from elsewhere: labels, another folder or run."""
    for argument in arguments:
        name = argument.partition("=")[2]
        if argument.startswith("--labels=") and name in LABELS:
            (workdir,) = [a.partition("=")[2] for a in arguments if a.startswith("--workdir=")]
            predictions = folder / workdir / "predictions" / f"{LABELS[name]}.csv"
            shutil.copy(predictions, folder / name)
    for name, made in (("other", "my_mer2023"), ("runs/other", "release")):
        if not (folder / name).exists() and ((folder / name).parent / made).exists():
            (folder / name).symlink_to(made)


@pytest.fixture(scope="module")
def context(compiled_programs, tmp_path_factory):
    """Starts processes that have imported the package already and share compiled programs."""
    with pytest.MonkeyPatch.context() as patch:
        datasets = tmp_path_factory.mktemp("datasets")
        patch.setenv("TFDS_DATA_DIR", str(datasets))
        for name, value in compiled_programs.items():
            patch.setenv(name, value)
        found = multiprocessing.get_context("forkserver")
        found.set_forkserver_preload(PRELOADED)
        yield found


def test_every_command_runs(tmp_path, context):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    done = []
    for page in PAGES:
        for line in lines(page):
            if line.startswith("ln -s "):
                _, _, target, link = line.split()
                (tmp_path / link).symlink_to(target)
            elif PROGRAM in line:
                arguments = on_this_machine(smaller(arguments_of(line)))
                if arguments in done:
                    continue
                done.append(arguments)
                prepare(arguments, tmp_path)
                stderr = tmp_path / "stderr"
                process = context.Process(target=run, args=(arguments, tmp_path, stderr))
                process.start()
                process.join(timeout=300)
                assert process.exitcode == 0, f"{page.name}: {line}\n{stderr.read_text()}"
    assert len(done) > 15
    for page in PAGES:
        if page.name == "extending.md":  # its examples have a test file of their own
            continue
        for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            process = context.Process(target=run_cell, args=(code, tmp_path))
            process.start()
            process.join(timeout=300)
            assert process.exitcode == 0, f"{page.name}: {code}"
