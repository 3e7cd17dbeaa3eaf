"""The simulated service as a staging installation: shared, behind a gateway, with a clock of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from pytest_cce_precheck.simulator.clock import Clock, ManualClock
from pytest_cce_precheck.simulator.delivery import Reset, SlowResponse, half_of
from pytest_cce_precheck.simulator.pipeline import Fault, NoAnswer, Variation
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.crowd import Crowd, Replicas
from pytest_cce_precheck.simulator.staging.gateway import Gateway, Passage, as_gateway_refusal, gateway_error
from pytest_cce_precheck.simulator.staging.iam import EXPIRED, LOCKED, TOKEN_PATH, Account, IssuedTokens, KeyLock
from pytest_cce_precheck.simulator.staging.profiles import Profile, find_profile
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.dates import http_date
from pytest_cce_precheck.wire.exchange import Headers, Request, Response

# seconds by which each request advances a clock that stands still
_SHORTEST_ANSWER: Final = 0.01


class Staging(Simulator):
    """A simulator that is as hard to test as a shared installation, and still follows the contract.

    ``profile`` is a name in `PROFILES`, or a `Profile`; with ``time_scale`` other clients are that many times as
    fast. All that happens depends on the seed, the clock and the order of the requests, and is counted in
    ``happened``. Each request advances a `ManualClock` by the time that its answer takes; in real time the server
    makes the client wait.

    >>> staging = Staging("lagging", seed=3)
    >>> staging.handle(Request("GET", staging.endpoint, "/")).document["error_code"]
    'APIG.0301'
    """

    def __init__(
        self,
        profile: str | Profile,
        *,
        seed: int = 0,
        tasks: int = 12,
        faults: Iterable[str | Fault] = (),
        variations: Iterable[str | Variation] = (),
        clock: Clock | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        time_scale: float = 1.0,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else find_profile(profile)
        self.happened: Counter[str] = Counter()
        clock = clock or ManualClock()
        self._stands = isinstance(clock, ManualClock)
        skew = timedelta(seconds=self.profile.skew)
        shown = _SkewedClock(clock, skew) if skew else clock
        others = self._others(seed, shown.now(), time_scale)
        super().__init__(
            seed=seed,
            tasks=tasks,
            faults=faults,
            variations=(*others, *variations),
            clock=shown,
            wall=lambda: wall() + skew,
        )
        self.account = Account.simulated(seed, self.project_id)
        token, life, lock = self.credentials.token, self.profile.tokens, self.profile.lock
        self._tokens = IssuedTokens(life, self.account, token, seed) if life and token else None
        self._key_lock = KeyLock(lock) if lock else None
        self._gateway = Gateway(self.profile, seed)
        self._gateway_lock = threading.Lock()
        self._asked = 0

    def _others(self, seed: int, start: datetime, scale: float) -> Iterator[Variation]:
        profile, happened = self.profile, self.happened
        if profile.traffic:
            yield Crowd(profile.traffic, seed=seed, start=start, scale=scale, happened=happened).variation()
        if profile.replicas:
            yield Replicas(profile.replicas, happened).variation()

    def describe(self) -> dict[str, Any]:
        """Return what a client needs to call, the profile's name and, if tokens expire, how to get new ones."""
        facts = super().describe()
        facts["variations"] = [name for name in facts["variations"] if name in VARIATIONS]
        facts["staging"] = self.profile.name
        if self._tokens is not None:
            account = self.account
            facts |= {"iam_path": TOKEN_PATH, "iam_domain": account.domain, "iam_user": account.user}
            facts["iam_password"] = account.password.reveal()
        return facts

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        """Answer one request as staging does; raise `NoAnswer` if the connection fails."""
        if not self.profile.gateway:
            return super().handle(request, caller=caller)
        with self._gateway_lock:
            self._asked += 1
            now = self.clock.now()
            request_id = sha256(f"{self.seed}:gateway:{self._asked}".encode()).hexdigest()[:32]
            if self._tokens is not None and request.path == TOKEN_PATH:
                return self._deliver(
                    _with_headers(request, self._tokens.answer(request, now), now), Passage("token call")
                )
            passage = self._gateway.passage(self._asked, now, request_id)
            served = self._served(request, caller, now, request_id) if passage.reaches else None
            return self._deliver(_with_headers(request, passage.answer, now) if passage.answer else served, passage)

    def _served(self, request: Request, caller: int | None, now: datetime, request_id: str) -> Response:
        admitted = self._tokens.admit(request, now) if self._tokens else request
        if admitted is None:
            self.happened["token expired"] += 1
            return _with_headers(request, gateway_error(401, *EXPIRED, request_id), now)
        if self._key_lock and self._key_lock.is_locked(request, now):
            self.happened["key locked"] += 1
            return _with_headers(request, gateway_error(401, *LOCKED, request_id), now)
        response = super().handle(admitted, caller=caller)
        if self._key_lock:
            self._key_lock.record(request, response.status, now)
        return as_gateway_refusal(request, response)

    def _deliver(self, response: Response | None, passage: Passage) -> Response:
        """Return the response as the client gets it, or raise `NoAnswer`."""
        self.happened[passage.what or "passed"] += 1
        if self._stands:
            self.clock.advance(max(passage.elapsed, _SHORTEST_ANSWER))
        if response is None or passage.lost == "dropped":
            raise NoAnswer("connection-lost")
        if passage.lost == "reset":
            raise Reset(half_of(response))
        if not passage.elapsed:
            return response
        return SlowResponse(response.status, response.headers, response.body, passage.elapsed, passage.drips)


class _SkewedClock(Clock):
    """A clock that is ahead of another, which it advances."""

    def __init__(self, clock: Clock, ahead: timedelta) -> None:
        super().__init__(lambda: clock.now() + ahead)
        self._clock = clock

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)


def _with_headers(request: Request, answer: Response, now: datetime) -> Response:
    """Return a response of the gateway with the headers that every response has."""
    headers = Headers((("Date", http_date(now)), *answer.headers.pairs, ("Content-Length", str(len(answer.body)))))
    return Response(answer.status, headers, b"" if request.method == "HEAD" else answer.body)
