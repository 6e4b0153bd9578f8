"""How a command ends: interrupted in any moment, or with nobody who reads what it says."""

import os
import signal
import subprocess
import sys

import pytest

RUN = "import sys, time; from mer_jax import process, termination\n{}\nprocess.run(command)"
INTERRUPTED = "mer_jax: interrupted; run the same command again to continue\n"
AGAIN = "mer_jax: interrupted again; run the same command again to continue\n"
SAVING = "mer_jax: interrupted; saving at the end of this segment; Ctrl-C again ends at once\n"
READY = "print('ready', flush=True)"
# Main threads that never return to Python, and would never hear of a signal.
COMPILING = "__import__('hashlib').pbkdf2_hmac('sha256', b'', b'', 1 << 30)"


def start(body, prefix=()):
    code = RUN.format("def command():\n" + "\n".join(f"    {line}" for line in body.splitlines()))
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted(process, times=1):
    """The status and the errors of a process that is interrupted once it is ready."""
    assert process.stdout.readline() == "ready\n"
    for time in range(times):
        if time:
            assert process.stderr.readline() == SAVING
        process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()  # leaving its `with` would wait for it
        raise
    return process.returncode, errors


@pytest.mark.parametrize(
    "waits",
    [
        "time.sleep(600)",
        "__import__('threading').Event().wait()",
        "try:\n    time.sleep(600)\nexcept BaseException:\n    raise ValueError from None",
        "class Once:\n    def __del__(self):\n        time.sleep(600)\nOnce()",
    ],
    ids=["asleep", "waiting", "in a library", "where Python cannot raise"],
)
def test_an_interrupt_is_told_in_a_sentence(waits):
    with start(f"process.log_to_stderr()\n{READY}\n{waits}\ntime.sleep(600)") as process:
        assert interrupted(process) == (130, INTERRUPTED)


def test_a_second_interrupt_ends_at_once():
    """Also while the first one waits for the end of a compilation."""
    with start(f"with termination.asked_for():\n    {READY}\n    {COMPILING}") as process:
        assert interrupted(process, times=2) == (130, AGAIN)


def test_one_interrupt_lets_training_save():
    body = (
        f"with termination.asked_for() as ending:\n    {READY}\n    while not ending():\n"
        "        time.sleep(0.01)\n    raise termination.Terminated('chunk 1 is saved')"
    )
    with start(body) as process:
        status, errors = interrupted(process)
    assert status == 130
    told = "mer_jax: interrupted; chunk 1 is saved; run the same command again to continue\n"
    assert errors == SAVING + told


def test_saving_is_told_however_soon_the_segment_ends():
    """The thread that tells starts late, as it does on a machine that is busy."""
    body = (
        "announce = termination.announce\n"
        "termination.announce = lambda said: (time.sleep('saving' in said), announce(said))\n"
        f"with termination.asked_for() as ending:\n    {READY}\n    while not ending():\n"
        "        time.sleep(0.01)\n    raise termination.Terminated('chunk 1 is saved')"
    )
    with start(body) as process:
        status, errors = interrupted(process)
    told = "mer_jax: interrupted; chunk 1 is saved; run the same command again to continue\n"
    assert (status, errors) == (130, SAVING + told)


def test_who_ignores_interrupts_goes_on_doing_so():
    """As a script's commands in the background do."""
    body = (
        "import signal\nsignal.raise_signal(signal.SIGINT)\n"
        "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    )
    ignoring = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    with start(body, prefix=ignoring) as process:
        assert process.communicate(timeout=60) == ("True\n", "")
    assert process.returncode == 0


# Standard output


def test_nobody_reads_the_rest():
    reading, writing = os.pipe()
    os.close(reading)
    code = RUN.format("def command():\n    print('x' * (1 << 20))")
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_help_into_a_pipe_that_is_closed():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "mer_jax.main", "--help"], stdout=writing, stderr=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams(tmp_path, closed):
    """What is opened later is no stream's."""
    file = tmp_path / "file"
    code = RUN.format(
        f"def command():\n    with open({str(file)!r}, 'w') as out:\n        print('output')\n"
        "        print('error', file=sys.stderr)\n        out.write(str(out.fileno() > 2))"
    )
    close = "; ".join(f"exec {number}>&-" for number in closed)
    done = subprocess.run(
        ["/bin/sh", "-c", f'{close}; exec "$@"', "sh", sys.executable, "-c", code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout == ("" if 1 in closed else "output\n")
    assert done.stderr == ("" if 2 in closed else "error\n")
    assert file.read_text() == "True"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output(unbuffered):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    code = RUN.format("def command():\n    print('output')")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered}, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("mer_jax: input or output: No space left on device")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "1 ± 2 → 情 \\udcff\n"), ("ascii", "1 +- 2 -> \\u60c5 \\udcff\n"),
     ("latin-1", "1 ± 2 -> \\u60c5 \\udcff\n")],
)  # fmt: skip
def test_characters_that_the_output_lacks(encoding, shown):
    code = RUN.format("def command():\n    print('1 ± 2 → 情 \\udcff')")
    variables = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, check=True
    )
    assert done.stdout.decode(encoding) == shown


def test_python_searches_for_no_cycles_at_its_end():
    """It would look at all that JAX and others have made, and the process is about to go."""
    cycle = "class Cycle:\n    def __del__(self):\n        print('found')\nit = Cycle()\nit.me = it"
    with start(f"{cycle}\ndel it\nprint('over')") as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "over\n", "")
