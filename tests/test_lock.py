"""One training at a time in a workdir, and no lock that outlives its process."""

import os
import signal
import subprocess
import sys

import pytest

from mer_jax import lock
from mer_jax.errors import InputError

HOLD = """
import pathlib, sys, time
from mer_jax import lock
with lock.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_the_first_is(tmp_path):
    with (
        lock.held(tmp_path),
        pytest.raises(InputError, match=rf"process {os.getpid()} on \S+ is training in it"),
        lock.held(tmp_path),
    ):
        pass
    with lock.held(tmp_path):  # and once it is let go of, anyone may
        pass


def test_a_killed_process_leaves_no_lock(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {holder.pid} on"), lock.held(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lock.held(tmp_path):
        assert (tmp_path / ".lock").read_text().split()[-1] == str(os.getpid())
