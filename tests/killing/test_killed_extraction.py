"""Extractions killed at random moments: the folder ends as the undisturbed one's, to the bit.

Two kills here, ten and more by `make kill`.
"""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.support import media as made

pytest.importorskip("av", reason="the extra extract is not installed")

KILLS = int(os.environ.get("MER_JAX_KILLS", "2"))
SEED = int(os.environ.get("MER_JAX_KILL_SEED", "0"))
CLIPS = 30
PATIENCE_SECONDS = 300


def start(media, out):
    command = [sys.executable, "-m", "tests.support.extract_slowly", str(media), str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process):
    with process:
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, log


def files_of(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}


def features_of(out):
    return sum(1 for _ in out.rglob("*.npy"))


def test_a_killed_extraction_ends_with_the_undisturbed_one_s_files(tmp_path):
    media = tmp_path / "media"
    for i in range(CLIPS):
        image = np.full((32, 32, 3), 8 * i, np.uint8)
        made.write(media / f"c{i}.mkv", made.tone(0.2 + 0.05 * (i * 7 % 5)), [image] * 3)
    (media / "c7.mkv").write_bytes(b"no film")
    finish(start(media, tmp_path / "whole"))
    whole = files_of(tmp_path / "whole")
    assert len(whole) == 3 * CLIPS - 3 + 3 + 1  # features, manifests, the list of failures
    rng = np.random.default_rng(SEED)
    out, kills, round_ = tmp_path / "killed", 0, 0
    while kills < KILLS:
        there = features_of(out)
        if there == 3 * CLIPS - 3:  # all that there are to come: once more from the beginning
            out, there = tmp_path / f"killed_{round_}", 0
        wanted = rng.integers(there, 3 * CLIPS - 3)  # after which a random moment follows
        with start(media, out) as process:
            until = time.monotonic() + PATIENCE_SECONDS
            while process.poll() is None and features_of(out) < wanted:
                assert time.monotonic() < until
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
        kills += process.returncode == -9
        round_ += 1
        assert files_of_whole(out).items() <= whole.items()
    finish(start(media, out))
    assert files_of(out) == whole
    print(f"{kills} kills")


def files_of_whole(out):
    """All files but the hidden one that a kill may leave, and the list, which may lack lines."""
    return {
        name: content
        for name, content in files_of(out).items()
        if "/." not in name and name != "failures.csv"
    }
