"""Requests to the embedded service: straight into it, or wherever `requests` is used in this process."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response, TransportError


class InProcessTransport:
    """Hands requests to the simulator without HTTP: the same answers, none of the cost."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def send(self, request: Request) -> Exchange:
        """Return the simulator's answer as a client would have received it."""
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


class Interception(Interceptor):
    """Lets the simulator answer every `requests` call of this process to its endpoint; other hosts pass through.

    The vendor's Python SDK is built on requests, so one interception serves it and our own client alike.
    """

    def __init__(self, simulator: Simulator, **more: Any) -> None:
        self._simulator = simulator
        super().__init__([simulator.endpoint], answer=self._simulated, **more)

    def _simulated(self, request: Request) -> Response:
        try:
            return self._simulator.handle(request)
        except NoAnswer as failure:
            raise TransportError(failure.reason, "the simulated service gave no answer", request) from None
