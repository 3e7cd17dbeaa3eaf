"""What requests, urllib3 and Python raise if no answer comes: why it did not, in words for people."""

from __future__ import annotations

import http.client
import ssl

import pytest
import requests
import urllib3
from urllib3.exceptions import (
    DecodeError,
    IncompleteRead,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from pytest_cce_precheck.transport.failures import reason_of

POOL = urllib3.HTTPConnectionPool("cce.example")
CONNECTION = urllib3.connection.HTTPConnection("cce.example")
REFUSED = NewConnectionError(CONNECTION, "Failed to establish a new connection")
REFUSED.__cause__ = ConnectionRefusedError(111, "Connection refused")
CA = " (name a CA of your own in REQUESTS_CA_BUNDLE)"
INCOMPLETE = "the answer ended before its Content-Length (or its last chunk) was reached"


def verification(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {message}")
    error.verify_message = message
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (requests.ConnectTimeout(), "timeout", "no answer within the time allowed"),
        (ReadTimeoutError(POOL, "/", "Read timed out."), "timeout", "no answer within the time allowed"),
        (
            requests.ConnectionError(MaxRetryError(POOL, "/", REFUSED)),
            "unreachable",
            "no connection: Connection refused",
        ),
        (
            NameResolutionError("cce.example", CONNECTION, OSError(-2, "unknown")),  # type: ignore[arg-type]  # as good
            "name-not-found",
            "the host's name cannot be resolved",
        ),
        (IncompleteRead(2, 7), "truncated", INCOMPLETE),
        (ProtocolError("broken", http.client.IncompleteRead(b"{}", 7)), "truncated", INCOMPLETE),
        (DecodeError("not gzip"), "not-http", "the body is not encoded as its Content-Encoding says"),
        (
            requests.exceptions.ContentDecodingError(),
            "not-http",
            "the body is not encoded as its Content-Encoding says",
        ),
        (requests.exceptions.InvalidHeader("a line break"), "not-http", "not an HTTP answer: a line break"),
        (requests.exceptions.InvalidURL("no host"), "not-http", "not an HTTP answer: no host"),
        (http.client.BadStatusLine("220 ready"), "not-http", "not an HTTP answer: 220 ready"),
        (
            http.client.RemoteDisconnected("closed without response"),
            "connection-lost",
            "the connection was lost: closed without response",
        ),
        (
            ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer")),
            "connection-lost",
            "the connection was lost: Connection reset by peer",
        ),
        # the innermost that the system has reported
        (
            caused(OSError(5, "first"), OSError(32, "Broken pipe")),
            "connection-lost",
            "the connection was lost: Broken pipe",
        ),
        # with no words at all, its type
        (caused(requests.ConnectionError("lost"), OSError()), "connection-lost", "the connection was lost: OSError"),
    ],
)
def test_why_no_answer_came_is_told_from_any_of_the_causes(error: Exception, reason: str, words: str) -> None:
    assert reason_of(error) == (reason, words)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            verification("unable to get local issuer certificate"),
            "unable to get local issuer certificate (name a CA of your own in REQUESTS_CA_BUNDLE)",
        ),
        (
            verification("self signed certificate"),
            "self signed certificate (name a CA of your own in REQUESTS_CA_BUNDLE)",
        ),
        (verification("certificate has expired"), "certificate has expired"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), "it does not speak TLS (is the endpoint http://?)"),
        (ssl.SSLError(1, "[SSL: NO_SHARED_CIPHER] no shared cipher"), "[SSL: NO_SHARED_CIPHER] no shared cipher"),
    ],
)
@pytest.mark.parametrize("kind", [requests.exceptions.SSLError, urllib3.exceptions.SSLError])
def test_why_tls_failed_is_told_with_what_may_help(kind: type[Exception], error: Exception, problem: str) -> None:
    assert reason_of(kind(error)) == ("tls", f"the TLS connection failed: {problem}")


def test_causes_that_name_each_other_have_an_end() -> None:
    inner, outer = OSError(32, "Broken pipe"), requests.ConnectionError("lost")
    inner.__context__ = outer
    outer.__context__ = outer.__cause__ = inner
    assert reason_of(outer) == ("connection-lost", "the connection was lost: Broken pipe")
