"""No request ends the server, and no connection disturbs another: odd targets, errors inside, no descriptors, noise."""

from __future__ import annotations

import errno
import gc
import http.client
import os
import socket
import subprocess
import sys
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.errors import CcePrecheckError
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


def test_an_error_while_a_connection_is_served_costs_that_connection_alone(monkeypatch, caplog):
    with SimulatorServer(Simulator()) as server:
        original = server._read_request

        def broken(connection):
            if connection.received.startswith(b"BREAK"):
                raise RuntimeError("a bug of ours")
            return original(connection)

        monkeypatch.setattr(server, "_read_request", broken)
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT)) as bystander:
            bystander.request("GET", "/")
            bystander.getresponse().read()
            assert send(server, b"BREAK / HTTP/1.1\r\n\r\n") == b""
            bystander.request("GET", "/")
            assert bystander.getresponse().status == 401
        assert [record.exc_info[1].args for record in caplog.records] == [("a bug of ours",)]


def test_a_serving_thread_that_ends_leaves_nobody_waiting_and_says_so(monkeypatch, caplog):
    server = SimulatorServer(Simulator())
    monkeypatch.setattr(server, "_act_on_time", lambda: 1 / 0)
    server.__enter__()
    send_and_ignore_refusal(server)
    with pytest.raises(CcePrecheckError, match="ended by an error: ZeroDivisionError"):
        server.wait()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
    server.close()


def test_closing_a_server_whose_thread_ended_raises_why(monkeypatch):
    server = SimulatorServer(Simulator())
    monkeypatch.setattr(server, "_act_on_time", lambda: 1 / 0)
    server.__enter__()
    send_and_ignore_refusal(server)
    server._thread.join(WAIT)
    with pytest.raises(CcePrecheckError, match="ZeroDivisionError"):
        server.close()


def send_and_ignore_refusal(server):
    with suppress(ConnectionRefusedError):
        send(server, b"GET / HTTP/1.1\r\n\r\n")


SERVE_AND_FAIL = """
import sys
from pytest_cce_precheck import cli
from pytest_cce_precheck.simulator.server import SimulatorServer
SimulatorServer._act_on_time = lambda self: 1 / 0
sys.argv = ["cce-precheck", "serve", "--json"]
cli.run()
"""


def test_the_command_ends_when_its_server_does():
    command = [sys.executable, "-c", SERVE_AND_FAIL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split('"')[0])
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "ended by an error: ZeroDivisionError" in errors


class ListenerWithoutDescriptors:
    """A listener to which the system gives no descriptor, three times."""

    def __init__(self, listener):
        self.listener = listener
        self.refusals = 0

    def __getattr__(self, name):
        return getattr(self.listener, name)

    def accept(self):
        if self.refusals < 3:
            self.refusals += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self.listener.accept()


def test_without_descriptors_clients_wait_and_are_served_when_there_are_some_again(monkeypatch):
    server = SimulatorServer(Simulator())
    listener = ListenerWithoutDescriptors(server._listener)
    monkeypatch.setattr(server, "_listener", listener)
    turns = []
    act = server._act_on_time
    monkeypatch.setattr(server, "_act_on_time", lambda: (turns.append(1), act()))
    with server:
        assert status_of_a_list(server) == 200
    assert listener.refusals == 3
    # a loop that spins for three pauses of a tenth of a second makes thousands of turns
    assert len(turns) < 50


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


def test_thousands_of_requests_leave_nothing_behind():
    with SimulatorServer(Simulator()) as server:

        def kept():
            gc.collect()
            return len(gc.get_objects())

        def ask(number):
            for each in range(number):
                answer = send(
                    server, b"GET /%d?type=%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (each, each)
                )
                assert answer.startswith(b"HTTP/1.1 4")

        ask(600)
        before = kept()
        ask(1200)
        assert kept() - before < 600
        assert len(server._selector.get_map()) == 2
        assert not server._waiting
