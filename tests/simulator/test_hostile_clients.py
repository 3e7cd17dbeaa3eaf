"""What a client can do to the server: nothing that another client notices, and nothing that lasts."""

from __future__ import annotations

import json
import socket
from contextlib import closing, suppress
from urllib.parse import quote

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.simulator.connection import Answerer, Connection, Wait
from pytest_cce_precheck.simulator.http1 import MAX_FIELDS, BadHttp, parse_head
from pytest_cce_precheck.simulator.server import LIMITS, SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.simulator.raw_clients import LAST, PLAIN, connected, raw, serves, until_closed

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
        "the server failed on 'a request that could not be read'"
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
