"""Answers of a test's own: one for one question, in place of the simulator's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pytest_cce_precheck import _files
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.delivery import LateResponse
from pytest_cce_precheck.simulator.pipeline import Call, NoAnswer
from pytest_cce_precheck.simulator.refusals import JSON, dumps
from pytest_cce_precheck.wire.exchange import Headers, Response, encode_query

Lost = Literal["connection-lost", "timeout"]
_METHODS: Final = ("GET", "POST")
_CODES: Final = {429: "CCE.02429001", 400: "CCE.03400001"}


@dataclass
class OwnAnswer:
    """One answer and its question: the method, and for GET the filters, each with its value."""

    method: str
    filters: Mapping[str, str]
    response: Response | Lost
    times: int | None
    used: int = 0

    @property
    def question(self) -> str:
        """The question in words."""
        return f"{self.method} {encode_query(self.filters.items()) or 'without filters'}"

    def fits(self, call: Call) -> bool:
        """Whether a call asks the question, and the answer has not been given often enough."""
        if call.request.method != self.method or (self.times is not None and self.used >= self.times):
            return False
        return self.method == "POST" or sorted(call.request.params) == sorted(self.filters.items())


@dataclass
class OwnAnswers:
    """The answers that a test gives, in order."""

    _given: list[OwnAnswer] = field(default_factory=list)
    _asked: dict[str, None] = field(default_factory=dict)

    def add(self, answer: OwnAnswer) -> None:
        """Give an answer after those that were given before."""
        self._given.append(answer)

    def next(self, call: Call) -> Response | None:
        """Return the answer to a call, None if the simulator is to answer; raise `NoAnswer` for a lost connection."""
        if not self._given:
            return None
        self._asked[f"{call.request.method} {call.request.query or 'without filters'}"] = None
        found = next((each for each in self._given if each.fits(call)), None)
        if found is None:
            return None
        found.used += 1
        if isinstance(found.response, str):
            raise NoAnswer(found.response)
        return found.response

    @property
    def unused(self) -> list[str]:
        """What is wrong with each answer whose question was never asked, in words."""
        asked = ", ".join(self._asked) or "nothing"
        return [
            f"an answer was given for {each.question}, and nobody asked that; asked since then: {asked}"
            for each in self._given
            if not each.used
        ]


def own_response(
    status: int, body: Any, headers: Mapping[str, str] | Sequence[tuple[str, str]], delay: float, lost: Lost | None
) -> Response | Lost:
    """Return an answer as it is given; ``body`` is bytes, text, the path of a file, or what is written as JSON."""
    if lost is not None:
        if lost not in get_args(Lost):
            raise ConfigurationError(f"lost={lost!r}: expected {' or '.join(map(repr, get_args(Lost)))}")
        return lost
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ConfigurationError(f"status={status!r}: expected a number from 200 to 599")
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= 600:
        raise ConfigurationError(f"delay={delay!r}: expected a number of seconds from 0 to 600")
    pairs = Headers(headers)
    if "Content-Type" not in pairs:
        pairs = Headers((("Content-Type", JSON), *pairs.pairs))
    return LateResponse(status, pairs, _octets(body, status), elapsed=delay)


def _octets(body: Any, status: int) -> bytes:
    if body is None and status >= 400:
        code = _CODES.get(status, f"CCE.01{status}001")
        return dumps({"errorCode": code, "errorMessage": "The test answers so."})
    if isinstance(body, Path):
        return _files.read_bytes(body, f"the body {_files.shown(body)}")
    if isinstance(body, bytes | str):
        return body.encode() if isinstance(body, str) else body
    try:
        return b"" if body is None else json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the body cannot be written as JSON: {error}") from None


def refuse_odd_question(method: str, filters: Mapping[str, Any], times: int | None) -> None:
    """Raise `ConfigurationError` for a question that no call can ask."""
    if method not in _METHODS:
        raise ConfigurationError(f"method={method!r}: expected GET (the list call) or POST (the create call)")
    if method == "POST" and filters:
        raise ConfigurationError("the create call (POST) has no filters: leave them out")
    odd = next((name for name, value in filters.items() if not isinstance(value, str)), None)
    if odd is not None:
        raise ConfigurationError(f"{odd}={filters[odd]!r}: expected a text")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ConfigurationError(f"times={times!r}: expected a number from 1, or None for each time")
