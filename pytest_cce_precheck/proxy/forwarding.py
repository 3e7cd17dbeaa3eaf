"""Ask the real service in place of a client: authenticated anew, and never with what the client sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.errors import WriteRefusedError
from pytest_cce_precheck.proxy.service import sized
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.vocabulary import (
    CREDENTIAL_HEADERS,
    DATE_HEADER,
    FRAMING_HEADERS,
    PROJECT_HEADER,
    TEST_HEADER,
    TOKEN_PATH,
)

if TYPE_CHECKING:
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.wire.exchange import Exchange, Response

_OF_THE_CONNECTION: Final = frozenset(
    {
        *("host", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "forwarded", "via"),
        *("proxy-authorization", "proxy-connection", "accept-encoding", "cookie", "x-sdk-content-sha256"),
        TEST_HEADER.lower(),
        *(name.lower() for name in (*FRAMING_HEADERS, DATE_HEADER, PROJECT_HEADER)),
    }
)


def forwarded(request: Request, client: PrecheckClient) -> Response:
    """Return what the real service answers to a request, as the client may have it; raises errors as `asked_anew`."""
    return passed_on(asked_anew(request, client).response, request, Redaction(client.credentials))


def asked_anew(request: Request, client: PrecheckClient) -> Exchange:
    """Send a request with the credentials of ``client`` in place of its own, and return the exchange.

    Raises `TransportError`, or what forbids the request: `WriteRefusedError`, `BudgetExhaustedError`.
    """
    if request.path == TOKEN_PATH:
        # its answer would be a token of the real service
        raise WriteRefusedError(f"{request.method} {request.path} was not sent: this service issues no tokens")
    kept = [
        (name, value)
        for name, value in request.headers.pairs
        if name.lower() not in _OF_THE_CONNECTION | CREDENTIAL_HEADERS
    ]
    headers = Headers((*kept, ("Accept-Encoding", "gzip")))
    return client.send(Request(request.method, client.endpoint, request.path, request.query, headers, request.body))


def passed_on(response: Response, request: Request, redaction: Redaction) -> Response:
    """Return an answer as the client of ``request`` gets it."""
    # a service that repeats a credential would hand it to the client
    return sized(redaction.response(response) if redaction.found_in(response) else response, request)
