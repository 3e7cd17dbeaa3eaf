"""Requests over HTTP to servers that answer as none should: each failure has its reason, and no credential is told."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import traceback
import tracemalloc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.transport import reading
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.wire.body import MAX_BYTES
from pytest_cce_precheck.wire.exchange import Headers, Request, TransportError
from tests.servers import Handler, always, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Talk = Callable[[socket.socket], None]

TOKEN = "PLANTED-TOKEN-0123456789"
PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    sender = HttpTransport(timeout=5.0, deadline=5.0)
    yield sender
    sender.close()


def asked(endpoint: str, query: str = "", method: str = "GET", body: bytes = b"", path: str = PATH) -> Request:
    headers = Headers([("Accept", "application/json"), ("X-Auth-Token", TOKEN), ("X-Sdk-Date", "20250805T120000Z")])
    return Request(method, endpoint, path, query, headers, body)


def failed(sender: HttpTransport, request: Request) -> TransportError:
    with pytest.raises(TransportError) as raised:
        sender.send(request)
    assert raised.value.request is request
    assert_no_credential(raised.value)
    return raised.value


def assert_no_credential(error: BaseException) -> None:
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert TOKEN not in "".join(shown.format())


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """Accept connections one after the other and let ``talk`` write what it likes; gives the endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    try:
                        talk(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # close alone would leave accept waiting
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def head_of(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            break
        received += more
    return received


def saying(*parts: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        head_of(connection)
        for part in parts:
            connection.sendall(part)

    return talk


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
        "a=b=c;d:@!$'()*,~",
        "task_id=" + "x" * 4000,
    ],
)
def test_the_query_arrives_byte_for_byte(transport: HttpTransport, query: str) -> None:
    with serving(always(200, b"{}")) as server:
        transport.send(asked(server.endpoint, query))
        target = f"{PATH}?{query}" if query else PATH
        assert server.seen[0].requestline == f"GET {target} HTTP/1.1"


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
    going_on = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nX-Request-Id: r\r\nContent-Length: 2\r\n\r\n{}"
    with talking(saying(going_on + hints + hints + final)) as endpoint:
        response = transport.send(asked(endpoint)).response
    assert (response.status, response.body) == (200, b"{}")
    assert [name for name, _ in response.headers.pairs] == ["X-Request-Id", "Content-Length"]


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


# ---- answers that never come


def test_a_port_where_nobody_listens_is_unreachable(transport: HttpTransport) -> None:
    error = failed(transport, asked(f"http://127.0.0.1:{free_port()}"))
    assert (error.reason, error.detail) == ("unreachable", "no connection: Connection refused")


def test_a_host_without_address_is_named_as_such(transport: HttpTransport) -> None:
    # RFC 6761: this top-level domain never resolves
    assert failed(transport, asked("https://cce.invalid")).reason == "name-not-found"


def test_a_plain_port_asked_for_tls_is_named_as_such(transport: HttpTransport) -> None:
    with serving(always(200, b"{}")) as server:
        error = failed(transport, asked(f"https://127.0.0.1:{server.server_port}"))
    assert (error.reason, error.detail) == (
        "tls", "the TLS connection failed: it does not speak TLS (is the endpoint http://?)"
    )  # fmt: skip


@contextmanager
def secured(folder: Path) -> Iterator[str]:
    """A TLS server whose certificate nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    place = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"]
    subprocess.run([*words, *place, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")(wrapped)

    with talking(talk) as endpoint:
        yield endpoint.replace("http://", "https://")


def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_sent(
    transport: HttpTransport, tmp_path: Path
) -> None:
    with secured(tmp_path) as endpoint:
        error = failed(transport, asked(endpoint))
    assert error.reason == "tls"
    assert "self-signed certificate" in error.detail.replace("self signed", "self-signed")
    assert "(name a CA of your own in REQUESTS_CA_BUNDLE)" in error.detail


def test_a_certificate_is_trusted_where_the_environment_says_so(
    transport: HttpTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with secured(tmp_path) as endpoint:
        assert transport.send(asked(endpoint)).status == 200


def test_a_plain_client_at_a_tls_port_has_no_answer(transport: HttpTransport, tmp_path: Path) -> None:
    with secured(tmp_path) as endpoint:
        reason = failed(transport, asked(endpoint.replace("https://", "http://"))).reason
    assert reason in ("connection-lost", "not-http")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "connection-lost"),
        (b"220 smtp.example ESMTP ready\r\n", "not-http"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "not-http"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", "truncated connection-lost"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "truncated connection-lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "not-http"),
    ],
    ids=["empty", "smtp", "tls-alert", "no-status", "short", "short-chunk", "no-last-chunk", "no-gzip"],
)
def test_what_is_no_whole_http_answer_is_named_by_its_reason(
    transport: HttpTransport, answer: bytes, reason: str
) -> None:
    with talking(saying(answer)) as endpoint:
        assert failed(transport, asked(endpoint)).reason in reason.split()


def test_a_connection_that_is_reset_is_lost(transport: HttpTransport) -> None:
    def reset(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        # closing at once with linger 0 sends a reset instead of an end
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with talking(reset) as endpoint:
        assert failed(transport, asked(endpoint)).reason in ("connection-lost", "truncated")


def hold(connection: socket.socket) -> None:
    """Send nothing until the client hangs up."""
    head_of(connection)
    connection.recv(1)


def test_a_server_that_says_nothing_runs_into_the_timeout() -> None:
    sender = HttpTransport(timeout=0.1)
    with talking(hold) as endpoint:
        assert failed(sender, asked(endpoint)).reason == "timeout"
    sender.close()


def test_a_server_that_stops_in_the_middle_runs_into_the_timeout() -> None:
    def stop(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        hold(connection)
        connection.recv(1)

    sender = HttpTransport(timeout=0.1)
    with talking(stop) as endpoint:
        assert failed(sender, asked(endpoint)).reason == "timeout"
    sender.close()


def test_an_answer_that_drips_runs_into_the_deadline() -> None:
    gone = threading.Event()

    def drip(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not gone.wait(0.01):
            connection.sendall(b" ")

    sender = HttpTransport(timeout=5.0, deadline=0.2)
    with talking(drip) as endpoint:
        error = failed(sender, asked(endpoint))
        gone.set()
    assert (error.reason, error.detail) == ("timeout", "the answer was not complete after 0.2 s")
    sender.close()


@pytest.mark.parametrize("piece", [b"X-Slow: 1\r\n", b"H"], ids=["headers", "status line"])
def test_a_head_that_drips_runs_into_the_deadline(piece: bytes) -> None:
    gone = threading.Event()

    def drip(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" if len(piece) > 1 else b"")
        with suppress(OSError):
            while not gone.wait(0.05):
                connection.sendall(piece)

    sender = HttpTransport(timeout=5.0, deadline=0.2)
    with talking(drip) as endpoint:
        error = failed(sender, asked(endpoint))
        gone.set()
    assert error.reason == "timeout"
    sender.close()


def test_an_answer_in_time_is_not_cut_off_afterwards() -> None:
    sender = HttpTransport(timeout=5.0, deadline=0.2)
    with serving(always(200, b"{}")) as server:
        request = asked(server.endpoint)
        first = sender.send(request)
        threading.Event().wait(0.3)
        assert sender.send(request).response.body == first.response.body == b"{}"
    sender.close()


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_answer_that_is_too_large_is_refused_while_it_comes(transport: HttpTransport, encoding: str) -> None:
    large = b" " * (MAX_BYTES + 1)

    def answer(handler: Handler) -> None:
        named = {"Content_Encoding": encoding} if encoding else {}
        handler.reply(200, gzip.compress(large, 1) if encoding else large, **named)

    with serving(answer) as server:
        error = failed(transport, asked(server.endpoint))
    assert (error.reason, error.detail) == ("too-large", f"the answer is larger than {MAX_BYTES:,} bytes")


def test_an_answer_of_the_largest_size_is_read(transport: HttpTransport) -> None:
    with serving(always(200, b" " * MAX_BYTES)) as server:
        assert len(transport.send(asked(server.endpoint)).response.body) == MAX_BYTES


@pytest.mark.parametrize("attribute", ["detail", "reason"])
def test_a_failure_reads_as_the_request_and_what_became_of_it(transport: HttpTransport, attribute: str) -> None:
    error: Any = failed(transport, asked(f"http://127.0.0.1:{free_port()}", "type=addonStatic"))
    assert str(error).startswith("GET http://127.0.0.1:")
    assert "?type=addonStatic: no connection" in str(error)
    assert getattr(error, attribute)
