"""Find the recording of a request by a key, in the order of recording; a miss is explained."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_cce_precheck.cassette.misses import explained
from pytest_cce_precheck.errors import BodyError, CassetteMissError
from pytest_cce_precheck.transport.callers import asked_at
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.exchange import Response, parameter_octets

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.cassette.format import Cassette, Failure, Origin
    from pytest_cce_precheck.wire.exchange import Request

Key = tuple[str, str, tuple[tuple[bytes, bytes], ...], object]


def key_of(request: Request) -> Key:
    """Return what two requests must share: method, path, the query's parameters in any order, the body's content.

    Headers are not among it: signatures and dates differ from one request to the next.
    """
    return request.method, request.path, tuple(sorted(parameter_octets(request.query))), content_of(request.body)


def content_of(body: bytes) -> object:
    """Return a body's JSON in a form that does not depend on its spelling, else its octets."""
    if not body:
        return b""
    try:
        return _frozen(parse_json(body))
    except BodyError:
        return body


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return frozenset((name, _frozen(member)) for name, member in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    # in Python, true equals 1 and 1 equals 1.0; in JSON they differ
    return type(value).__name__, value


class Playback:
    """The recordings of one cassette as one test uses them up; threads may share it.

    Each recording is used once. Of those with the same key, one whose query is spelled as the request's goes first,
    then the order of recording counts; one that ``repeats`` is used again when no other is left. ``shown`` makes of a
    request what a miss may show, ``record_with`` returns the command that records the cassette, and ``as_answer`` makes
    of a recorded response what is answered.
    """

    def __init__(
        self,
        cassette: Cassette,
        shown: Callable[[Request], Request] = lambda request: request,
        record_with: Callable[[Origin], str | None] = lambda _: None,
        as_answer: Callable[[Response], Response] = lambda response: response,
    ) -> None:
        self.cassette = cassette
        self._as_answer = as_answer
        self._record_with = record_with
        self._shown = shown
        self._lock = threading.Lock()
        self._waiting: dict[Key, list[int]] = defaultdict(list)
        self._repeating: dict[Key, Response | Failure] = {}
        self._used: set[int] = set()
        self._methods: set[str] = set()
        self._of_path: dict[str, list[int]] = defaultdict(list)
        for number in range(len(cassette)):
            recorded = cassette.request(number)
            self._waiting[key_of(recorded)].append(number)
            self._methods.add(recorded.method)
            self._of_path[recorded.path].append(number)

    @property
    def unused(self) -> tuple[int, ...]:
        """The recordings that were not used, counted from 0."""
        return tuple(number for number in range(len(self.cassette)) if number not in self._used)

    @property
    def is_used(self) -> bool:
        """Whether any recording was used."""
        return bool(self._used)

    def find(self, request: Request) -> Response | Failure:
        """Return the recorded outcome of the request; raises `CassetteMissError`."""
        key = key_of(request)
        with self._lock:
            number = self._next(key, request)
            if number is None and key in self._repeating:
                return self._repeating[key]
            if number is None:
                used_up = key in self._waiting
                command = self._record_with(self.cassette.origin)
                alike = self._of_path.get(request.path) or range(len(self.cassette))
                text = explained(
                    self._shown(request), self.cassette, self._used, command, asked_at(), alike, self._methods
                )
                raise CassetteMissError("used-up" if used_up else "no-such-request", text)
            self._used.add(number)
            # within the lock: another thread may ask for the same before this one has seen that it repeats
            outcome, repeats = self.cassette.outcome(number)
            if isinstance(outcome, Response):
                outcome = self._as_answer(outcome)
            if repeats:
                self._repeating[key] = outcome
        return outcome

    def _next(self, key: Key, request: Request) -> int | None:
        waiting = self._waiting.get(key)
        if not waiting:
            return None
        if len(waiting) == 1:
            return waiting.pop()
        same = (place for place, number in enumerate(waiting) if self.cassette.request(number).query == request.query)
        return waiting.pop(next(same, 0))
