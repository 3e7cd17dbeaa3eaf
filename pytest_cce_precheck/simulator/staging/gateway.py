"""The gateway and the network between client and service: what happens to a request, and the answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from random import Random
from typing import Final, Literal

from pytest_cce_precheck.simulator.refusals import THROTTLED, UNAVAILABLE, json_response, refuse, unauthorized
from pytest_cce_precheck.simulator.staging.profiles import Profile, Throttle
from pytest_cce_precheck.wire.dates import http_date
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, TOKEN_HEADER

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
    response = gateway_error(429, "APIG.0308", message, request_id) if rng.random() < 0.5 else refuse(THROTTLED)
    seconds = max(1, math.ceil(wait))
    # a date has whole seconds, and must not be too early
    date = http_date(now + timedelta(seconds=seconds, microseconds=999_999))
    value = str(seconds) if rng.random() < 0.5 else date
    return Response(429, response.headers.replacing("Retry-After", value), response.body)


def outage_error(status: int, request_id: str, rng: Random) -> Response:
    """Return a 502, 503 or 504 as JSON or as the HTML page of a proxy."""
    if rng.random() < 0.5:
        title = f"{status} {HTTPStatus(status).phrase}"
        headers = Headers((("Server", "api-gateway"), ("Content-Type", "text/html")))
        return Response(status, headers, _PAGE.format(title=title).encode())
    return gateway_error(status, *_OUTAGES[status], request_id) if status in _OUTAGES else refuse(UNAVAILABLE)


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


_STATUSES: Final = (502, 503, 504)
_SHORTEST_DELAY: Final = 0.2


@dataclass(frozen=True)
class Passage:
    """What happens to a request and its response; ``what`` names it, and is empty if nothing happens.

    ``answer`` replaces the service's response, even if the request ``reaches`` the service.
    """

    what: str = ""
    answer: Response | None = None
    reaches: bool = True
    lost: Literal["dropped", "reset"] | None = None
    elapsed: float = 0.0
    drips: float = 0.0


class Gateway:
    """Decides what happens to each request, by its number, the seed and the time."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._profile = profile
        self._seed = seed
        self._bucket = _Bucket(profile.throttle) if profile.throttle else None
        self._outage: tuple[datetime, int] | None = None

    def passage(self, number: int, now: datetime, request_id: str) -> Passage:
        """Return what happens to the ``number``-th request."""
        rng = Random(f"{self._seed}:gateway:{number}")  # noqa: S311  test data, no secret
        return (
            self._in_an_outage(rng, now, request_id) or self._throttled(rng, now, request_id) or self._on_the_way(rng)
        )

    def _in_an_outage(self, rng: Random, now: datetime, request_id: str) -> Passage | None:
        outages = self._profile.outages
        if outages is None:
            return None
        if self._outage is None or now >= self._outage[0] + timedelta(seconds=outages.apart):
            if rng.random() >= outages.chance:
                return None
            length = timedelta(seconds=rng.uniform(_SHORTEST_DELAY, outages.longest))
            self._outage = (now + length, rng.choice(_STATUSES))
        until, status = self._outage
        if now >= until:
            return None
        # a gateway that gets no response in time may have sent the request to the service
        reaches = status != 503 and rng.random() < 0.5
        return Passage(f"outage {status}", outage_error(status, request_id, rng), reaches)

    def _throttled(self, rng: Random, now: datetime, request_id: str) -> Passage | None:
        throttle = self._profile.throttle
        if throttle is None or self._bucket is None:
            return None
        by_chance = rng.random() < throttle.at_random
        wait = 0.0 if by_chance else self._bucket.wait(now)
        if not by_chance and not wait:
            return None
        what = "throttled by chance" if by_chance else "throttled"
        return Passage(what, throttling_error(wait, now, request_id, rng), reaches=False)

    def _on_the_way(self, rng: Random) -> Passage:
        chances = self._profile.connections
        if chances is None:
            return Passage()
        drawn, delay = rng.random(), rng.uniform(_SHORTEST_DELAY, chances.longest)
        for chance, passage in (
            (chances.dropped, Passage("dropped", lost="dropped", reaches=rng.random() < 0.5)),
            (chances.reset, Passage("reset", lost="reset")),
            (chances.slow, Passage("slow", elapsed=delay)),
            (chances.dripping, Passage("dripping", elapsed=delay, drips=delay)),
        ):
            if drawn < chance:
                return passage
            drawn -= chance
        return Passage()


class _Bucket:
    def __init__(self, throttle: Throttle) -> None:
        self._rate, self._burst = throttle.rate, throttle.burst
        self._level = float(throttle.burst)
        self._at: datetime | None = None

    def wait(self, now: datetime) -> float:
        """Take one request out of the bucket; return the seconds until the next one if it is empty, else 0."""
        passed = (now - self._at).total_seconds() if self._at else 0.0
        self._level = min(self._level + max(passed, 0.0) * self._rate, self._burst)
        self._at = now
        if self._level < 1:
            return (1 - self._level) / self._rate
        self._level -= 1
        return 0.0
