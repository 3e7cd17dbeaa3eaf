"""Requests over HTTP to servers that answer as none should: each failure has its reason, and no credential is told."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.transport import reading
from pytest_cce_precheck.wire.exchange import Request
from tests.servers import always, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from pytest_cce_precheck.transport.live import HttpTransport

    Talk = Callable[[socket.socket], None]

from tests.transport.talkers import PATH, asked, failed, head_of, saying, talking

# ---- what arrives


def test_an_answer_comes_back_as_it_was_on_the_wire(transport: HttpTransport) -> None:
    with serving(always(404, b'{"a": 1}', X_Request_Id="r-1")) as server:
        request = asked(server.endpoint)
        exchange = transport.send(request)
    assert exchange.request is request
    assert (exchange.status, exchange.response.body, exchange.request_id) == (404, b'{"a": 1}', "r-1")
    assert exchange.response.elapsed > 0


def test_headers_that_stand_twice_come_back_twice(transport: HttpTransport) -> None:
    with talking(saying(b"HTTP/1.1 200 OK\r\nVia: a\r\nVia: b\r\nContent-Length: 2\r\n\r\n{}")) as endpoint:
        headers = transport.send(asked(endpoint)).response.headers
    assert headers.pairs[:2] == (("Via", "a"), ("Via", "b"))


@pytest.mark.parametrize(("line", "field"), [(b"X-Trace : 7", ("X-Trace ", "7")), (b"no colon", ("no colon", ""))])
def test_a_header_that_cannot_be_read_comes_back_with_those_after_it(
    transport: HttpTransport, line: bytes, field: tuple[str, str]
) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%b\r\nVia: b\r\nConnection: close\r\n\r\n{}" % line
    with talking(saying(said)) as endpoint:
        response = transport.send(asked(endpoint)).response
    assert response.body == b"{}"
    assert field in response.headers.pairs
    assert response.headers["Via"] == "b"


@pytest.mark.parametrize("content_type", ["message/rfc822", "message/http", "multipart/byteranges; boundary=x"])
def test_no_header_is_made_up_for_an_answer_that_says_it_is_a_message(
    transport: HttpTransport, content_type: str
) -> None:
    said = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    with talking(saying(said)) as endpoint:
        headers = transport.send(asked(endpoint)).response.headers
    assert headers.pairs == (("Content-Type", content_type), ("Content-Length", "2"))


def test_a_header_that_is_folded_comes_back_with_its_line_ends(transport: HttpTransport) -> None:
    with talking(saying(b"HTTP/1.1 200 OK\r\nVia: a\r\n b\r\nContent-Length: 2\r\n\r\n{}")) as endpoint:
        assert transport.send(asked(endpoint)).response.headers["Via"] == "a\r\n b"


@pytest.mark.parametrize(
    ("method", "said", "surplus"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b""),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more", b"more"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}more", b"more"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore", b"more"),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nmore", b"more"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\nmore", b"more"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b""),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore", b"more"),
        (
            "HEAD",
            b"HTTP/1.1 405 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmore\r\n0\r\n\r\n",
            b"4\r\nmore\r\n0\r\n\r\n",
        ),
        # the end of the connection is the end of the answer
        ("GET", b"HTTP/1.1 200 OK\r\n\r\n{}more", None),
    ],
)
def test_what_was_sent_after_the_end_of_an_answer_is_kept(
    transport: HttpTransport, method: str, said: bytes, surplus: bytes | None
) -> None:
    with talking(saying(said)) as endpoint:
        assert transport.send(asked(endpoint, method=method)).response.surplus == surplus


def test_nobody_waits_for_what_may_follow_an_answer(transport: HttpTransport) -> None:
    with serving(always(200, b"{}")) as server:
        for _ in range(3):
            exchange = transport.send(asked(server.endpoint))
            assert exchange.response.surplus == b""
            assert exchange.response.elapsed < 4
        # on one connection
        assert len({handler.client_address for handler in server.seen}) == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "type=addonStatic",
        "type=a%20b",
        "type=%FF%FE",
        "task_id=a%00b",
        "task_id=a+b%2Bc",
        "&type=addonStatic&&task_id=x&",
        "type",
        "type=",
        "=x",
        "task_id%5B%24ne%5D=x",
        "t%79pe=addonStatic",
        "task_id=%2D%7E",
        "task_id=a%2Fb/c?d",
        "task_id=%E6%8F%92%E4%BB%B6",
        "task_id=%e6%8f%92",
        "task_id=100%",
        "task_id=%zz%C3%a9",
        "a=b=c;d:@!$'()*,~",
        "task_id=" + "x" * 4000,
    ],
)
def test_the_query_arrives_byte_for_byte(transport: HttpTransport, query: str) -> None:
    with serving(always(200, b"{}")) as server:
        transport.send(asked(server.endpoint, query))
        target = f"{PATH}?{query}" if query else PATH
        assert server.seen[0].requestline == f"GET {target} HTTP/1.1"


def test_a_request_in_old_http_says_so_and_the_next_on_its_connection_does_not(transport: HttpTransport) -> None:
    heads: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        for _ in range(2):
            heads.append(head_of(connection))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with talking(talk) as endpoint:
        for request in (asked(endpoint).in_old_http(), asked(endpoint)):
            transport.send(request)
    host = endpoint.removeprefix("http://").encode()
    assert [head.partition(b"\r\n")[0].rpartition(b" ")[2] for head in heads] == [b"HTTP/1.0", b"HTTP/1.1"]
    assert all(b"Host: %b\r\n" % host in head for head in heads)


def test_an_encoded_slash_in_the_path_stays_encoded(transport: HttpTransport) -> None:
    with serving(always(200, b"{}")) as server:
        transport.send(asked(server.endpoint, path="/api/v3/projects/a%2Fb/clusters/%E6%8F%92"))
        assert server.seen[0].requestline == "GET /api/v3/projects/a%2Fb/clusters/%E6%8F%92 HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_sent_as_it_is(transport: HttpTransport, method: str) -> None:
    with serving(always(405, b"{}")) as server:
        assert transport.send(asked(server.endpoint, method=method)).status == 405
        assert server.seen[0].command == method


def test_a_head_request_has_an_answer_without_body(transport: HttpTransport) -> None:
    with serving(always(200, b'{"a": 1}')) as server:
        assert transport.send(asked(server.endpoint, method="HEAD")).response.body == b""


def test_only_the_requests_own_headers_are_sent(transport: HttpTransport) -> None:
    with serving(always(200, b"{}")) as server:
        transport.send(asked(server.endpoint))
        sent = {name.lower() for name in server.seen[0].headers}
    # urllib3 names the host and says how it may be answered, whatever it is given
    assert sent - {"host", "accept-encoding", "user-agent"} == {"accept", "x-auth-token", "x-sdk-date"}


def test_a_body_is_sent_with_its_length(transport: HttpTransport) -> None:
    with serving(always(201, b"{}")) as server:
        transport.send(asked(server.endpoint, method="POST", body='{"é": 1}'.encode()))
        assert server.seen[0].headers["Content-Length"] == "9"


def test_cookies_that_an_answer_sets_are_not_sent_back(transport: HttpTransport) -> None:
    with serving(always(200, b"{}", Set_Cookie="session=1; Path=/")) as server:
        transport.send(asked(server.endpoint))
        transport.send(asked(server.endpoint))
        assert [each.headers["Cookie"] for each in server.seen] == [None, None]


def test_a_chunked_body_is_put_together(transport: HttpTransport) -> None:
    chunks = b'5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n'
    with talking(saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)) as endpoint:
        assert transport.send(asked(endpoint)).response.body == b'{"a": 1}'


def test_a_body_without_length_ends_with_the_connection(transport: HttpTransport) -> None:
    with talking(saying(b'HTTP/1.0 200 OK\r\n\r\n{"a":', b" 1}")) as endpoint:
        assert transport.send(asked(endpoint)).response.body == b'{"a": 1}'


def test_interim_answers_are_not_the_answer(transport: HttpTransport) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    going_on = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Any\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nX-Request-Id: r\r\nContent-Length: 2\r\n\r\n{}"
    with talking(saying(going_on + hints + hints + final)) as endpoint:
        response = transport.send(asked(endpoint)).response
    assert (response.status, response.body) == (200, b"{}")
    assert [name for name, _ in response.headers.pairs] == ["X-Request-Id", "Content-Length"]


def test_an_answer_that_changes_the_protocol_is_the_last(transport: HttpTransport) -> None:
    with talking(
        saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    ) as endpoint:
        assert transport.send(asked(endpoint)).status == 101


def test_a_gzipped_body_is_unpacked(transport: HttpTransport) -> None:
    with serving(always(200, gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")) as server:
        assert transport.send(asked(server.endpoint)).response.body == b'{"a": 1}'


@pytest.mark.parametrize("body", [b"", b"<!doctype html><title>Sign in</title>", b"\x00\xff"])
def test_a_body_that_is_no_json_is_an_answer_like_any_other(transport: HttpTransport, body: bytes) -> None:
    with serving(always(200, body, "text/html")) as server:
        assert transport.send(asked(server.endpoint)).response.body == body


def test_a_connection_serves_several_requests(transport: HttpTransport) -> None:
    with serving(always(200, b"{}")) as server:
        for _ in range(3):
            transport.send(asked(server.endpoint))
        assert len({each.client_address for each in server.seen}) == 1


def test_a_balancer_of_connections_sees_several(transport: HttpTransport) -> None:
    numbers: list[int] = []
    with serving(lambda handler: (numbers.append(handler.client_address[1]), handler.reply(200, b"{}"))) as server:
        for _ in range(20):
            assert transport.send(asked(server.endpoint)).response.body == b"{}"
    assert [numbers.count(number) for number in dict.fromkeys(numbers)] == [8, 8, 4]


def test_a_server_that_hangs_up_between_requests_is_called_again(transport: HttpTransport) -> None:
    hung_up = threading.Event()

    def hang_up(connection: socket.socket) -> None:
        # one request a connection, and no word of it in the headers
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")(connection)
        connection.close()
        hung_up.set()

    with talking(hang_up) as endpoint:
        for _ in range(3):
            hung_up.clear()
            assert transport.send(asked(endpoint)).status == 200
            assert hung_up.wait(5)


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"220 ready\r\n\r\n"])
def test_after_a_failure_the_next_request_is_answered_anew(transport: HttpTransport, first: bytes) -> None:
    answers = iter([first, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
    with talking(lambda connection: saying(next(answers))(connection)) as endpoint:
        failed(transport, asked(endpoint))
        assert transport.send(asked(endpoint)).response.body == b"{}"


# ---- credentials stay where they belong


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_credentials_do_not_leave(transport: HttpTransport, status: int) -> None:
    with serving(always(200, b"{}")) as elsewhere:
        with serving(always(status, b"", Location=f"{elsewhere.endpoint}/stolen")) as server:
            exchange = transport.send(asked(server.endpoint))
        assert elsewhere.seen == []
    assert exchange.status == status
    assert exchange.response.headers["Location"].endswith("/stolen")


PAGE = b"<html>moved</html>"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("coding", ["", "gzip", "gzip, gzip"])
def test_the_page_of_a_redirect_is_read_as_any_other(transport: HttpTransport, status: int, coding: str) -> None:
    body = PAGE
    for _ in filter(None, coding.split(",")):
        body = gzip.compress(body)
    with serving(always(status, body, Location="/x", Content_Encoding=coding)) as server:
        exchange = transport.send(asked(server.endpoint))
    assert (exchange.status, exchange.response.body) == (status, PAGE)


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_the_page_of_a_redirect_is_bounded_as_any_other(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 2**20)
    large = bytes(2**25)
    body = gzip.compress(large, 1) if coding else large
    tracemalloc.start()
    try:
        with serving(always(302, body, Location="/x", Content_Encoding=coding)) as server:
            assert failed(transport, asked(server.endpoint)).reason == "too-large"
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_a_netrc_is_never_used(transport: HttpTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login one password PLANTED\ndefault login two password PLANTED\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(always(200, b"{}")) as server:
        transport.send(asked(server.endpoint))
        assert "Authorization" not in server.seen[0].headers


def test_a_proxy_from_the_environment_is_used(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(always(200, b"{}")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.endpoint)
        assert transport.send(Request("GET", "http://cce.example", PATH, "type=%FF")).status == 200
        assert proxy.seen[0].requestline == f"GET http://cce.example{PATH}?type=%FF HTTP/1.1"
