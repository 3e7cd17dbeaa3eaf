"""What a client can do to the server: nothing that another client notices, and nothing that lasts."""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import socket
import sys
import threading
from contextlib import ExitStack, closing, suppress
from urllib.parse import quote

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.simulator import server as server_module
from pytest_cce_precheck.simulator.connection import Answerer, Connection, Wait
from pytest_cce_precheck.simulator.http1 import MAX_FIELDS, BadHttp, parse_head
from pytest_cce_precheck.simulator.server import LIMITS, PATIENCE_SECONDS, SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.iam import TOKEN_PATH
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.processes import first_line, start

WAIT = 10.0
PLAIN = b"GET / HTTP/1.1\r\n\r\n"
LAST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture
def server():
    with SimulatorServer(Simulator()) as running:
        yield running


def connected(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)


def until_closed(sock):
    received = b""
    with suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            received += chunk
    return received


def raw(server, data):
    """Send bytes, and return all that comes back until the server closes."""
    with connected(server) as sock:
        sock.sendall(data)
        return until_closed(sock)


def serves(server):
    """Return whether the server answers another client; by then it has handled everything that it received before."""
    return raw(server, LAST).startswith(b"HTTP/1.1 401 ")


# ---- requests


@pytest.mark.parametrize("target", [
    "http://[::1/x", "http://[/", "http://]/", "http://[::g]/", "http://a[b]/", "HTTP://[::1", "https://", "http:///x",
    "http://x:y/", "http://user@x/", "http://a:1:2/",
])  # fmt: skip
def test_a_malformed_host_in_the_target_is_refused_and_the_server_lives_on(server, target):
    assert raw(server, f"GET {target} HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 400 ")
    assert serves(server)


@pytest.mark.parametrize(("target", "path", "query"), [
    ("http://x", "/", ""), ("http://x/", "/", ""), ("HTTP://x/a?b", "/a", "b"), ("https://[::1]:8080?q=http://y", "/", "q=http://y"),
    ("http://127.0.0.1:80/a/b?c?d", "/a/b", "c?d"), ("*", "/*", ""), ("x:443", "/x:443", ""), ("//x//", "//x//", ""),
    ("/%zz%", "/%zz%", ""), ("/é?ü", "/é", "ü"),
])  # fmt: skip
def test_each_form_of_a_target_is_read(target, path, query):
    read = parse_head(f"GET {target} HTTP/1.1".encode("latin-1"))
    assert (read.path, read.query) == (path, query)


@pytest.mark.parametrize("length", ["٣".encode(), "³".encode("latin-1"), b"+1", b"1_0", b"0x1", b"", b"1, 1", b"1.0"])
def test_a_length_is_written_in_the_ten_digits(length):
    with pytest.raises(BadHttp) as caught:
        parse_head(b"POST / HTTP/1.1\r\nContent-Length: %b" % length)
    assert caught.value.response.status == 400


def test_fields_are_bounded_in_number_too():
    parse_head(b"GET / HTTP/1.1" + b"\r\na: b" * MAX_FIELDS)
    with pytest.raises(BadHttp) as caught:
        parse_head(b"GET / HTTP/1.1" + b"\r\na: b" * (MAX_FIELDS + 1))
    assert caught.value.response.status == 431


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["A", "Authorization", "X-Auth-Token", "Content-Length"])
@pytest.mark.parametrize("value", [" " * 60_000 + "\nx", "x" + " " * 60_000 + "x", "\t " * 30_000 + "\x00"])
def test_space_in_a_field_is_read_once_however_much_it_is(name, value):
    with suppress(BadHttp):
        parse_head(f"GET / HTTP/1.1\r\n{name}:{value}".encode())


@pytest.mark.parametrize(("line", "pair"), [
    ("A:b", ("A", "b")), ("a: \t b \t c\t ", ("a", "b \t c")), ("A:", ("A", "")), ("A:  ", ("A", "")),
    ("A::b", ("A", ":b")), ("A: \xa0b\x85", ("A", "\xa0b\x85")),
])  # fmt: skip
def test_a_field_is_read_without_the_space_around_its_value(line, pair):
    assert parse_head(f"GET / HTTP/1.1\r\n{line}".encode("latin-1")).headers.pairs == (pair,)


