"""No request ends the server, and no connection disturbs another: odd targets, odd headers, noise."""

from __future__ import annotations

import http.client
import os
import socket
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.vocabulary import list_path

WAIT = 20.0
# a longer run on demand: CCE_FUZZ_EXAMPLES=100000
EXAMPLES = int(os.environ.get("CCE_FUZZ_EXAMPLES", "150"))


@pytest.fixture(scope="module")
def server():
    with SimulatorServer(Simulator()) as running:
        yield running


def send(server, data):
    """Send bytes, end our side, and return all that comes back; a reset ends it too."""
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


# ---- bytes that are nearly HTTP

METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"get", b"G\x00T", b"", b"PRI"])
TARGETS = st.one_of(
    st.sampled_from([target.encode() for target in ODD_TARGETS]),
    st.binary(max_size=40),
    st.builds(
        lambda query: list_path("p" * 32, "c").encode() + b"?" + query, st.sampled_from([b"type=%ff", b"a&&=", b"%"])
    ),
)
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.", b"", b"HTTP/1.1 "])
NAMES = st.sampled_from(
    [
        b"Host",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Expect",
        b"Connection",
        b"Authorization",
        b"X-Auth-Token",
        b"A",
        b"X-Sdk-Date",
        b"If-None-Match",
        b"Range",
        b"",
        b"A B",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [b"0", b"3", b"-1", b"99999999999", b"chunked", b"100-continue", b"close", b"keep-alive", b"x" * 70000]
    )
    | st.sampled_from([b"SDK-HMAC-SHA256 Access=a, SignedHeaders=b, Signature=c", b"bytes=0-", b"*"]),
    st.binary(max_size=30),
)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])


@st.composite
def requests_nearly(draw):
    line_end = draw(ENDS)
    line = draw(METHODS) + b" " + draw(TARGETS) + b" " + draw(VERSIONS) + line_end
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    head = line + b"".join(name + b": " + value + draw(ENDS) for name, value in headers)
    return head + draw(ENDS) + draw(st.sampled_from([b"", b"{}", b"abc"]) | st.binary(max_size=50))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=st.lists(st.one_of(requests_nearly(), st.binary(max_size=200)), max_size=4).map(b"".join))
def test_noise_that_is_nearly_http_disturbs_nobody(server, caplog, stream):
    caplog.clear()
    answer = send(server, stream)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert status_of_a_list(server) == 200
    assert not caplog.records, "an error inside was reported"
