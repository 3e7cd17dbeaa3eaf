"""Which hosts are this machine."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.wire.hosts import is_loopback


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_a_host_is_this_machine_by_its_address_or_as_localhost(host: str, is_one: bool) -> None:
    assert is_loopback(host) is is_one
