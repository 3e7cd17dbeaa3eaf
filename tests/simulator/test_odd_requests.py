"""No request ends the server, and no connection disturbs another: odd targets, odd headers."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing

import pytest

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.vocabulary import list_path

WAIT = 20.0


@pytest.fixture(scope="module")
def server():
    with SimulatorServer(Simulator()) as running:
        yield running


def send(server, data):
    """Send bytes, close our side, and return all that comes back, also before a reset."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        received = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while chunk := sock.recv(65536):
                received += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
        return received


def status_of_a_list(server):
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT)) as connection:
        token = server.simulator.credentials.token.reveal()
        path = list_path(server.simulator.project_id, server.simulator.cluster_id)
        connection.request("GET", path, headers={"X-Auth-Token": token})
        return connection.getresponse().status


ODD_TARGETS = [
    "http://[::1/x",
    "http://[::1]:99999999/x",
    "http://[v1.x]/y",
    "http://",
    "https://?a",
    "HTTP://[/",
    "http://\u2100.example/",
    "*",
    "//",
    "/%zz%",
    "/?%",
    "?a=b",
    "/#a",
    "/a;b=[",
    "/" + "%25" * 3000,
    "/..//./../",
]


@pytest.mark.parametrize("target", ODD_TARGETS, ids=range(len(ODD_TARGETS)))
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "CONNECT"])
def test_an_odd_target_is_answered_and_the_next_client_too(server, method, target):
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert send(server, head.encode()).startswith(b"HTTP/1.1 4")
    assert status_of_a_list(server) == 200


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: -1",
        b"Content-Length: +1",
        b"Content-Length: \xd9\xa3",
        b"Content-Length: 1, 1",
        b"Content-Length: 1_0",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b" folded: a",
        b"A: b\r\n c",
        b"A: \x00",
        b": no name",
        b"Name with space: a",
        b"Authorization: \xff\xfe",
        b"X-Sdk-Date: \xb2\xb2\xb2\xb2\xb2\xb2\xb2\xb2T\xb2\xb2\xb2\xb2\xb2\xb2Z",
        b"Authorization: SDK-HMAC-SHA256 Access=, SignedHeaders=;;, Signature=\xff",
        b"Accept-Encoding: " + b"gzip," * 9000,
    ],
)
def test_an_odd_header_is_answered_and_the_next_client_too(server, lines):
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lines + b"\r\n\r\n"
    assert send(server, head).startswith(b"HTTP/1.1 4")
    assert status_of_a_list(server) == 200
