"""Which hosts are this machine, and the refusal to send credentials to any other over plain HTTP."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from pytest_cce_precheck.errors import UnsafeCredentialsError


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost.example")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_plain_http(endpoint: str) -> None:
    """Raise `UnsafeCredentialsError` if what is sent to ``endpoint`` leaves this machine unencrypted."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(host):
        raise UnsafeCredentialsError(
            f"credentials are not sent over plain HTTP to {host}: use https://,"
            " or a loopback address for a local service"
        )
