"""Who of several processes does what, and when."""

import socket
import warnings

import pytest

from mer_jax.errors import InputError
from mer_jax.training import devices


@pytest.fixture
def events(monkeypatch):
    """What happened, the waits among it."""
    happened = []
    monkeypatch.setattr(devices, "wait_for_all", lambda moment: happened.append(f"all {moment}"))
    return happened


@pytest.mark.parametrize(
    ("index", "order"), [(0, ["body", "all ready"]), (1, ["all ready", "body"])]
)
@pytest.mark.parametrize("fails", [False, True])
def test_the_first_goes_before_the_others_even_if_it_fails(
    monkeypatch, events, index, order, fails
):
    monkeypatch.setattr(devices.jax, "process_index", lambda: index)

    def body():
        with devices.first_before_others("ready"):
            events.append("body")
            if fails:
                raise InputError("no folder")

    if fails:
        with pytest.raises(InputError, match="no folder"):
            body()
    else:
        body()
    assert events == order


def test_one_process_waits_for_nobody():
    assert devices.is_first()
    devices.wait_for_all("anything")


JAX_SAYS = "Error {} persistent compilation cache entry for 'jit_step': {}"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """JAX's folder of compiled programs, with the hook that a command sets."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))
    before = devices.jax.config.jax_compilation_cache_dir
    devices.jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    devices.keep_compilations()
    devices._warn_once.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield tmp_path, shown
    devices.jax.config.update("jax_compilation_cache_dir", before)


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


def test_a_port_in_use_is_refused_before_jax_ends_the_process():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} of this machine cannot be used: Addr"):
            devices._check_port(f"127.0.0.1:{port}")
    devices._check_port(f"127.0.0.1:{port}")
