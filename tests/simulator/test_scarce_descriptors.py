"""Clients that hold connections, and those that come and go, cost the server no descriptors and no memory for long."""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import socket
import sys
import threading
from contextlib import ExitStack

import pytest

from pytest_cce_precheck.simulator import server as server_module
from pytest_cce_precheck.simulator.connection import Connection
from pytest_cce_precheck.simulator.server import PATIENCE_SECONDS, SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.iam import TOKEN_PATH
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.processes import first_line, start
from tests.simulator.raw_clients import LAST, PLAIN, WAIT, answers, connected, serves, until_closed


class ScarceListener(socket.socket):
    """Accepts no client as long as there is no descriptor."""

    def __init__(self, listener):
        super().__init__(fileno=listener.detach())
        self.setblocking(False)
        self.error = None
        self.refused = 0
        self.asked_again = threading.Event()

    def accept(self):
        if self.error:
            self.refused += 1
            if self.refused > 1:
                self.asked_again.set()
            raise OSError(self.error, os.strerror(self.error))
        return super().accept()


@pytest.fixture
def scarce():
    server = SimulatorServer(Simulator())
    server._listener = ScarceListener(server._listener)
    with server, connected(server) as sock:
        sock.sendall(PLAIN)
        assert sock.recv(65536)
        server._listener.error = errno.EMFILE
        yield server, sock


def test_without_descriptors_it_does_not_spin_and_serves_who_waited_when_there_are_some(scarce, monkeypatch, caplog):
    monkeypatch.setattr(server_module, "SHORTAGE_SECONDS", 1000.0)
    server, known = scarce
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(server)) for _ in range(5)]
        for sock in waiting:
            sock.sendall(LAST)
        for _ in range(20):
            known.sendall(PLAIN)
            assert known.recv(65536).startswith(b"HTTP/1.1 401 ")
        assert server._listener.refused == 1
        server._listener.error = None
        known.close()
        for sock in waiting:
            assert until_closed(sock).startswith(b"HTTP/1.1 401 ")
    assert [record.getMessage() for record in caplog.records] == [
        "new clients have to wait: [Errno 24] Too many open files"
    ]


def test_descriptors_that_somebody_else_gives_back_are_noticed(scarce, monkeypatch, caplog):
    monkeypatch.setattr(server_module, "SHORTAGE_SECONDS", 0.01)
    server, _ = scarce
    with connected(server) as sock:
        sock.sendall(LAST)
        assert server._listener.asked_again.wait(WAIT)
        server._listener.error = None
        assert until_closed(sock).startswith(b"HTTP/1.1 401 ")
    assert len(caplog.records) == 1


class NarrowListener(socket.socket):
    """Has descriptors for three connections."""

    def __init__(self, server):
        super().__init__(fileno=server._listener.detach())
        self.setblocking(False)
        self._server = server

    def accept(self):
        if len(self._server._connections()) >= 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


@pytest.fixture
def narrow(clock):
    server = SimulatorServer(Simulator())
    server._listener = NarrowListener(server)
    with server, ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(3)]
        for sock in clients:
            answers(sock)
        yield server, clients


def test_the_client_that_is_idle_for_longest_makes_room_for_a_new_one(narrow, clock):
    server, clients = narrow
    clock.now += PATIENCE_SECONDS - 1
    assert answers(clients[0])
    clock.now += 2
    assert serves(server)
    assert clients[1].recv(1) == b""
    assert answers(clients[0])
    assert answers(clients[2])


def test_a_client_that_begins_a_request_and_stops_makes_room_too(narrow, clock):
    server, clients = narrow
    for sock in clients:
        sock.sendall(b"G")
    assert answers(clients[0], PLAIN[1:])
    clock.now += PATIENCE_SECONDS + 1
    assert serves(server)


