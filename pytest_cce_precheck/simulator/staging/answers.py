"""The gateway's own responses, without the headers that every response has."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.refusals import json_response, refuse, throttled, unauthorized, unavailable
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from random import Random


_OUTAGES: Final = {502: ("APIG.0202", "Backend unavailable."), 504: ("APIG.0203", "Backend timeout.")}
_PAGE: Final = """\
<html>\r
<head><title>{title}</title></head>\r
<body>\r
<center><h1>{title}</h1></center>\r
<hr><center>api-gateway</center>\r
</body>\r
</html>\r
"""
_REFUSED: Final = refuse(unauthorized("")).body


def gateway_error(status: int, code: str, message: str, request_id: str) -> Response:
    """Return an error in the gateway's form."""
    document = {"error_msg": message, "error_code": code, "request_id": request_id}
    return json_response(status, document, ((REQUEST_ID_HEADER, request_id),))


def throttling_error(wait: float, now: datetime, request_id: str, rng: Random) -> Response:
    """Return a 429 of the gateway or of the service, with ``Retry-After`` in seconds or as a date."""
    message = "The throttling threshold has been reached: policy user over ratelimit."
    response = gateway_error(429, "APIG.0308", message, request_id) if rng.random() < 0.5 else refuse(throttled())
    seconds = max(1, math.ceil(wait))
    # a date has whole seconds, and must not be too early
    date = format_datetime((now + timedelta(seconds=seconds, microseconds=999_999)).replace(microsecond=0), usegmt=True)
    value = str(seconds) if rng.random() < 0.5 else date
    return Response(429, response.headers.replacing("Retry-After", value), response.body)


def outage_error(status: int, request_id: str, rng: Random) -> Response:
    """Return a 502, 503 or 504 as JSON or as the HTML page of a proxy."""
    if rng.random() < 0.5:
        title = f"{status} {HTTPStatus(status).phrase}"
        headers = Headers((("Server", "api-gateway"), ("Content-Type", "text/html")))
        return Response(status, headers, _PAGE.format(title=title).encode())
    return gateway_error(status, *_OUTAGES[status], request_id) if status in _OUTAGES else refuse(unavailable())


def as_gateway_refusal(request: Request, response: Response) -> Response:
    """Return the service's 401 in the gateway's form; a response that is not the usual 401 is not changed."""
    if response.status != HTTPStatus.UNAUTHORIZED or response.body != _REFUSED:
        return response
    if "Authorization" in request.headers:
        reason = "verify aksk signature fail"
    else:
        reason = "decrypt token fail" if request.headers.get(TOKEN_HEADER) else "x-auth-token not found"
    message = f"Incorrect IAM authentication information: {reason}"
    error = gateway_error(401, "APIG.0301", message, response.headers.get(REQUEST_ID_HEADER, ""))
    return Response(401, response.headers.replacing("Content-Length", str(len(error.body))), error.body)
