"""The simulator over real HTTP: keep-alive, limits, malformed requests, broken connections, shutdown."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests

from pytest_cce_precheck.simulator.connection import Wait
from pytest_cce_precheck.simulator.http1 import MAX_BODY, MAX_HEAD, BadHttp, format_response, parse_head
from pytest_cce_precheck.simulator.server import LIMITS, SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.signing import sign
from pytest_cce_precheck.wire.vocabulary import create_path
from tests.simulator.http_clients import WAIT, arrived, nudge, path_of, raw, token_of


@pytest.fixture
def client(server):
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT)) as connection:
        yield connection


def head(server, *lines, method="GET", target=None):
    token = server.simulator.credentials.token.reveal()
    all_lines = (f"{method} {target or path_of(server)} HTTP/1.1", "Host: x", f"X-Auth-Token: {token}", *lines)
    return "\r\n".join(all_lines).encode() + b"\r\n\r\n"


# ---- answers


def test_it_serves_requests_and_keeps_the_connection(server, session):
    for _ in range(3):
        response = session.get(server.endpoint + path_of(server), headers=token_of(server), timeout=WAIT)
        assert (response.status_code, len(response.json()["items"])) == (200, 12)
        assert "Connection" not in response.headers


def test_the_bytes_are_those_of_the_simulator(server, client):
    client.request("GET", f"{path_of(server)}?type=addonStatic", headers=token_of(server))
    answer = client.getresponse()
    direct = server.simulator.handle(Request("GET", "", path_of(server), "type=addonStatic", Headers(token_of(server))))
    assert answer.read() == direct.body
    assert answer.headers["Content-Type"] == "application/json"


def test_signed_requests_are_verified_as_they_were_sent(server, session):
    simulator = server.simulator
    request = Request("GET", server.endpoint, path_of(server), "type=addonUpgrade&task_id=a%20b%2Bc%2F%C3%A9")
    signed = sign(request, simulator.credentials, now=datetime.now(UTC), project_id=simulator.project_id)
    headers = dict(signed.headers.pairs)
    assert session.get(signed.url, headers=headers, timeout=WAIT).status_code == 200
    other = signed.url.replace("addonUpgrade", "addonStatic")
    assert session.get(other, headers=headers, timeout=WAIT).status_code == 401


def test_a_create_has_its_body_read(server, session):
    simulator = server.simulator
    instance = simulator.state.clusters[simulator.cluster_id].instances[0]
    entry = {"addonTemplateName": instance.template, "addonInstanceID": instance.id, "type": "addonStatic"}
    order = {
        "kind": "AddonCheck",
        "apiVersion": "v3",
        "spec": {"clusterID": simulator.cluster_id, "addonList": [entry]},
    }
    url = server.endpoint + create_path(simulator.project_id, simulator.cluster_id)
    response = session.post(url, json=order, headers=token_of(server), timeout=WAIT)
    assert response.status_code == 201
    assert response.json()["spec"] == order["spec"]


def test_a_body_may_come_in_pieces_and_after_a_continue(server):
    body = b'{"kind": "x"}'
    lines = head(server, f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close", method="POST")
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        for place in range(0, len(lines), 37):
            sock.sendall(lines[place : place + 37])
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body[:5])
        sock.sendall(body[5:])
        assert sock.recv(65536).startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")


def test_pipelined_requests_are_answered_in_their_order(server):
    first = head(server, target=f"{path_of(server)}?type=addonStatic")
    second = head(server, target=f"{path_of(server)}?type=bogus")
    last = head(server, "Connection: close", target="/nowhere")
    answer = raw(server, first + second + last)
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"400", b"404"]


def test_head_has_no_body(server, client):
    for _ in range(2):
        client.request("HEAD", path_of(server), headers=token_of(server))
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (405, b"")
        assert int(answer.headers["Content-Length"]) > 0


def test_http_1_0_is_answered_and_closed(server):
    request = head(server).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = raw(server, request)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer


def test_an_absolute_target_is_taken(server):
    answer = raw(server, head(server, "Connection: close", target=f"http://x{path_of(server)}?type=addonStatic"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_connection_close_is_honoured_on_both_sides(session):
    with SimulatorServer(Simulator(variations=["connection-close", "gzip"])) as server:
        for _ in range(2):
            response = session.get(server.endpoint + path_of(server), headers=token_of(server), timeout=WAIT)
            assert len(response.json()["items"]) == 12
        assert response.headers["Connection"] == "close"
        request = head(server, "Accept-Encoding: gzip")
        answer = raw(server, request)
        assert json.loads(gzip.decompress(answer.partition(b"\r\n\r\n")[2]))["kind"] == "AddonCheck"


def test_many_connections_are_served_at_once(server):
    def ask(number):
        with requests.Session() as session:
            url = f"{server.endpoint}{path_of(server)}?type={'addonStatic' if number % 2 else 'bogus'}"
            statuses = {session.get(url, headers=token_of(server), timeout=WAIT).status_code for _ in range(10)}
            return statuses == {200 if number % 2 else 400}

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(16)))


def test_a_large_answer_reaches_a_slow_reader():
    with SimulatorServer(Simulator(tasks=2000)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
            # more than the buffers between the two can hold
            sock.sendall(head(server) * 9 + head(server, "Connection: close"))
            received = bytearray()
            while chunk := sock.recv(65536):
                received += chunk
        body = bytes(received).rpartition(b"\r\n\r\n")[2]
        assert len(json.loads(body)["items"]) == 2000
        assert received.count(b"HTTP/1.1 200 OK") == 10


# ---- requests that are none


@pytest.mark.parametrize(("data", "status"), [
    (b"\r\n\r\n", 400),
    (b"GET\r\n\r\n", 400),
    (b"GET / HTTP/1.1 x\r\n\r\n", 400),
    (b"GET  / HTTP/1.1\r\n\r\n", 400),
    (b"G\x00T / HTTP/1.1\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (b"GET /" + b"x" * (MAX_HEAD + 10) + b" HTTP/1.1\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD + 10), 431),
])  # fmt: skip
def test_what_is_no_request_is_refused_and_closed(server, data, status):
    answer = raw(server, data)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    top, _, body = answer.partition(b"\r\n\r\n")
    assert b"Connection: close" in top
    assert set(json.loads(body)) == {"errorCode", "errorMessage"}


def test_a_chunked_body_is_refused_cleanly_to_a_client(server):
    response = requests.post(server.endpoint, data=iter([b"a" * 1000] * 50), timeout=WAIT)
    assert response.status_code == 411
    response.close()


def test_a_client_that_goes_away_disturbs_nobody(server, client):
    for data in (b"", b"GE", head(server)[:50], head(server, "Content-Length: 10") + b"abc"):
        raw(server, data, half_close=True)
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        sock.sendall(head(server))
    client.request("GET", path_of(server), headers=token_of(server))
    assert client.getresponse().status == 200


def test_a_failure_inside_is_a_500_in_the_envelope(server, client, monkeypatch, caplog):
    def fail(request, caller):
        raise RuntimeError("a bug")

    monkeypatch.setattr(server.simulator, "handle", fail)
    for _ in range(2):
        client.request("GET", "/", headers=token_of(server))
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())["errorCode"]) == (500, "CCE.01500001")
    assert "the server failed on 'GET /'" in caplog.text


# ---- faults of the connection


@pytest.mark.parametrize(("fault", "expected"), [
    ("closes-without-an-answer", b""),
    ("answers-in-another-protocol", b"\x15\x03\x03\x00\x02\x02\x46"),
])  # fmt: skip
def test_a_broken_connection_is_broken_for_real(fault, expected):
    with SimulatorServer(Simulator(faults=[fault])) as server:
        assert raw(server, head(server)) == expected


def test_a_cut_off_answer_is_cut_off_for_real(session):
    for fault, query in (("answers-half", ""), ("content-length-too-large", "?type=addonStatic")):
        broken = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)
        with SimulatorServer(Simulator(faults=[fault])) as server, pytest.raises(broken):
            session.get(server.endpoint + path_of(server) + query, headers=token_of(server), timeout=WAIT)


def test_a_held_connection_ends_with_the_server(session):
    with SimulatorServer(Simulator(faults=["never-answers"])) as server:
        url = server.endpoint + path_of(server)
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(url, headers=token_of(server), timeout=0.1)
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
        sock.sendall(head(server))
    # reset rather than ended, if the server had not read the request yet
    with sock, suppress(ConnectionResetError):
        assert sock.recv(10) == b""


def test_a_connection_is_held_no_longer_than_its_limit(clock):
    with (
        SimulatorServer(Simulator(faults=["never-answers"])) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock,
    ):
        sock.sendall(head(server))
        nudge(server)
        clock.now += LIMITS[Wait.HOLD] - 1
        nudge(server)
        assert arrived(sock) is None
        clock.now += 1
        nudge(server)
        assert sock.recv(10) == b""


def test_an_injected_header_reaches_the_client(session):
    with SimulatorServer(Simulator(faults=["header-injected-by-any-filter"])) as server:
        url = f"{server.endpoint}{path_of(server)}?task_id=x%0D%0AX-Injected:%20yes"
        response = session.get(url, headers=token_of(server), timeout=WAIT)
        assert response.headers["X-Injected"] == "yes"


# ---- start and end


def test_it_listens_on_loopback_only_and_on_the_port_it_is_given():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with SimulatorServer(Simulator(), port=port) as server:
        assert urlsplit(server.endpoint).hostname == "127.0.0.1"
        assert server.endpoint.endswith(f":{port}")
        with pytest.raises(OSError, match="in use"):
            SimulatorServer(Simulator(), port=port)


def test_another_simulator_may_take_the_place_of_the_first(server, client):
    server.simulator = Simulator(tasks=3)
    client.request("GET", path_of(server), headers=token_of(server))
    assert len(json.loads(client.getresponse().read())["items"]) == 3


def test_no_thread_or_socket_is_left(server):
    before = threading.active_count()
    with SimulatorServer(Simulator()) as other:
        sock = socket.create_connection(("127.0.0.1", other.port), timeout=WAIT)
        sock.sendall(head(other))
        assert sock.recv(10) == b"HTTP/1.1 2"
    with sock:
        while sock.recv(65536):
            pass
    other.close()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", other.port), timeout=WAIT)


def test_a_server_that_never_served_can_be_closed():
    SimulatorServer(Simulator()).close()


# ---- the bytes alone


def test_a_head_is_read_into_its_parts():
    read = parse_head(b"GET /a%2Fb?x=%20&y HTTP/1.1\r\nHost: h\r\nX-A:  b c \r\nx-a: d")
    assert (read.method, read.path, read.query) == ("GET", "/a%2Fb", "x=%20&y")
    assert read.headers["X-A"] == "b c, d"
    assert read.keep_alive
    assert read.length == 0


def test_bytes_beyond_ascii_are_read_as_latin_1():
    assert parse_head(b"GET /\xe9 HTTP/1.1\r\nA: \xe9").headers["a"] == "é"


def test_a_bad_head_has_its_answer_with_it():
    with pytest.raises(BadHttp, match="request line") as caught:
        parse_head(b"nonsense")
    assert caught.value.response.status == 400


def test_an_answer_is_written_in_one_piece():
    response = Response(299, Headers([("A", "é"), ("B", "\u2028")]), b"body")
    assert format_response(response, close=False) == b"HTTP/1.1 299 Status\r\nA: \xe9\r\nB: ?\r\n\r\nbody"
