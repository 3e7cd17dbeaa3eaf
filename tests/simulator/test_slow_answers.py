"""Answers of the server that come late or drip keep no other client waiting."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress

import pytest
import requests

from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.delivery import Reset, SlowResponse
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.profiles import Connections, Profile
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.wire.exchange import Headers, Response
from tests.simulator.http_clients import WAIT, arrived, nudge, path_of, raw, token_of


class Scripted(Simulator):
    """Answers as the query of the request says."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def handle(self, request, *, caller=None):
        answer = self.answers.get(request.query, Response(200, Headers([("Content-Length", "2")]), b"ok"))
        if isinstance(answer, Exception):
            raise answer
        return answer


def slow(elapsed, drips=0.0, body=b"0123456789" * 10):
    return SlowResponse(200, Headers([("Content-Length", str(len(body)))]), body, elapsed, drips)


def test_a_slow_answer_comes_late_and_keeps_nobody_else_waiting(clock):
    with SimulatorServer(Scripted({"slow": slow(30)})) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
            sock.sendall(b"GET /?slow HTTP/1.1\r\n\r\nGET /?quick HTTP/1.1\r\nConnection: close\r\n\r\n")
            nudge(server)
            clock.now += 29
            nudge(server)
            assert arrived(sock) is None
            clock.now += 1
            nudge(server)
            received = b""
            while chunk := sock.recv(65536):
                received += chunk
        # what was asked behind the slow one is answered behind it
        assert received.index(b"0123456789") < received.index(b"ok")


def test_a_body_drips_as_long_as_it_shall(clock):
    with (
        SimulatorServer(Scripted({"slow": slow(30, 20)})) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock,
    ):
        sock.sendall(b"GET /?slow HTTP/1.1\r\n\r\n")
        received = []
        for _ in range(16):
            nudge(server)
            received.append(arrived(sock))
            clock.now += 2
    assert received[:5] == [None] * 5
    assert received[5].startswith(b"HTTP/1.1 200 OK")
    assert received[6:] == [b"0123456789"] * 10


def test_a_client_that_does_not_wait_for_a_slow_answer_disturbs_nobody():
    with SimulatorServer(Scripted({"slow": slow(0.1, 0.1)})) as server:
        raw(server, b"GET /?slow HTTP/1.1\r\n\r\n", half_close=True)
        with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
            # more than anybody has to ask
            sock.sendall(b"GET /?slow HTTP/1.1\r\n\r\n")
            with suppress(ConnectionError):
                for _ in range(200):
                    sock.sendall(b"x" * 65536)
        assert raw(server, b"GET / HTTP/1.0\r\n\r\n").endswith(b"ok")


def test_a_reset_comes_after_what_arrives():
    partial = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    with (
        SimulatorServer(Scripted({"": Reset(partial)})) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        # a kernel may throw away with the reset what its reader has not taken yet
        with pytest.raises(ConnectionResetError):
            assert all(partial.endswith(chunk) for chunk in iter(lambda: sock.recv(65536), b""))


def test_a_slow_answer_is_no_idle_time(clock):
    with (
        SimulatorServer(Scripted({"slow": slow(30)}), idle=10) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock,
    ):
        sock.sendall(b"GET /?slow HTTP/1.1\r\n\r\n")
        for seconds, answer in ((30, b"0123456789"), (9, b"ok")):
            nudge(server)
            clock.now += seconds
            if answer == b"ok":
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            nudge(server)
            assert arrived(sock).endswith(answer)
        clock.now += 10
        nudge(server)
        assert sock.recv(65536) == b""


def test_staging_over_http_lets_clients_wait_and_loses_connections(session):
    connections = Connections(dropped=0.1, reset=0.1, slow=0.1, dripping=0.1, longest=0.25, idle=0.2)
    staging = Staging(Profile(name="own", summary="Made for a test.", connections=connections), clock=RunningClock())
    outcomes = Counter()
    with SimulatorServer(staging, idle=connections.idle) as server:
        for _ in range(60):
            try:
                answer = session.get(server.endpoint + path_of(server), headers=token_of(server), timeout=WAIT)
                outcomes[answer.status_code] += 1
            except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
                outcomes["lost"] += 1
    happened = staging.happened
    assert min(happened[what] for what in ("dropped", "reset", "slow", "dripping")) > 0
    # requests itself asks once more on a connection that was kept alive and is gone
    assert 0 < outcomes["lost"] <= happened["dropped"] + happened["reset"]
    assert outcomes[200] > 30
