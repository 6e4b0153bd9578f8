"""The address of a server, and whether samples stay in this network when it is asked."""

import ipaddress
import os
import socket
import urllib.parse
from typing import NamedTuple

from mer_jax.errors import InputError

DEFAULT_KEY = "OPENAI_API_KEY"


class Address(NamedTuple):
    """A server: the address up to `/v1`, and whether it is this machine's or a private one."""

    url: str
    local: bool


def read_address(server: str, allow_remote: bool) -> Address:
    """The address that a user gave.

    Raises InputError for what is none, for a host that is not known, and, unless `allow_remote`,
    for one that is neither loopback nor private: the licence of the MER data forbids uploading
    samples.
    """
    parts = urllib.parse.urlsplit(server.strip())
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"--server={server}: expected an address such as http://localhost:8000/v1")
    if parts.username or parts.password:
        raise InputError("--server: holds a user or a password; give a key by --api_key_env")
    try:
        found = socket.getaddrinfo(host, port or None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InputError(f"--server={server}: {host} is not known: {error.strerror}") from None
    addresses = [ipaddress.ip_address(each[4][0].partition("%")[0]) for each in found]
    local = all(each.is_loopback or each.is_private for each in addresses)
    if not local and not allow_remote:
        raise InputError(
            f"--server={server}: {host} is outside this network, and the licence of the MER data "
            "forbids uploading samples; --allow_remote if yours may leave"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return Address(urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, "", "")), local)


def key_of(variable: str | None) -> str | None:
    """The key in an environment variable; none is needed for local servers.

    Raises InputError where a variable is named and not set, or holds what no header can.
    """
    name = variable or DEFAULT_KEY
    key = os.environ.get(name, "").strip()
    if variable and not key:
        raise InputError(f"--api_key_env={name}: the environment has no such variable")
    if not key.isascii() or not key.isprintable():
        raise InputError(f"the environment variable {name} holds characters that no key has")
    return key or None
