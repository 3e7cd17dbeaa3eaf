"""No answer outlasts its deadline, at whatever point it stops or drips, and none grows without bound."""

from __future__ import annotations

import gc
import gzip
import os
import socket
import threading
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from pytest_cce_precheck.errors import TransportError
from pytest_cce_precheck.transport import reading
from pytest_cce_precheck.transport.bounded import sent_within
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.watched import Deadline
from pytest_cce_precheck.wire.exchange import Headers, Request
from tests.servers import always, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from requests.adapters import HTTPAdapter

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = OK + b"Content-Encoding: gzip\r\nContent-Length: 100000000\r\n\r\n"
GZIP_HEAD = b"\x1f\x8b\x08"
EMPTY_DEFLATE_BLOCK = b"\x00\x00\x00\xff\xff"

DRIPS: dict[str, tuple[bytes, bytes]] = {
    "status line": (b"", b"H"),
    "headers": (OK, b"X-Slow: 1\r\n"),
    "header that never ends": (OK + b"X-Slow: ", b"x"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (OK + b"Content-Length: 100000000\r\n\r\n", b" "),
    "body without length": (OK + b"\r\n", b" "),
    "chunk size": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"x"),
    "chunk": (CHUNKED + b"fffffff\r\n", b" "),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Slow: 1\r\n"),
    "trailer that never ends": (CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"x"),
    "gzip comment": (GZIPPED + GZIP_HEAD + b"\x10\0\0\0\0\0\xff", b"x"),
    "gzip blocks without content": (GZIPPED + GZIP_HEAD + b"\0\0\0\0\0\0\xff", EMPTY_DEFLATE_BLOCK),
}


@contextmanager
def dripping(before: bytes, piece: bytes, *, silent: bool = False) -> Iterator[tuple[str, Any]]:
    """A server that sends ``before`` and then pieces until the client has gone; yields the port and that event."""
    gone = threading.Event()

    def talk(connection: socket.socket) -> None:
        try:
            if not silent:
                connection.recv(65536)
            connection.sendall(before)
            while not gone.wait(0.005):
                if piece:
                    connection.sendall(piece)
                elif not connection.recv(65536):
                    break
        except OSError:
            pass
        gone.set()

    def accept() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.settimeout(30)
        with connection:
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", gone
        finally:
            gone.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def asked(endpoint: str) -> Request:
    return Request("GET", endpoint, "/", "", Headers([("Accept", "application/json")]))


def too_late(endpoint: str, *, timeout: float = 20.0, request: Request | None = None) -> TransportError:
    sender = HttpTransport(timeout=timeout, deadline=0.2)
    try:
        with pytest.raises(TransportError) as raised:
            sender.send(request or asked(endpoint))
    finally:
        sender.close()
    return raised.value


