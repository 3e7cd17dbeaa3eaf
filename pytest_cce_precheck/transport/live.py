"""Requests over HTTP: a session kept alive, TLS verified, bounded in time and size, no redirect followed."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, Final

import requests
import urllib3.exceptions
from requests import exceptions as failures

from pytest_cce_precheck.errors import TransportError, TransportReason
from pytest_cce_precheck.wire.body import MAX_BYTES
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK: Final = 64 * 1024


class HttpTransport:
    """A `requests` session for one endpoint.

    ``timeout`` bounds the connection and each wait for data, ``deadline`` the whole answer, both in seconds. Proxies
    and certificate bundles come from the environment, as requests reads them; credentials never do (no ``.netrc``).
    """

    def __init__(self, *, timeout: float = 30.0, deadline: float = 120.0) -> None:
        self._timeout = timeout
        self._deadline = deadline
        self._session = requests.Session()
        self._session.auth = _as_it_is

    def send(self, request: Request) -> Exchange:
        """Send ``request``; of the query's text, only what no URL may hold is escaped on the way."""
        __tracebackhide__ = True
        started = time.monotonic()
        try:
            with self._send(request) as received:
                body = b"".join(self._body(received, started, request))
                elapsed = time.monotonic() - started
                headers = Headers(received.raw.headers.items())
                return Exchange(request, Response(received.status_code, headers, body, elapsed))
        except (failures.RequestException, urllib3.exceptions.HTTPError, OSError) as failure:
            # `from None`: the frames below hold headers with credentials, and a traceback may show locals
            raise _explained(failure, request) from None

    def _body(self, received: requests.Response, started: float, request: Request) -> Iterator[bytes]:
        size = 0
        # read1 gives what has arrived, so that an answer which drips is noticed
        while chunk := received.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > MAX_BYTES:
                raise TransportError("too-large", f"the answer is larger than {MAX_BYTES:,} bytes", request)
            if time.monotonic() - started > self._deadline:
                raise TransportError("timeout", f"the answer was not complete after {self._deadline:g} s", request)
            yield chunk

    def _send(self, request: Request) -> requests.Response:
        __tracebackhide__ = True
        prepared = self._session.prepare_request(
            requests.Request(request.method, request.endpoint + request.path, data=request.body or None)
        )
        prepared.headers.clear()
        prepared.headers.update(dict(request.headers.pairs))
        if request.body:
            prepared.headers["Content-Length"] = str(len(request.body))
        prepared.url = request.url
        # in no local: a proxy's URL may hold a password, and a traceback may show locals
        surroundings = self._session.merge_environment_settings
        return self._session.send(
            prepared,
            timeout=self._timeout,
            allow_redirects=False,
            **surroundings(request.url, {}, True, None, None),
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


def _explained(failure: Exception, request: Request) -> TransportError:
    reason, detail = _reason(failure)
    return TransportError(reason, detail, request)


def _reason(failure: BaseException) -> tuple[TransportReason, str]:
    causes = list(_causes(failure))
    text = " ".join(str(cause) for cause in causes)
    kinds = tuple(type(cause) for cause in causes)

    def among(*wanted: type[BaseException]) -> bool:
        return any(issubclass(kind, wanted) for kind in kinds)

    if among(failures.SSLError, urllib3.exceptions.SSLError):
        hint = (
            "it does not speak TLS (is the endpoint http://?)"
            if "WRONG_VERSION_NUMBER" in text
            else _tls_problem(causes)
        )
        return "tls", f"the TLS connection failed: {hint}"
    if among(urllib3.exceptions.NameResolutionError):
        return "name-not-found", "the host's name cannot be resolved"
    if among(urllib3.exceptions.NewConnectionError):
        return "unreachable", f"no connection: {_last_words(causes)}"
    if among(failures.Timeout, urllib3.exceptions.TimeoutError):
        return "timeout", "no answer within the time allowed"
    if among(urllib3.exceptions.IncompleteRead, http.client.IncompleteRead):
        return "truncated", "the answer ended before its Content-Length (or its last chunk) was reached"
    if among(failures.ContentDecodingError, urllib3.exceptions.DecodeError):
        return "not-http", "the body is not encoded as its Content-Encoding says"
    if among(failures.InvalidHeader, failures.InvalidURL) or "BadStatusLine" in text or "HeaderParsingError" in text:
        return "not-http", f"not an HTTP answer: {_last_words(causes)}"
    return "connection-lost", f"the connection was lost: {_last_words(causes)}"


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Walk what requests and urllib3 wrapped, outermost first."""
    waiting, seen = [failure], set[int]()
    while waiting:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        nested = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
        waiting.extend(each for each in nested if isinstance(each, BaseException))


def _tls_problem(causes: list[BaseException]) -> str:
    verify = next(
        (getattr(cause, "verify_message", None) for cause in causes if getattr(cause, "verify_message", None)), None
    )
    return str(verify) if verify else _last_words(causes)


def _last_words(causes: list[BaseException]) -> str:
    for cause in reversed(causes):
        strerror = getattr(cause, "strerror", None)
        if strerror:
            return str(strerror)
    return str(causes[-1]).rpartition(": ")[2] or type(causes[-1]).__name__
