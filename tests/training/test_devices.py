"""Who of several processes does what, and when."""

import socket

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


def test_a_port_in_use_is_refused_before_jax_ends_the_process():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} of this machine cannot be used: Addr"):
            devices._check_port(f"127.0.0.1:{port}")
    devices._check_port(f"127.0.0.1:{port}")