@pytest.mark.parametrize(("before", "piece"), DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_is_cut_off_and_its_connection_closed(before: bytes, piece: bytes) -> None:
    with dripping(before, piece) as (address, gone):
        error = too_late(f"http://{address}")
        assert gone.wait(30)
    assert (error.reason, error.detail) == ("timeout", "the answer was not complete after 0.2 s")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_proxys_answer_to_connect_that_drips_is_cut_off(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(answer, b"x") as (address, gone):
        monkeypatch.setenv("https_proxy", f"http://{address}")
        error = too_late("https://cce.example")
        assert gone.wait(30)
    assert error.reason == "timeout"


def test_a_tls_handshake_that_drips_is_cut_off() -> None:
    # a record of 16 kB is announced and never comes to its end
    with dripping(b"\x16\x03\x03\x40\x00", b"\x02") as (address, gone):
        error = too_late(f"https://{address}")
        assert gone.wait(30)
    assert error.reason == "timeout"


def test_a_server_that_reads_no_more_is_left() -> None:
    with dripping(b"", b"\0", silent=True) as (address, _):
        request = Request("POST", f"http://{address}", "/", "", Headers(), b"x" * 50_000_000)
        assert too_late("", request=request).reason == "timeout"


@pytest.mark.parametrize(("before", "piece"), [DRIPS["trailers"], DRIPS["status line"], DRIPS["gzip comment"]])
def test_a_call_of_somebody_elses_client_is_cut_off_too(before: bytes, piece: bytes) -> None:
    def bounded(adapter: HTTPAdapter, prepared: Any, proxies: Any, send: Callable[..., Any]) -> Any:
        return sent_within(0.2, adapter, prepared, proxies, send, again=lambda: None)

    with dripping(before, piece) as (address, gone):
        endpoint = f"http://{address}"
        with (
            Interceptor([endpoint], sent=bounded),
            requests.Session() as session,
            pytest.raises(requests.Timeout, match=r"not complete after 0\.2 s"),
        ):
            session.get(endpoint, timeout=30)
        assert gone.wait(30)


def test_a_session_that_was_used_before_is_watched_from_then_on() -> None:
    def bounded(adapter: HTTPAdapter, prepared: Any, proxies: Any, send: Callable[..., Any]) -> Any:
        return sent_within(30, adapter, prepared, proxies, send, again=lambda: None)

    with serving(always(200, b"{}")) as server, requests.Session() as session:
        session.get(server.endpoint, timeout=5)
        with Interceptor([server.endpoint], sent=bounded):
            assert session.get(server.endpoint, timeout=5).content == b"{}"
            assert session.get(server.endpoint, timeout=5).content == b"{}"
        manager: Any = session.get_adapter(server.endpoint).poolmanager  # type: ignore[attr-defined]
        assert manager.connection_from_url(server.endpoint).ConnectionCls.__name__ == "_Watched"
        assert len({each.client_address for each in server.seen}) == 2


def test_no_descriptor_or_thread_is_left_by_a_deadline() -> None:
    def held() -> int:
        gc.collect()
        return len(os.listdir("/dev/fd"))

    threads = threading.active_count()
    with serving(always(200, b"{}")) as server:
        sender = HttpTransport(timeout=5)
        sender.send(asked(server.endpoint))
        before = held()
        for _ in range(50):
            sender.send(asked(server.endpoint))
        assert held() <= before
        sender.close()
    assert threading.active_count() <= threads
    assert Deadline.current() is None


# ---- size


def bomb(codings: int, size: int = 8 * 1024 * 1024) -> bytes:
    body = b" " * size
    for _ in range(codings):
        body = gzip.compress(body, 9)
    return body


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "gzip, gzip", "deflate", "gzip, deflate", "GZIP"])
def test_a_body_that_grows_without_bound_when_decoded_is_refused(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 100_000)
    body = b" " * 10_000_000
    for each in coding.lower().split(", "):
        body = zlib.compress(body) if each == "deflate" else gzip.compress(body)
    with serving(always(200, body, Content_Encoding=coding)) as server:
        sender = HttpTransport(timeout=30)
        with pytest.raises(TransportError) as raised:
            sender.send(asked(server.endpoint))
        sender.close()
    assert (raised.value.reason, raised.value.detail) == ("too-large", "the answer is larger than 100,000 bytes")


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b'{"a": 1}') * 3, gzip.compress(b'{"a": 1}' * 3) + b"\0\0 padding"],
    ids=["members", "padded"],
)
def test_a_gzip_stream_of_several_members_is_read_whole(body: bytes) -> None:
    with serving(always(200, body, Content_Encoding="gzip")) as server:
        sender = HttpTransport(timeout=30)
        assert sender.send(asked(server.endpoint)).response.body == b'{"a": 1}' * 3
        sender.close()


@pytest.mark.parametrize("wrapped", [zlib.compress(b"{}"), zlib.compress(b"{}")[2:-4]], ids=["zlib", "raw"])
def test_a_deflated_body_is_read_with_and_without_the_zlib_format(wrapped: bytes) -> None:
    with serving(always(200, wrapped, Content_Encoding="deflate")) as server:
        sender = HttpTransport(timeout=30)
        assert sender.send(asked(server.endpoint)).response.body == b"{}"
        sender.close()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"{}")[:-5]),
        ("gzip", b"{}"),
        ("deflate", b"{}"),
        ("gzip", gzip.compress(b"") * 100),
        (", ".join(["gzip"] * 6), bomb(6, 10)),
    ],
    ids=["cut off", "no gzip", "no deflate", "members without end", "codings without end"],
)
def test_a_body_that_is_not_encoded_as_it_says_is_no_answer(coding: str, body: bytes) -> None:
    with serving(always(200, body, Content_Encoding=coding)) as server:
        sender = HttpTransport(timeout=30)
        with pytest.raises(TransportError) as raised:
            sender.send(asked(server.endpoint))
        sender.close()
    assert raised.value.reason == "not-http"
