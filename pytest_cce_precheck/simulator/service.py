"""The simulated service: one request in, one response out, in pure Python."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator import creation
from pytest_cce_precheck.simulator.authorization import check_credentials
from pytest_cce_precheck.simulator.clock import Clock, ManualClock
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.pipeline import (
    LIST_STAGES,
    Behaviour,
    Call,
    Fault,
    NoAnswer,
    Variation,
    hooks_of,
    through,
)
from pytest_cce_precheck.simulator.population import Population, populate
from pytest_cce_precheck.simulator.refusals import Refusal, internal_error, json_response, refuse
from pytest_cce_precheck.simulator.rendering import create_document, list_document
from pytest_cce_precheck.simulator.routing import Route, admit, find_route
from pytest_cce_precheck.simulator.selection import ListQuery, check_query, select
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["ENDPOINT", "NoAnswer", "Simulator"]

ENDPOINT: Final = "https://cce.simulated.example"
_CACHED_ANSWERS: Final = 256
# a signature is as good a second later, but for that second at the end of its quarter of an hour
_STANDS: Final = timedelta(seconds=1)
_STAGES: Final = ("before", "authorize", "route", *LIST_STAGES, "validate", "created", "respond", "encode")

B = TypeVar("B", bound=Behaviour)
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Standing:
    """The answer to a request object that may be asked again: its credentials and its path were found right."""

    request: Request
    asked: datetime
    cluster_id: str
    stamp: tuple[int, datetime]
    answer: Response


class Simulator:
    """A stand-in for the service that `handle`s requests; thread-safe, deterministic under a `ManualClock`.

    ``faults`` and ``variations`` are names in `FAULTS` and `VARIATIONS`, or objects; ``tasks`` is the size
    of the main cluster's list. Tasks move on by ``clock``, by default one that stands until it is advanced;
    signatures are dated by ``wall``, since their senders go by the real time. The ids are attributes; the
    credentials may not read what is ``foreign_…``.

    >>> simulator = Simulator(faults=["type-filter-ignored"])
    >>> simulator.handle(Request("GET", simulator.endpoint, "/")).status
    401
    """

    endpoint: Final = ENDPOINT

    def __init__(
        self,
        *,
        seed: int = 0,
        tasks: int = 12,
        faults: Iterable[str | Fault] = (),
        variations: Iterable[str | Variation] = (),
        clock: Clock | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.seed = seed
        self.faults = _resolve(faults, FAULTS, "fault")
        self.variations = _resolve(variations, VARIATIONS, "variation")
        self.clock: Clock = clock or ManualClock()
        self._wall = wall
        self._lock = threading.Lock()
        # a variation says how the service is; a fault breaks the service that there is
        behaviours: tuple[Behaviour, ...] = (*self.variations, *self.faults)
        population = Population(tasks)
        for behaviour in behaviours:
            population = behaviour.population(population) if behaviour.population else population
        self.world, self._places = populate(seed, population, self.clock.now())
        self.project_id = self._places.project_id
        self.cluster_id = self._places.cluster_id
        self.other_cluster_id = self._places.other_cluster_id
        self.empty_cluster_id = self._places.empty_cluster_id
        self.foreign_project_id = self._places.foreign_project_id
        self.foreign_cluster_id = self._places.foreign_cluster_id
        self.credentials = _credentials(seed)
        self._hooks = {stage: hooks_of(behaviours, stage) for stage in _STAGES}
        self._plain = not any(self._hooks.values())
        self._plain_list = not any(self._hooks[stage] for stage in LIST_STAGES)
        self._number = 0
        self._memory: dict[str, Any] = {}
        self._posted: set[str] = set()
        self._answers: dict[tuple[str, str], tuple[tuple[int, datetime], Response]] = {}
        self._standing: dict[int, _Standing] = {}
        self._date: tuple[datetime, str] | None = None

    def __repr__(self) -> str:
        names = [behaviour.name for behaviour in (*self.faults, *self.variations)]
        return f"<Simulator seed={self.seed}{' ' if names else ''}{' '.join(names)}>"

    @property
    def handled(self) -> int:
        """How many requests it was sent."""
        return self._number

    def describe(self) -> dict[str, Any]:
        """Return what a client needs to call: endpoint, ids, and the (simulated) credentials in plain text."""
        token, access_key, secret_key = (
            secret.reveal()
            for secret in (self.credentials.token, self.credentials.access_key, self.credentials.secret_key)
            if secret is not None
        )
        return {
            "endpoint": self.endpoint,
            "project_id": self.project_id,
            "cluster_id": self.cluster_id,
            "other_cluster_id": self.other_cluster_id,
            "empty_cluster_id": self.empty_cluster_id,
            "foreign_project_id": self.foreign_project_id,
            "foreign_cluster_id": self.foreign_cluster_id,
            "token": token,
            "access_key": access_key,
            "secret_key": secret_key,
            "seed": self.seed,
            "faults": [fault.name for fault in self.faults],
            "variations": [variation.name for variation in self.variations],
        }

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        """Answer one request; raise `NoAnswer` where a fault lets the connection fail.

        ``caller`` tells connections apart, for faults that mix them up; left out, it is the calling thread.
        """
        with self._lock:
            self._number += 1
            known = self._standing.get(id(request))
            if known is not None and known.request is request:
                now, age = self.clock.now(), self._wall() - known.asked
                steady = self.world.steady_since(known.cluster_id, now) == known.stamp
                if steady and timedelta() <= age < _STANDS:
                    return self._complete(self._number, now, known.answer)
            call = Call(
                request=request,
                caller=threading.get_ident() if caller is None else caller,
                number=self._number,
                now=self.clock.now(),
                clock=self.clock,
                world=self.world,
                places=self._places,
                credentials=self.credentials,
                seed=self.seed,
                memory=self._memory,
                posted=self._posted,
                question=ListQuery(request.params),
            )
            return self._finish(call, self._serve(call))

    def _serve(self, call: Call) -> Response:
        answer: Response | None = through(self._hooks["before"], call, None)
        if answer is not None:
            return answer
        # a hook of this stage may have moved the clock
        call.now = self.clock.now()
        refusal = check_credentials(call.request, call.credentials, self._wall())
        refusal = through(self._hooks["authorize"], call, refusal)
        if refusal is not None:
            return refuse(refusal)
        route = find_route(call.request)
        if isinstance(route, Route):
            route = admit(route, call.request, call.world, call.places)
        route = through(self._hooks["route"], call, route)
        if isinstance(route, Refusal):
            return refuse(route)
        if route.cluster_id not in call.world.clusters:
            return refuse(internal_error())
        call.route = route
        return self._list(call, route) if route.call == "list" else self._create(call, route)

    def _list(self, call: Call, route: Route) -> Response:
        if not self._plain_list:
            return self._list_anew(call, route)
        stamp = call.world.steady_since(route.cluster_id, call.now)
        key = (route.cluster_id, call.request.query)
        known = self._answers.get(key)
        answer = known[1] if known is not None and known[0] == stamp else self._list_anew(call, route)
        _remember(self._answers, key, (stamp, answer))
        if self._plain:
            _remember(
                self._standing,
                id(call.request),
                _Standing(call.request, self._wall(), route.cluster_id, stamp, answer),
            )
        return answer

    def _list_anew(self, call: Call, route: Route) -> Response:
        call.listed = call.world.tasks_of(route.cluster_id, call.now)
        call.listed = through(self._hooks["observe"], call, call.listed)
        refusal = through(self._hooks["check"], call, check_query(call.question))
        if refusal is not None:
            return refuse(refusal)
        tasks = through(self._hooks["select"], call, select(call.listed, call.question))
        return json_response(200, through(self._hooks["document"], call, list_document(tasks, call.now)))

    def _create(self, call: Call, route: Route) -> Response:
        cluster = call.world.clusters[route.cluster_id]
        order = creation.read_order(call.request.body)
        refusal = through(self._hooks["validate"], call, creation.check_order(order, cluster))
        if refusal is not None:
            return refuse(refusal)
        tasks = creation.make_tasks(order, cluster, call.world, call.now)
        call.posted.update(task.id for task in tasks)
        call.listed = call.world.tasks_of(route.cluster_id, call.now)
        spec = order.get("spec") if isinstance(order, dict) else None
        document = through(self._hooks["created"], call, create_document(spec, tasks, call.now))
        return json_response(201, document)

    def _finish(self, call: Call, response: Response) -> Response:
        if self._hooks["respond"] or self._hooks["encode"]:
            headers = Headers((*self._standing_headers(call.number, call.now), *response.headers.pairs))
            response = through(self._hooks["respond"], call, Response(response.status, headers, response.body))
            response = through(self._hooks["encode"], call, response)
            pairs = response.headers.pairs
            if response.status != HTTPStatus.NO_CONTENT:
                pairs = (*pairs, ("Content-Length", str(len(response.body))))
            response = Response(response.status, Headers(pairs), response.body)
        else:
            response = self._complete(call.number, call.now, response)
        return Response(response.status, response.headers) if call.request.method == "HEAD" else response

    def _complete(self, number: int, now: datetime, response: Response) -> Response:
        length = ("Content-Length", str(len(response.body)))
        pairs = (*self._standing_headers(number, now), *response.headers.pairs, length)
        return Response(response.status, Headers(pairs), response.body)

    def _standing_headers(self, number: int, now: datetime) -> tuple[tuple[str, str], ...]:
        digest = sha256(f"{self.seed}:{number}".encode()).hexdigest()
        request_id = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
        return ("Date", self._http_date(now)), (REQUEST_ID_HEADER, request_id)

    def _http_date(self, now: datetime) -> str:
        second = now.replace(microsecond=0)
        if self._date is None or self._date[0] != second:
            self._date = (second, format_datetime(second, usegmt=True))
        return self._date[1]


def _resolve(given: Iterable[str | B], known: Mapping[str, B], noun: str) -> tuple[B, ...]:
    chosen: list[B] = []
    for entry in given:
        if not isinstance(entry, str):
            chosen.append(entry)
        elif entry in known:
            chosen.append(known[entry])
        else:
            raise ConfigurationError(f"there is no {noun} {entry!r}{did_you_mean(entry, known)}")
    return tuple(chosen)


def _remember(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= _CACHED_ANSWERS:
        cache.clear()
    cache[key] = value


def _credentials(seed: int) -> Credentials:
    token, access_key, secret_key = (
        Secret(f"SIMULATED-{kind}-{sha256(f'{seed}:{kind}'.encode()).hexdigest()[:length]}")
        for kind, length in (("TOKEN", 40), ("AK", 20), ("SK", 40))
    )
    return Credentials(token=token, access_key=access_key, secret_key=secret_key)
