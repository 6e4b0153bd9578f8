"""The connection to a Ray cluster, and what it says of processes and machines that ended."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from typing import Any

from mer_jax import extras
from mer_jax.errors import InputError

AUTO = "auto"  # for an address: the cluster that this machine is a node of
_SECONDS = 10.0  # to wait for an answer
# How HTTP/2, which Ray speaks, begins (RFC 9113, section 3.4): a preface and settings, here none.
_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS


def connected(address: str) -> Any:
    """Ray's module, connected to the cluster; InputError where there is none."""
    ray = extras.load("ray", "ray", "--engine=ray")
    _reach(address)
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--address={address}: no Ray cluster to work on: {reason}") from None
    finally:
        if is_main:  # Ray has put a handler of its own in its place
            signal.signal(signal.SIGTERM, before)
    return ray


def _reach(address: str) -> None:
    """InputError where nothing answers: Ray itself would wait long, and say little."""
    if address == AUTO:
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        raise InputError(
            f"--address={address}: not HOST:PORT of the head, as `ray start --head` prints it, or "
            f"{AUTO}"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _SECONDS) as peer:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                peer.sendall(_GREETING)
                _check_greeting(address, peer.recv(len(_SETTINGS)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"--address={address}: no Ray cluster answers there: {reason}; start one with "
            "`ray start --head`"
        ) from None


def _check_greeting(address: str, answer: bytes) -> None:
    """InputError where no gRPC answers: Ray would try again for minutes, a dashboard for one."""
    kind = slice(3, 4)  # of a frame: after its length
    if answer[kind] != _SETTINGS[kind]:
        raise InputError(
            f"--address={address}: what answers there is no head of a Ray cluster; give the port "
            "that `ray start --head` prints, 6379 unless told otherwise"
        )


def got(ray: Any, reference: Any) -> Any:
    """What a reference stands for; wrong input that the cluster found is raised here."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        if isinstance(error.cause, ImportError):
            raise InputError(
                f"--engine=ray: a machine of the cluster: {error.cause}; install mer_jax there, "
                "with the extras of this machine"
            ) from None
        raise


def lost(ray: Any) -> tuple[type[Exception], ...]:
    """What Ray raises where processes or machines ended, as often as it tries."""
    known = ray.exceptions
    return (known.RayActorError, known.WorkerCrashedError, known.OutOfMemoryError,
            known.NodeDiedError, known.ObjectLostError)  # fmt: skip
