"""Which hosts are this machine, and the refusal to send credentials to any other over plain HTTP."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from pytest_cce_precheck.errors import UnsafeCredentialsError

SIMULATED: Final = "https://cce.simulated.example"
"""Where the simulator in this process says that it is; no other program can reach it there."""


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost.example")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def canonical_host(host: str) -> str:
    """Return one spelling for all that name the same address; a name of any other machine in lower case.

    >>> [canonical_host(host) for host in ("127.1", "[::ffff:127.0.0.1]", "localhost.", "CCE.example.", "0x0a.1")]
    ['localhost', 'localhost', 'localhost', 'cce.example', '10.0.0.1']
    """
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return "localhost"
    try:
        # takes every form that a connection does: 127.1, 0x7f000001
        address = ip_address(socket.inet_aton(name))
    except (OSError, UnicodeError):
        try:
            address = ip_address(name.partition("%")[0])
        except ValueError:
            return name
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return "localhost" if address.is_loopback or address.is_unspecified else str(address)


def refuse_plain_http(endpoint: str) -> None:
    """Raise `UnsafeCredentialsError` if what is sent to ``endpoint`` leaves this machine unencrypted."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(host):
        raise UnsafeCredentialsError(
            f"credentials are not sent over plain HTTP to {host}: use https://,"
            " or a loopback address for a local service"
        )
