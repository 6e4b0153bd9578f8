"""One child process, timed from outside: seconds, peak memory, what it printed."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import corpus

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# The command line over a corpus of corpus.py, up to its own overrides.
MAIN = (
    sys.executable,
    "-m",
    "mer_jax.main",
    "--config=configs/base.py",
    *(f"--config.features.{modality}={name}" for modality, name in corpus.SETS.items()),
)


class Finished(NamedTuple):
    """A process that ended well."""

    seconds: float  # from start to end
    peak_mb: float  # the most resident memory it had, in units of 1e6 bytes
    output: str

    @property
    def json(self) -> dict[str, Any]:
        """Its last line, read as JSON."""
        return json.loads(self.output.strip().splitlines()[-1])


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Finished:
    """Runs `command` in the repository's root and waits for it.

    The caller stays small: Linux counts the memory of the process that starts another as the
    other's own peak.

    Raises:
      SystemExit: it failed; its last lines are told.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    merged = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=merged, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # wait4 has reaped it
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            tail = "\n".join(errors.read().splitlines()[-20:])
            raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}:\n{tail}")
        unit = 1 if sys.platform == "darwin" else 1024
        return Finished(seconds, usage.ru_maxrss * unit / 1e6, output.read())


def script(name: str, *options: str, environment: Mapping[str, str] | None = None) -> Finished:
    """Runs a script of this folder under this interpreter."""
    return run([sys.executable, str(HERE / name), *options], environment)
