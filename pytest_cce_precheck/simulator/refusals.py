"""The errors that the simulator answers with, in CCE's own form (the vendor's error-code appendix)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from pytest_cce_precheck.wire.exchange import Headers, Response

JSON: Final = "application/json"
_RETRY_AFTER: Final = (("Retry-After", "1"),)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served; ``reason`` is for hooks and never sent."""

    reason: str
    status: int
    code: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


def bad_request(reason: str, problem: str) -> Refusal:
    """Refuse with 400."""
    return Refusal(reason, 400, "CCE.03400001", f"Request is invalid: {problem}")


def unauthorized(reason: str) -> Refusal:
    """Refuse with 401; the message does not say which credential is wrong."""
    return Refusal(reason, 401, "CCE.01401001", "Authorization failed.")


def not_found(reason: str, message: str = "Resource not found.") -> Refusal:
    """Refuse with 404."""
    return Refusal(reason, 404, "CCE.01404001", message)


def method_not_allowed(allowed: str) -> Refusal:
    """Refuse with 405, and name the method of the path."""
    return Refusal("method", 405, "CCE.01405001", "Method not allowed.", (("Allow", allowed),))


THROTTLED: Final = Refusal(
    "throttled", 429, "CCE.02429001", "The request is too frequent, try again later.", _RETRY_AFTER
)
UNAVAILABLE: Final = Refusal("unavailable", 503, "CCE.01503001", "Service unavailable.", _RETRY_AFTER)
INTERNAL_ERROR: Final = Refusal("internal", 500, "CCE.01500001", "Internal error.")


def refuse(refusal: Refusal) -> Response:
    """Return the response of a refusal."""
    document = {"errorCode": refusal.code, "errorMessage": refusal.message}
    return json_response(refusal.status, document, refusal.headers)


def json_response(status: int, document: object, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return a response with a JSON body; `Simulator` adds the headers that every response has."""
    return Response(status, Headers((("Content-Type", JSON), *headers)), dumps(document))


def dumps(document: object) -> bytes:
    """Serialize as the service does: compact, UTF-8 without escapes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
