"""The simulated service: one request in, one response out, in pure Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator import creation
from pytest_cce_precheck.simulator.authorization import check_credentials
from pytest_cce_precheck.simulator.clock import Clock, ManualClock
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.own_answers import OwnAnswers
from pytest_cce_precheck.simulator.pipeline import LIST_STAGES, Behaviour, Call, Fault, Hooks, NoAnswer, Variation
from pytest_cce_precheck.simulator.population import Population, populate
from pytest_cce_precheck.simulator.refusals import INTERNAL_ERROR, Refusal, json_response, refuse
from pytest_cce_precheck.simulator.rendering import create_document, list_document
from pytest_cce_precheck.simulator.routing import Route, admit, find_route
from pytest_cce_precheck.simulator.selection import ListQuery, check_query, select
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.dates import http_date
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.hosts import SIMULATED
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER

__all__ = ["NoAnswer", "Simulator"]

_CACHED_LISTS: Final = 256

B = TypeVar("B", bound=Behaviour)


class Simulator:
    """A stand-in for the service whose `handle` answers requests; thread-safe, and deterministic with a `ManualClock`.

    ``faults`` and ``variations`` are names in `FAULTS` and `VARIATIONS`, or objects; ``tasks`` is the size
    of the main cluster's list. Tasks change by ``clock``, by default one that stands still until it is advanced;
    the dates of signatures are checked against ``wall``, the real time. The ids are attributes; the
    credentials must not be able to read what is ``foreign_…``.

    >>> simulator = Simulator(faults=["type-filter-ignored"])
    >>> simulator.handle(Request("GET", simulator.endpoint, "/")).status
    401
    """

    endpoint: Final = SIMULATED

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
        # variations come first: faults break the service that they describe
        behaviours: tuple[Behaviour, ...] = (*self.variations, *self.faults)
        population = Population(tasks)
        for behaviour in behaviours:
            population = behaviour.population(population) if behaviour.population else population
        self.state, self._ids = populate(seed, population, self.clock.now())
        self.project_id = self._ids.project_id
        self.cluster_id = self._ids.cluster_id
        self.other_cluster_id = self._ids.other_cluster_id
        self.empty_cluster_id = self._ids.empty_cluster_id
        self.foreign_project_id = self._ids.foreign_project_id
        self.foreign_cluster_id = self._ids.foreign_cluster_id
        self.credentials = _credentials(seed)
        self._hooks = Hooks(behaviours)
        self._own_answers = OwnAnswers()
        self._number = 0
        self._memory: dict[Hashable, Any] = {}
        self._created_ids: set[str] = set()
        self._lists: dict[tuple[str, str], tuple[tuple[int, datetime], Response]] = {}

    def __repr__(self) -> str:
        names = [behaviour.name for behaviour in (*self.faults, *self.variations)]
        return f"<Simulator seed={self.seed}{' ' if names else ''}{' '.join(names)}>"

    @property
    def handled(self) -> int:
        """The number of requests so far."""
        return self._number

    def describe(self) -> dict[str, Any]:
        """Return what a client needs to call: endpoint, ids, and the (simulated) credentials in plain text."""
        return {
            "endpoint": self.endpoint,
            **asdict(self._ids),
            **self.credentials.revealed(),
            "seed": self.seed,
            "faults": [fault.name for fault in self.faults],
            "variations": [variation.name for variation in self.variations],
        }

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        """Answer one request; raise `NoAnswer` if a fault makes the connection fail.

        ``caller`` is the connection, for faults that mix connections up; the default is the calling thread.
        """
        with self._lock:
            self._number += 1
            call = Call(
                request=request,
                caller=threading.get_ident() if caller is None else caller,
                number=self._number,
                now=self.clock.now(),
                clock=self.clock,
                state=self.state,
                ids=self._ids,
                credentials=self.credentials,
                seed=self.seed,
                memory=self._memory,
                created_ids=self._created_ids,
                query=ListQuery(request.params),
            )
            return self._finish(call, self._serve(call))

    def _serve(self, call: Call) -> Response:
        answer: Response | None = self._hooks.apply("before", call, None)
        if answer is not None:
            return answer
        # a hook of this stage may have advanced the clock
        call.now = self.clock.now()
        refusal = check_credentials(call.request, call.credentials, self._wall())
        refusal = self._hooks.apply("authorize", call, refusal)
        if refusal is not None:
            return refuse(refusal)
        route = find_route(call.request)
        if isinstance(route, Route):
            route = admit(route, call.request, call.state, call.ids)
        route = self._hooks.apply("route", call, route)
        if isinstance(route, Refusal):
            return refuse(route)
        if route.cluster_id not in call.state.clusters:
            return refuse(INTERNAL_ERROR)
        call.route = route
        own = self._own_answers.next(call)
        if own is not None:
            return own
        if route.call == "create":
            return self._create(call)
        return self._list(call) if self._hooks.any_at(*LIST_STAGES) else self._list_cached(call)

    def _list_cached(self, call: Call) -> Response:
        unchanged = call.state.unchanged_since(call.cluster.id, call.now)
        key = (call.cluster.id, call.request.query)
        cached = self._lists.get(key)
        if cached is not None and cached[0] == unchanged:
            return cached[1]
        if len(self._lists) >= _CACHED_LISTS:
            self._lists.clear()
        answer = self._list(call)
        self._lists[key] = (unchanged, answer)
        return answer

    def _list(self, call: Call) -> Response:
        call.listed = call.state.tasks_of(call.cluster.id, call.now)
        call.listed = self._hooks.apply("observe", call, call.listed)
        refusal = self._hooks.apply("check", call, check_query(call.query))
        if refusal is not None:
            return refuse(refusal)
        tasks = self._hooks.apply("select", call, select(call.listed, call.query))
        return json_response(200, self._hooks.apply("document", call, list_document(tasks, call.now)))

    def _create(self, call: Call) -> Response:
        sent = creation.parse_request(call.request.body)
        refusal = creation.check_request(sent, call.cluster) or creation.check_room(sent, call)
        refusal = self._hooks.apply("validate", call, refusal)
        if refusal is not None:
            return refuse(refusal)
        tasks = creation.make_tasks(call, sent)
        call.created_ids.update(task.id for task in tasks)
        call.listed = call.state.tasks_of(call.cluster.id, call.now)
        spec = sent.get("spec") if isinstance(sent, dict) else None
        return json_response(201, self._hooks.apply("created", call, create_document(spec, tasks, call.now)))

    def _finish(self, call: Call, response: Response) -> Response:
        headers = Headers((*self._common_headers(call), *response.headers.pairs))
        response = self._hooks.apply("respond", call, replace(response, headers=headers))
        response = self._hooks.apply("encode", call, response)
        headers = response.headers
        if response.status != HTTPStatus.NO_CONTENT and headers.get("Transfer-Encoding") != "chunked":
            headers = Headers((*headers.pairs, ("Content-Length", str(len(response.body)))))
        return replace(response, headers=headers, body=b"" if call.request.method == "HEAD" else response.body)

    def _common_headers(self, call: Call) -> tuple[tuple[str, str], ...]:
        digest = sha256(f"{self.seed}:{call.number}".encode()).hexdigest()
        request_id = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
        return ("Date", http_date(call.now)), (REQUEST_ID_HEADER, request_id)


def _resolve(given: Iterable[str | B], known: Mapping[str, B], noun: str) -> tuple[B, ...]:
    chosen: list[B] = []
    for entry in given:
        if not isinstance(entry, str):
            chosen.append(entry)
        elif entry in known:
            chosen.append(known[entry])
        else:
            is_other = noun == "fault" and entry in VARIATIONS
            near = "; it is a conforming variation" if is_other else did_you_mean(entry, known)
            raise ConfigurationError(f"there is no {noun} {entry!r}{near}: cce-precheck faults lists both")
    return tuple(chosen)


def _credentials(seed: int) -> Credentials:
    token, access_key, secret_key = (
        Secret(f"SIMULATED-{kind}-{sha256(f'{seed}:{kind}'.encode()).hexdigest()[:length]}")
        for kind, length in (("TOKEN", 40), ("AK", 20), ("SK", 40))
    )
    return Credentials(token=token, access_key=access_key, secret_key=secret_key)
