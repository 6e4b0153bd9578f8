"""The main job as processes: the command line, several of them, devices, signals."""

import contextlib
import json
import pathlib
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import lock
from mer_jax.errors import InputError
from mer_jax.modes import train
from mer_jax.training.checkpoint import Checkpoints
from tests.support.trainings import (
    COUNTS,
    assert_same_files,
    config_of,
    flags_of,
    of_two,
    results_of,
    rows_of,
)


def wait_until_it_catches(process, number):
    """Returns once a process has a handler for a signal, as it has while it trains."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = re.search(r"SigCgt:\s*(\w+)", status.read_text())[1]
        if int(caught, 16) >> (number - 1) & 1:
            return
        time.sleep(0.05)
    raise AssertionError(process.stderr.read())


def test_two_processes_train_what_one_does(trained, root, tmp_path, command_line):
    workdir = tmp_path / "run"
    both = of_two(workdir, config_of(root, tmp_path / "tfds"))
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda arguments: command_line(*arguments), both))
    assert [process.returncode for process in done] == [0, 0], [p.stderr for p in done]
    assert_same_files(trained, workdir)
    for first_chunk, process in enumerate(done):
        chunks = [int(n) for n in re.findall(r"chunk (\d)/6 .*: trained", process.stderr)]
        assert chunks == [1 + first_chunk, 3 + first_chunk, 5 + first_chunk]
    assert "building" in done[0].stderr
    assert "building" not in done[1].stderr
    assert "cross-validation" in done[0].stdout
    assert done[1].stdout == ""


def test_two_processes_that_are_asked_to_end_leave_together(
    trained, config, tmp_path, start_command_line
):
    """As Slurm asks all of a job; one process then continues to the bits of the undisturbed run."""
    workdir = tmp_path / "run"
    with contextlib.ExitStack() as running:
        both = [
            running.enter_context(start_command_line(*arguments))
            for arguments in of_two(workdir, config)
        ]
        for each in both:
            wait_until_it_catches(each, signal.SIGTERM)
        with pytest.raises(InputError, match=f"process {both[0].pid} on"), lock.held(workdir):
            pass
        for each in both:
            each.send_signal(signal.SIGTERM)
        logs = [each.stderr.read() for each in both]
    assert [each.returncode for each in both] == [128 + signal.SIGTERM] * 2, logs
    for log in logs:
        assert log.splitlines()[-1].startswith("mer_jax: terminated; "), log
    assert len(list((workdir / "checkpoints").rglob("*.msgpack"))) >= 2, "each has saved its own"
    assert not (workdir / "results.json").exists()
    train.train(config, workdir)
    assert_same_files(trained, workdir)


def test_the_command_line_trains_continues_evaluates_and_predicts(
    trained, config, root, tmp_path, command_line
):
    workdir = tmp_path / "run"
    file = config_lib.CONFIGS / "base.py"
    done = command_line(f"--config={file}", f"--workdir={workdir}", *flags_of(config))
    assert done.returncode == 0, done.stderr
    assert_same_files(trained, workdir)
    mean = results_of(trained)["cross_validation"]["dis"]["mean"]
    assert f"{100 * mean:.2f}±" in done.stdout
    again = command_line(f"--workdir={workdir}")
    assert again.returncode == 0, again.stderr
    assert "already trained" in again.stderr
    assert again.stdout == done.stdout
    evaluated = command_line("--mode=evaluate", f"--workdir={workdir}", "--quiet")
    assert evaluated.returncode == 0, evaluated.stderr
    assert (evaluated.stdout, evaluated.stderr) == (done.stdout, "")
    assert_same_files(trained, workdir)
    out = tmp_path / "out.csv"
    arguments = ("--mode=predict", f"--workdir={workdir}", f"--config.data.root={root}")
    predicted = command_line(*arguments, f"--out={out}")
    assert predicted.returncode == 0, predicted.stderr
    assert len(rows_of(out)) == sum(COUNTS.values()) + 4
    other = command_line(f"--workdir={workdir}", "--config.train.epochs=5")
    assert other.returncode == 2
    assert "holds a run with config.train.epochs=4, not 5" in other.stderr
    assert "Traceback" not in other.stderr
    assert_same_files(trained, workdir)


def test_eight_devices_train_the_same_runs(root, tfds_dir, tmp_path, command_line):
    """The run axis is sharded over 8 virtual devices; weights agree with one device's."""
    config = config_of(root, tfds_dir, train__epochs=2, train__chunk=12, model__hidden=8)
    file = config_lib.CONFIGS / "base.py"
    kept, results = {}, {}
    for count in (1, 8):
        workdir = tmp_path / f"on{count}"
        arguments = (f"--config={file}", f"--workdir={workdir}", *flags_of(config))
        done = command_line(*arguments, devices=count)
        assert done.returncode == 0, done.stderr
        kept[count], results[count] = Checkpoints(workdir).restore_kept(), results_of(workdir)
    assert results[1]["best"] == results[8]["best"]
    for one, eight in zip(jax.tree.leaves(kept[1]), jax.tree.leaves(kept[8]), strict=True):
        np.testing.assert_allclose(one, eight, atol=1e-5)


def test_a_run_is_repeated_from_its_config_json(trained, tmp_path, command_line):
    """At the recorded widths: the rule would take others here."""
    record = json.loads((trained / "config.json").read_text())
    assert record["device"] == {"kind": "cpu", "backend": "cpu", "count": 1}
    record["config"]["train"]["chunk"] = "auto"
    (tmp_path / "old.json").write_text(json.dumps(record))
    workdir = tmp_path / "new"
    done = command_line(f"--config_json={tmp_path / 'old.json'}", f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    again = json.loads((workdir / "config.json").read_text())
    assert {**again, "commit": None} == {**record, "commit": None}  # someone may commit meanwhile
    assert not re.search(r": (?!commit)\w+ differs from this", done.stderr)
    assert_same_files(trained, workdir)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_ends_with_the_same_bits(
    trained, config, tmp_path, start_command_line, command_line, number
):
    """SIGINT is Ctrl-C."""
    workdir = tmp_path / "run"
    base = f"--config={config_lib.CONFIGS / 'base.py'}"
    arguments = (base, f"--workdir={workdir}", *flags_of(config))
    with start_command_line(*arguments) as process:
        wait_until_it_catches(process, signal.SIGTERM)
        process.send_signal(number)
        log = process.stderr.read()
    assert process.returncode == 128 + number, log
    word = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}[number]
    assert log.splitlines()[-1].startswith(f"mer_jax: {word}; chunk "), log
    assert log.endswith("; run the same command again to continue\n")
    assert "Traceback" not in log
    left = [path.name for path in (workdir / "checkpoints").rglob("*.msgpack")]
    assert left, "something is saved, though no checkpoint was due"
    assert not (workdir / "results.json").exists()
    again = command_line(f"--workdir={workdir}")
    assert again.returncode == 0, again.stderr
    assert_same_files(trained, workdir)
