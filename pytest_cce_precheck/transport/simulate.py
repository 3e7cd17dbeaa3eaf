"""Requests to the simulator: directly, or in place of any `requests` call of this process to its endpoint."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import Any

from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response, TransportError


def simulated(simulator: Simulator, request: Request) -> Response:
    """Return the simulator's answer; raises `TransportError` if there is none."""
    try:
        return simulator.handle(request)
    except NoAnswer as failure:
        raise TransportError(failure.reason, "the simulated service gave no answer", request) from None


class InProcessTransport:
    """Hands requests to the simulator without HTTP: the same answers, none of the cost."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def send(self, request: Request) -> Exchange:
        """Return the simulator's answer as a client would have received it."""
        response = simulated(self._simulator, request)
        return Exchange(request, received(response, request))

    def close(self) -> None:
        """Do nothing: there is no connection."""


def received(response: Response, request: Request) -> Response:
    """Return an answer as a client receives it; raises `TransportError` if it cannot be read."""
    return replace(response, body=_body(response, request), surplus=response.surplus or b"")


def _body(response: Response, request: Request) -> bytes:
    length, body = response.headers.get("Content-Length", ""), response.body
    if request.method == "HEAD":
        # its Content-Length is that of GET
        return b""
    if length.isdigit() and int(length) > len(body):
        detail = f"the answer ended after {len(body)} of the {length} bytes of its Content-Length"
        raise TransportError("truncated", detail, request)
    if length.isdigit():
        body = body[: int(length)]
    if response.headers.get("Content-Encoding", "").lower() != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise TransportError("not-http", "the body is not encoded as its Content-Encoding says", request) from None


class Interception(Interceptor):
    """Lets the simulator answer every `requests` call of this process to its endpoint; other hosts pass through.

    The vendor's Python SDK uses requests, so one interception serves it and our own client alike.
    """

    def __init__(self, simulator: Simulator, **more: Any) -> None:
        super().__init__([simulator.endpoint], answer=lambda request: simulated(simulator, request), **more)
