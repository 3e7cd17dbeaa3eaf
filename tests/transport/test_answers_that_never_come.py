"""An answer that does not come, or not whole, or not in time, is named by its reason."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.wire.body import MAX_BYTES
from tests.servers import Handler, always, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Talk = Callable[[socket.socket], None]

from tests.transport.talkers import asked, failed, head_of, saying, talking


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
        error = failed(sender, asked(endpoint))
    assert (error.reason, error.detail) == ("timeout", "no answer within the time allowed")
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

    # without a deadline, four times the timeout; the run may have less left, or nothing
    for sender, seconds in (
        (HttpTransport(timeout=5.0, deadline=0.2), "0.2"),
        (HttpTransport(timeout=0.05), "0.2"),
        (HttpTransport(timeout=5.0, remaining=lambda: 0.1), "0.1"),
        (HttpTransport(timeout=5.0, deadline=0.2, remaining=lambda: 5.0), "0.2"),
        (HttpTransport(timeout=5.0, remaining=lambda: -3.0), "0"),
    ):
        with talking(drip) as endpoint:
            error = failed(sender, asked(endpoint))
        assert (error.reason, error.detail) == ("timeout", f"the answer was not complete after {seconds} s")
        sender.close()
    gone.set()


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