def test_nobody_who_was_active_just_now_makes_room(narrow, clock, monkeypatch):
    monkeypatch.setattr(server_module, "SHORTAGE_SECONDS", 1000.0)
    server, clients = narrow
    clock.now += PATIENCE_SECONDS - 1
    with connected(server) as new:
        new.sendall(LAST)
        assert all(map(answers, clients))
        clients[0].close()
        assert until_closed(new).startswith(b"HTTP/1.1 401 ")


def test_a_listener_that_is_broken_ends_the_server():
    server = SimulatorServer(Simulator())
    server._listener = ScarceListener(server._listener)
    server._listener.error = errno.EBADF
    with pytest.raises(RuntimeError, match="the simulator's server had stopped"), server, connected(server) as sock:
        assert until_closed(sock) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="another process' limits can be set on Linux only")
def test_a_process_at_its_limit_of_descriptors_serves_everybody_in_turn():
    process = start("--json")
    try:
        port = int(json.loads(first_line(process))["endpoint"].split(":")[-1])
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (30, 30))
        with ExitStack() as stack:
            clients = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=WAIT)) for _ in range(60)
            ]
            # else the server could answer each client before it accepts the next
            warned = process.stderr.readline().strip()
            for client in clients:
                client.sendall(PLAIN)
            for client in clients:
                assert client.recv(65536).startswith(b"HTTP/1.1 401 ")
                client.close()
    finally:
        process.terminate()
        _, err = process.communicate(timeout=WAIT)
    assert {warned, *err.splitlines()} == {"new clients have to wait: [Errno 24] Too many open files"}


def alive(kind):
    gc.collect()
    return sum(isinstance(each, kind) for each in gc.get_objects())


def test_two_thousand_requests_leave_nothing_behind(server):
    # those of other tests may live on
    connections, requests = alive(Connection), alive(Request)
    token = server.simulator.credentials.token.reveal()
    path = list_path(server.simulator.project_id, server.simulator.cluster_id)
    with connected(server) as kept:
        for number in range(1600):
            kept.sendall(f"GET {path}?task_id={number} HTTP/1.1\r\nX-Auth-Token: {token}\r\n\r\n".encode())
            assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        for number in range(400):
            with connected(server) as sock:
                sock.sendall((b"GET", b"\x16\x03", b"GET http://[::1/%d HTTP/1.1\r\n\r\n" % number, LAST)[number % 4])
                sock.shutdown(socket.SHUT_WR)
                until_closed(sock)
        assert serves(server)
        assert alive(Connection) - connections < 5
        assert alive(Request) - requests < 1000


def test_tokens_and_keys_that_clients_make_up_are_forgotten():
    staging = Staging("locking")
    for number in range(2100):
        authorization = f"SDK-HMAC-SHA256 Access=made-up-{number}, SignedHeaders=host, Signature=00"
        staging.handle(Request("GET", "", "/", "", Headers({"Authorization": authorization})))
    lock = staging._key_lock
    assert max(len(lock._refused), len(lock._until)) <= 1000


def test_tokens_that_were_issued_long_ago_are_forgotten_but_the_first_stays_expired():
    staging = Staging("expiring")
    user = {"name": staging.account.user, "password": staging.account.password.reveal()}
    auth = {
        "identity": {
            "methods": ["password"],
            "password": {"user": {**user, "domain": {"name": staging.account.domain}}},
        },
        "scope": {"project": {"id": staging.project_id}},
    }
    path = list_path(staging.project_id, staging.cluster_id)
    first = Request("GET", "", path, "", Headers({"X-Auth-Token": staging.credentials.token.reveal()}))
    assert staging.handle(first).status == 200
    order = Request("POST", "", TOKEN_PATH, "", Headers(), json.dumps({"auth": auth}).encode())
    tokens = {staging.handle(order).headers["X-Subject-Token"] for _ in range(1500)}
    assert len(tokens) == 1500
    assert len(staging._tokens._issued) <= 1000
    assert staging.handle(first).document["error_code"] == "APIG.0307"
