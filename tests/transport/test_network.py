"""Connections that a simulated or replayed test must not make, by whatever client."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from pytest_cce_precheck import Simulator, SimulatorServer
from pytest_cce_precheck.errors import NetworkRefusedError
from pytest_cce_precheck.transport.network import Network
from tests.gates import ends_in_our_code
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "https://cce.example"


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lines be named from there."""
    monkeypatch.chdir(Path(__file__).parents[2])


def by_sockets(host: str) -> None:
    socket.create_connection((host, 443), timeout=1).close()


def by_urllib3(host: str) -> None:
    urllib3.request("GET", f"https://{host}/", retries=False)


def by_httpx(host: str) -> None:
    require_module("httpx").get(f"https://{host}/")


def by_aiohttp(host: str) -> None:
    aiohttp = require_module("aiohttp")

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.get(f"https://{host}/"):
            pass

    asyncio.run(ask())


@pytest.mark.parametrize("ask", [by_sockets, by_urllib3, by_httpx, by_aiohttp])
@pytest.mark.parametrize(("host", "blocked"), [("cce.example", False), ("CCE.example.", True), ("192.0.2.1", True)])
def test_a_client_is_refused_before_anything_is_sent_and_is_named(
    ask: Callable[[str], None], host: str, blocked: bool
) -> None:
    refused: list[NetworkRefusedError] = []
    with Network([SERVICE], block=blocked, refused=refused.append), pytest.raises(NetworkRefusedError) as raised:
        ask(host)
    assert raised.value is refused[0]
    library = ask.__name__.removeprefix("by_")
    who = "this client" if library == "sockets" else library
    # some libraries write a name in lower case
    assert str(raised.value).lower().startswith(f"{who} was not connected to {host.lower()}:443: ")
    assert "asked at: tests/transport/test_network.py:" in str(raised.value)
    assert ("--cce-block-network" in str(raised.value)) == (host == "192.0.2.1")
    assert not ends_in_our_code(raised)


@pytest.mark.parametrize(
    ("endpoint", "host", "port", "place"),
    [
        ("https://localhost", "localhost", 443, "localhost:443"),
        ("https://localhost", b"127.0.0.1", "443", "127.0.0.1:443"),
        ("https://localhost", "::1", b"https", "::1:b'https'"),
        ("http://localhost", "localhost", "http", "localhost:http"),
        ("http://localhost", "localhost", 80, "localhost:80"),
        ("http://localhost:8080", "localhost", 8080, "localhost:8080"),
        # a service on another machine has no other business there
        ("https://cce.example", "cce.example", 22, "cce.example:22"),
        ("https://cce.example", "cce.example", None, "cce.example:None"),
        ("https://cce.example", "cce.example", b"\xff", r"cce.example:b'\xff'"),
    ],
)
def test_a_service_is_known_however_its_host_and_port_are_given(
    endpoint: str, host: Any, port: Any, place: str
) -> None:
    with Network([endpoint], block=False, refused=lambda _: None):
        for look_up in (
            lambda: socket.getaddrinfo(host, port),
            lambda: socket.getaddrinfo(host, port=port),
            lambda: socket.getaddrinfo(port=port, host=host),
        ):
            with pytest.raises(NetworkRefusedError) as raised:
                look_up()
            assert f" was not connected to {place}: the service is simulated or replayed" in str(raised.value)


@pytest.mark.parametrize(
    ("host", "port"), [("localhost", 80), ("localhost", "http"), ("localhost", None), (None, 443), (None, "https")]
)
def test_other_places_of_this_machine_are_looked_up(host: Any, port: Any) -> None:
    with Network(["https://localhost"], block=True, refused=lambda _: None):
        assert socket.getaddrinfo(host, port)


def test_a_name_that_is_no_text_is_refused_like_any_other() -> None:
    with (
        Network([SERVICE], block=True, refused=lambda _: None),
        pytest.raises(NetworkRefusedError, match=r"was not connected to \ufffd\.example:443"),
    ):
        socket.getaddrinfo(b"\xff.example", 443)


@pytest.mark.parametrize("how", ["connect", "connect_ex"])
def test_this_machine_is_reached_but_for_the_service_itself(how: str) -> None:
    with SimulatorServer(Simulator()) as server, SimulatorServer(Simulator()) as recorded:
        refused: list[Any] = []
        with Network([recorded.endpoint], block=True, refused=refused.append):
            # without a name, it is this machine
            for host in ("127.0.0.1", ""):
                with socket.socket() as sock:
                    assert not getattr(sock, how)((host, server.port))
            with socket.socket() as sock, pytest.raises(NetworkRefusedError):
                getattr(sock, how)(("127.0.0.1", recorded.port))
    assert len(refused) == 1


def test_afterwards_nothing_is_changed() -> None:
    before = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
    with Network([SERVICE], block=True, refused=lambda _: None):
        assert socket.getaddrinfo is not before[2]
    assert (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo) == before
    # they belong to its base class
    assert not {"connect", "connect_ex"} & vars(socket.socket).keys()


def test_a_socket_of_this_machine_that_has_a_path_is_left_alone(tmp_path: Any) -> None:
    with (
        Network([SERVICE], block=True, refused=lambda _: None),
        socket.socket(socket.AF_UNIX) as sock,
        pytest.raises(FileNotFoundError),
    ):
        sock.connect(str(tmp_path / "none"))
