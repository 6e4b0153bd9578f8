"""Where compiled programs are kept, and what becomes of those that are damaged."""

import os
import subprocess
import sys
import warnings

import jax
import pytest

from mer_jax import compilations

JAX_SAYS = "Error {} persistent compilation cache entry for 'jit_step': {}"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """JAX's folder of compiled programs, with the hook that a command sets."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    compilations.keep()
    compilations._tell_once.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield tmp_path, shown
    jax.config.update("jax_compilation_cache_dir", before)


def test_a_damaged_program_is_removed_and_others_stay(cache, caplog):
    folder, shown = cache
    for name in ("jit_step-1a-cache", "jit_step_b-2b-cache"):
        (folder / name).write_bytes(b"half")
    warnings.warn(JAX_SAYS.format("reading", "error: Error -5"), stacklevel=1)
    assert [path.name for path in folder.iterdir()] == ["jit_step_b-2b-cache"]
    assert not caplog.records
    assert not shown


def test_a_folder_that_cannot_hold_programs_is_told_of_once(cache, caplog):
    folder, shown = cache
    for name in "ab":
        refusal = f"PermissionError: [Errno 13] Permission denied: '{folder}/{name}'"
        warnings.warn(JAX_SAYS.format("writing", refusal), stacklevel=1)
    said = f"{folder}: compiled programs cannot be kept there: Permission denied"
    assert caplog.messages == [said]
    warnings.warn("something else", stacklevel=1)
    assert shown == ["something else"]


def test_jax_finds_the_folder_once_it_is_imported(tmp_path):
    program = (
        "from mer_jax import compilations; compilations.keep()\n"
        "import sys; assert 'jax' not in sys.modules\n"
        "import jax; print(jax.config.jax_compilation_cache_dir)\n"
        "print(jax.config.jax_persistent_cache_min_compile_time_secs)\n"
    )
    rest = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    for own, folder in (
        ({}, tmp_path / ".cache" / "mer_jax"),
        ({"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "mine")}, tmp_path),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**rest, "HOME": str(tmp_path), **own},
            capture_output=True,
            text=True,
            check=True,
        )
        where, seconds = done.stdout.split()
        assert os.path.dirname(where) == str(folder)
        assert seconds == ("0.1" if not own else "1.0")
