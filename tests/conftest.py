"""Guards for every test: shapes of annotations are checked, broadcasting of ranks is an error."""

import gc
import os
import pathlib
import signal
import subprocess
import sys

# Programs here run for milliseconds and compile for seconds: a third of that with LLVM for loops
# in place of MLIR, and without what makes programs fast.
_QUICKLY_COMPILED = (
    "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1 "
    "--xla_cpu_use_fusion_emitters=0 --xla_cpu_opt_preset=FAST_COMPILE"
)
os.environ.setdefault("XLA_FLAGS", _QUICKLY_COMPILED)  # before JAX reads it
_WORTH_KEEPING_SECONDS = 0.1  # of compiling; what takes less is sooner made than read

import jax  # noqa: E402
import jaxtyping  # noqa: E402
import pytest  # noqa: E402

jaxtyping.install_import_hook(
    ["mer_jax.metrics", "mer_jax.models", "mer_jax.semi", "mer_jax.training"], "beartype.beartype"
)
jax.config.update("jax_numpy_rank_promotion", "raise")
# As a command does (mer_jax.process): Python looks for cycles every 700 new containers, of which
# tracing makes millions.
gc.set_threshold(100_000)


TESTS = pathlib.Path(__file__).parent
# Files that take long come first: begun last, one would leave the other worker without work.
_LONG = (
    "docs/test_commands.py",
    "end_to_end/test_processes.py",
    "training/test_semi_runs.py",
    "training/test_frames.py",
    "models/test_fusion_properties.py",
    "models/test_golden.py",
)


def pytest_collection_modifyitems(items):
    """Puts the tests of long files before all others, which stay in their order."""
    place = {TESTS / name: rank for rank, name in enumerate(_LONG)}
    assert all(path.is_file() for path in place), "a long file has another name now"
    items.sort(key=lambda item: place.get(item.path, len(place)))


_DEVICES = "--xla_force_host_platform_device_count"


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """A folder in which the tests of a session, and their processes, share what they compile."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # whose own folder this is, in the session's
        folder = folder.parent
    folder = folder / "compilation_cache"
    folder.mkdir(exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _WORTH_KEEPING_SECONDS)
    return folder


@pytest.fixture(scope="session")
def compiled_programs(compilation_cache):
    """The variables by which a process shares that folder."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(compilation_cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": str(_WORTH_KEEPING_SECONDS),
    }


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # The suite was started in the background; what tests start would ignore Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)


_MAPPED = pathlib.Path("/proc/self/maps")
_MOST_MAPPED = 20_000  # of the 65,530 regions that Linux gives a process; beyond them LLVM crashes


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Lets go of compiled programs between modules: each holds a dozen regions of memory."""
    yield
    if _MAPPED.exists() and _MAPPED.read_bytes().count(b"\n") > _MOST_MAPPED:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def start_command_line(compiled_programs):
    """Starts `python -m mer_jax.main` with some arguments; its output is text.

    `prefix` is what the command begins with, `environment` what its variables have beside ours.
    """

    def start(*arguments, devices=1, prefix=(), environment=None):
        variables = {
            **os.environ,
            **compiled_programs,
            "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {_DEVICES}={devices}",
            **(environment or {}),
        }
        command = [*prefix, sys.executable, "-m", "mer_jax.main", *map(str, arguments)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
        )

    return start


@pytest.fixture
def command_line(start_command_line):
    """Runs `python -m mer_jax.main` with some arguments and gives the finished process."""

    def run(*arguments, **circumstances):
        with start_command_line(*arguments, **circumstances) as process:
            try:
                stdout, stderr = process.communicate(timeout=300)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run


# One small training for all tests that need a trained workdir and change nothing in it. What
# makes it is imported late: the narrowest tests need none of it.


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A small synthetic corpus."""
    from mer_jax.data import synthetic
    from tests.support import trainings

    folder = tmp_path_factory.mktemp("user") / "corpus"
    synthetic.ensure(folder, seed=1, pool=4, counts=trainings.COUNTS)
    return folder


@pytest.fixture(scope="session")
def tfds_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def config(root, tfds_dir):
    """The small grid on it."""
    from tests.support import trainings

    return trainings.config_of(root, tfds_dir)


@pytest.fixture(scope="session")
def trained(config, tmp_path_factory):
    """The workdir of that grid's training."""
    from mer_jax.modes import train

    workdir = tmp_path_factory.mktemp("trained") / "run"
    train.train(config, workdir)
    return workdir
