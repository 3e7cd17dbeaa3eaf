"""Requests to the embedded service: straight into it, or wherever `requests` is used in this process."""

from __future__ import annotations

import gzip
import re
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import responses
from requests import exceptions as failures

from pytest_cce_precheck.errors import TransportError
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest


class InProcessTransport:
    """Hands requests to the simulator without HTTP: the same answers, none of the cost."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def send(self, request: Request) -> Exchange:
        """Give the simulator's answer as a client would have received it."""
        try:
            response = self._simulator.handle(request)
        except NoAnswer as failure:
            raise TransportError(failure.reason, "the simulated service gave no answer", request) from None
        return Exchange(request, _as_received(response, request))

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _as_received(response: Response, request: Request) -> Response:
    length = response.headers.get("Content-Length")
    body = response.body
    if length is not None and length.isdigit() and int(length) != len(body):
        if int(length) > len(body):
            detail = f"the answer ended after {len(body)} of the {length} bytes of its Content-Length"
            raise TransportError("truncated", detail, request)
        body = body[: int(length)]
    return Response(response.status, response.headers, _decoded(response.headers, body, request), response.elapsed)


def _decoded(headers: Headers, body: bytes, request: Request) -> bytes:
    if headers.get("Content-Encoding", "").lower() != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise TransportError("not-http", "the body is not encoded as its Content-Encoding says", request) from None


class Interception:
    """Lets the simulator answer every `requests` call of this process to its endpoint; other hosts pass through.

    The vendor's Python SDK is built on requests, so one interception serves it and our own client alike.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._mock = responses.RequestsMock(assert_all_requests_are_fired=False)
        self._mock.add_passthru(re.compile(rf"^(?!{re.escape(simulator.endpoint)}(/|$|\?))"))
        anything = re.compile(rf"^{re.escape(simulator.endpoint)}(/.*)?(\?.*)?$", re.DOTALL)
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            self._mock.add_callback(method, anything, callback=self._answer, content_type=None)

    def _answer(self, prepared: PreparedRequest) -> Any:
        request = as_request(prepared, self._simulator.endpoint)
        try:
            response = self._simulator.handle(request)
        except NoAnswer as failure:
            raise _FAILURES.get(failure.reason, failures.ConnectionError)(
                "the simulated service gave no answer"
            ) from None
        # a list of pairs keeps repeated headers, which responses takes but its annotation does not know
        return response.status, list(response.headers.pairs), response.body

    def __enter__(self) -> Interception:
        self._mock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._mock.stop(allow_assert=False)


_FAILURES: dict[str, Callable[[str], Exception]] = {
    "timeout": failures.ReadTimeout,
    "tls": failures.SSLError,
    "unreachable": failures.ConnectionError,
}


def as_request(prepared: PreparedRequest, endpoint: str) -> Request:
    """Give a request of `requests` as the wire would have carried it."""
    parts = urlsplit(str(prepared.url))
    body = prepared.body or b""
    if isinstance(body, str):
        body = body.encode()
    headers = [(name, _text(value)) for name, value in prepared.headers.items()]
    if not any(name.lower() == "host" for name, _ in headers):
        headers.append(("Host", parts.netloc))
    return Request(str(prepared.method), endpoint, parts.path or "/", parts.query, Headers(headers), bytes(body))


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
