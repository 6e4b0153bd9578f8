"""A Ray cluster of two machines on this one: the same folder as one process's, to the bit.

`make ray` takes a pretrained encoder as well, and resumes on the cluster.
"""

import importlib.util
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra extract is not installed")
if importlib.util.find_spec("ray") is None:
    pytest.skip("the extra ray is not installed", allow_module_level=True)

from mer_jax import command_line
from mer_jax.errors import InputError
from mer_jax.extraction import sets
from tests.support import encoders, extract_slowly
from tests.support import media as made

CLIPS = 24
SETS = "mel-statistics, letter-pairs, image-grid"
if os.environ.get("MER_JAX_RAY") == "all":  # JAX in five processes takes its time
    SETS += ", HuBERT-base=hubert-base"
PATIENCE_SECONDS = 200


def processes(ancestor):
    """Every process below one, and their command lines."""
    parents, commands = {}, {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            commands[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(status[1])
    found = {}
    for process in parents:
        above = process
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor and process != ancestor:
            found[process] = commands.get(process, "")
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The process that is the cluster, and its address."""
    variables = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": "/tmp",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    log = tmp_path_factory.mktemp("cluster") / "log"
    with log.open("w") as file, subprocess.Popen(
        [sys.executable, "-m", "tests.support.ray_cluster"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=file, text=True, env=variables,
    ) as process:  # fmt: skip
        address = process.stdout.readline().strip()
        assert address, log.read_text()
        yield process, address
        began = processes(process.pid)
        process.stdin.close()
        process.wait(PATIENCE_SECONDS)
    left = {each for each in began if pathlib.Path(f"/proc/{each}").exists()}
    until = time.monotonic() + PATIENCE_SECONDS
    while left and time.monotonic() < until:
        time.sleep(0.1)
        left = {each for each in left if pathlib.Path(f"/proc/{each}").exists()}
    assert not left


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """Clips with sound and images, of which one is none, and their list."""
    folder = tmp_path_factory.mktemp("corpus") / "media"
    for i in range(CLIPS):
        image = np.full((32, 32, 3), 10 * i, np.uint8)
        made.write(folder / f"c{i}.mkv", made.tone(0.2 + 0.05 * (i * 7 % 5), 200 + 9 * i),
                   [image] * 3)  # fmt: skip
    (folder / "c7.mkv").write_bytes(b"no film")
    lines = ["name,text", *(f"c{i},{'so ' * (1 + i % 3)}" for i in range(CLIPS))]
    (folder.parent / "clips.csv").write_text("\n".join(lines))
    return folder


def files_of(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")
            if path.name != ".lock"}  # fmt: skip


def features_of(out):
    return sum(1 for _ in out.rglob("[!.]*.npy"))


def wait_for(process, condition):
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)
    return found


def test_processes_that_are_killed_change_nothing(cluster, media, tmp_path):
    holder, address = cluster
    extract_slowly.main(media, tmp_path / "one")
    one = files_of(tmp_path / "one")
    assert len(one) == 3 * (CLIPS - 1) + 3 + 1  # features, manifests, the list of failures
    out = tmp_path / "two"
    command = [sys.executable, "-m", "tests.support.extract_slowly", media, out, address]

    def working(*kinds):
        begins = tuple(f"ray::{kind}" for kind in kinds)
        there = processes(holder.pid).items()
        return [number for number, command in there if command.startswith(begins)]

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(process, lambda: features_of(out) > 3)
        os.kill(wait_for(process, lambda: working("Encoders"))[0], signal.SIGKILL)
        os.kill(wait_for(process, lambda: working("hear", "look", "ask"))[0], signal.SIGKILL)
        assert features_of(out) < 3 * (CLIPS - 1)
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, log
    assert files_of(out) == one
    assert "a process with encoders has ended" in log


def run_here(*arguments):
    """Runs a command in this process; of its clips one fails."""
    mode, checked = command_line.parse(["mer_jax", *map(str, arguments)])
    with pytest.raises(InputError, match=r"^1 clip failed, .* c7: not a readable media file"):
        mode.run(checked)


def test_what_is_interrupted_on_a_cluster_may_be_resumed_by_one_process(
    cluster, media, tmp_path, start_command_line
):
    _, address = cluster
    made.write_wav(tmp_path / "noise/speech.wav", 9_000 * made.tone(1.3, 333))
    arguments = (
        "--mode=extract", "--quiet", f"--media={media}", f"--clips={media.parent / 'clips.csv'}",
        f"--sets={SETS}", f"--noise={tmp_path / 'noise'}", "--batch_clips=4",
    )  # fmt: skip
    if "hubert" in SETS:
        encoders.write_folder(tmp_path / "models/hubert-base", "hubert-base")
        arguments += (f"--models={tmp_path / 'models'}",)
    run_here(*arguments, f"--out={tmp_path / 'one'}")
    out = f"--out={tmp_path / 'two'}"
    on_cluster = (*arguments, out, "--engine=ray", f"--address={address}")
    with start_command_line(*on_cluster) as process:
        wait_for(process, lambda: features_of(tmp_path / "two"))
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, log
    assert log == "mer_jax: interrupted; run the same command again to continue\n"
    assert features_of(tmp_path / "two") < (SETS.count(",") + 1) * (CLIPS - 1)
    run_here(*(on_cluster if "hubert" in SETS else (*arguments, out)))
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")


def test_the_page_s_commands_are_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "clusters_and_accelerators.md"
    text = re.sub(r"\\\n\s*", "", page.read_text())
    (line,) = re.findall(r"^    mer_jax (.*--engine=ray.*)$", text, re.MULTILINE)
    mode, arguments = command_line.parse(["mer_jax", *shlex.split(line)])
    assert (mode.name, arguments["address"]) == ("extract", "10.0.0.1:6379")
    assert len(sets.wanted(arguments["sets"], sets.Settings())) == 4