@pytest.mark.parametrize("line", ["A", "", ":b", "A :b", " A:b", "A\n:b", "A:b\n", "A:\x00", "é:b", "A: b\n c"])
def test_a_malformed_field_is_refused(line):
    with pytest.raises(BadHttp) as caught:
        parse_head(f"GET / HTTP/1.1\r\n{line}\r\nB: c".encode("latin-1"))
    assert caught.value.response.status == 400


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("fault", "asked"), [("ids-matched-with-like", "%"), ("ids-matched-as-globs", "*")])
def test_many_wildcards_take_no_longer_than_one(fault, asked):
    simulator = Simulator(faults=[fault])
    path = list_path(simulator.project_id, simulator.cluster_id)
    headers = Headers({"X-Auth-Token": simulator.credentials.token.reveal()})
    listed = [
        simulator.handle(Request("GET", "", path, f"task_id={value}", headers)).document["items"]
        for value in (quote(asked), quote(asked * 40), quote(asked * 40 + "!"))
    ]
    assert [bool(items) for items in listed] == [True, True, False]


def test_a_client_of_http_1_0_is_sent_no_continue(server):
    with connected(server) as sock:
        sock.sendall(b"POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        serves(server)
        sock.sendall(b"{}")
        assert until_closed(sock).startswith(b"HTTP/1.1 401 ")


def test_what_is_no_http_is_refused_at_its_first_byte(server):
    for data in (b"\x16\x03\x01\x02\x00\x01", b"\x00", b"\xff", b" GET"):
        assert raw(server, data).startswith(b"HTTP/1.1 400 ")


def test_answers_do_not_pile_up_for_a_client_that_does_not_read_them():
    simulator = Simulator(tasks=300)
    request = Request("GET", "", list_path(simulator.project_id, simulator.cluster_id))
    token = simulator.credentials.token.reveal()
    head = f"GET {request.path} HTTP/1.1\r\nX-Auth-Token: {token}\r\n\r\n".encode()
    answerer = Answerer(lambda request, caller: simulator.handle(request, caller=caller), "")
    connection = Connection(socket.socket(), 1)
    with connection.sock:
        connection.received += head * 100
        answers = 0
        while connection.received:
            answerer.answer(connection)
            assert len(connection.to_send) < 1024 * 1024
            answers += connection.to_send.count(b"HTTP/1.1 200 OK")
            connection.to_send.clear()
    assert answers == 100


# ---- failures inside


def test_a_failure_to_read_a_request_is_a_500_said_once(server, monkeypatch, caplog):
    def fail(head):
        if b"/bad" in head:
            raise RuntimeError("a bug")
        return parse_head(head)

    monkeypatch.setattr(server._answerer, "_parse_cached", fail)
    with connected(server) as other:
        answer = raw(server, b"GET /bad HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"\r\nConnection: close\r\n" in answer
        other.sendall(LAST)
        assert until_closed(other).startswith(b"HTTP/1.1 401 ")
    assert [record.getMessage() for record in caplog.records] == [
        "the simulator failed on 'a request that could not be read'"
    ]
    assert "RuntimeError: a bug" in caplog.text


@pytest.mark.parametrize("name", ["_add", "_receive", "_end", "_act"])
def test_a_failure_on_one_connection_closes_it_alone_and_is_said_once(clock, monkeypatch, caplog, name):
    monkeypatch.setattr(SimulatorServer, name, failing_once(getattr(SimulatorServer, name)))
    with SimulatorServer(Simulator()) as server:
        with connected(server) as sock:
            sock.sendall(b"GET" if name == "_act" else LAST)
            if name == "_act":
                serves(server)
                clock.now += LIMITS[Wait.REQUEST]
                serves(server)
            until_closed(sock)
        assert serves(server)
    assert [record.getMessage() for record in caplog.records] == ["a connection failed and is closed"]


def failing_once(act):
    failed = []

    def fail(*arguments):
        if not failed:
            failed.append(act)
            raise RuntimeError("a bug")
        return act(*arguments)

    return fail


def test_a_500_to_a_head_leaves_no_body_behind_for_the_next_answer(server, monkeypatch):
    handle = server.simulator.handle

    def fail(request, caller):
        if request.method == "HEAD":
            raise RuntimeError("a bug")
        return handle(request, caller=caller)

    monkeypatch.setattr(server.simulator, "handle", fail)
    assert raw(server, b"HEAD / HTTP/1.1\r\n\r\n" + LAST).count(b"HTTP/1.1") == 1


class Leaving(BaseException):
    """What pytest.fail raises is not an Exception either."""


def test_a_server_that_has_stopped_turns_clients_away_and_says_so(monkeypatch, caplog):
    server = SimulatorServer(Simulator())

    def leave(request, caller):
        raise Leaving("by a fault")

    monkeypatch.setattr(server.simulator, "handle", leave)
    server.__enter__()
    with connected(server) as open_meanwhile:
        assert raw(server, PLAIN) == b""
        assert until_closed(open_meanwhile) == b""
    with pytest.raises(ConnectionRefusedError):
        connected(server)
    with pytest.raises(RuntimeError, match=r"the simulator's server had stopped: Leaving\('by a fault'\)") as caught:
        server.close()
    assert isinstance(caught.value.__cause__, Leaving)
    assert [record.getMessage() for record in caplog.records] == ["the simulator's server has stopped"]
    server.close()


def test_the_command_ends_when_its_server_does(monkeypatch, capsys):
    def fail(server):
        raise OSError("the selector is broken")

    monkeypatch.setattr(SimulatorServer, "serve", fail)
    with pytest.raises(OSError, match="the selector is broken"):
        main(["serve", "--json"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(json.loads(capsys.readouterr().out)["endpoint"].split(":")[-1])))


def test_a_test_fails_if_its_server_has_stopped(pytester, run):
    pytester.makepyfile(
        """
        import urllib.request
        import pytest

        def test_sdk(cce_simulator, cce_server, monkeypatch):
            monkeypatch.setattr(cce_simulator, "handle", lambda request, caller: pytest.fail("called off"))
            with pytest.raises(OSError):
                urllib.request.urlopen(cce_server.endpoint)
        """
    )
    result = run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: the simulator's server had stopped: *called off*"])


# ---- time


@pytest.mark.parametrize(("begin", "wait", "answer"), [
    (b"", Wait.IDLE, b""),
    (b"GET", Wait.REQUEST, b"HTTP/1.1 408 "),
    (b"GET / HTTP/1.1\r\nHost: x\r\n", Wait.REQUEST, b"HTTP/1.1 408 "),
    (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n{", Wait.REQUEST, b"HTTP/1.1 408 "),
])  # fmt: skip
def test_what_never_comes_is_not_waited_for(server, clock, begin, wait, answer):
    with connected(server) as sock:
        sock.sendall(begin)
        assert serves(server)
        clock.now += LIMITS[wait] - 1
        assert serves(server)
        clock.now += 2
        assert serves(server)
        received = until_closed(sock)
    assert received.startswith(answer)
    assert bool(received) is bool(answer)


def test_a_request_that_drips_has_no_more_time_than_one_that_does_not(server, clock):
    with connected(server) as sock, suppress(ConnectionError):
        for _ in range(9):
            sock.sendall(b"x")
            assert serves(server)
            clock.now += LIMITS[Wait.REQUEST] / 8
        assert serves(server)
        assert until_closed(sock).startswith(b"HTTP/1.1 408 ")


def test_each_request_has_its_own_time_and_so_has_each_pause(clock):
    with SimulatorServer(Simulator(), idle=20) as server, connected(server) as sock:
        for _ in range(5):
            clock.now += 19
            sock.sendall(PLAIN[:3])
            assert serves(server)
            clock.now += LIMITS[Wait.REQUEST] - 1
            sock.sendall(PLAIN[3:])
            assert sock.recv(65536).startswith(b"HTTP/1.1 401 ")
            # the answer may be here before the server has looked at the clock
            assert serves(server)
        clock.now += 21
        assert serves(server)
        assert sock.recv(10) == b""


def test_an_answer_that_is_not_read_is_not_kept(clock):
    with SimulatorServer(Simulator(tasks=2000)) as server, closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        token = server.simulator.credentials.token.reveal()
        path = list_path(server.simulator.project_id, server.simulator.cluster_id)
        sock.sendall(f"GET {path} HTTP/1.1\r\nX-Auth-Token: {token}\r\n\r\n".encode() * 20)
        assert serves(server)
        clock.now += LIMITS[Wait.READER] + 1
        assert serves(server)
        assert 0 < until_closed(sock).count(b"HTTP/1.1 200 OK") < 20


# ---- descriptors and memory


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


def answers(sock, data=PLAIN):
    sock.sendall(data)
    return sock.recv(65536).startswith(b"HTTP/1.1 401 ")


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
