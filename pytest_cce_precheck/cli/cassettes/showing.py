"""``cce-precheck cassettes show``: what a cassette holds, for people."""

from __future__ import annotations

import json
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cassette.format import Failure
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.redaction.recordings import REQUEST_HEADERS, RESPONSE_HEADERS
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.wire.body import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.cassette.format import Cassette, Recording
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.wire.exchange import Headers

_SHOWN: Final = 160
# a header that no recording of ours keeps was put there by somebody, and may be anything
_KEPT: Final = REQUEST_HEADERS | RESPONSE_HEADERS


def shown(cassette: Cassette, redactor: Redactor, *, bodies: bool, number: int | None) -> Iterator[str]:
    """Write a cassette in pieces, without secrets; ``number`` counts from 1, None shows every recording.

    Raises `ConfigurationError` if there is no recording of that number.
    """
    if number is not None and number > len(cassette):
        raise ConfigurationError(f"{cassette.name} has {len(cassette)} recordings; there is no number {number}")
    yield redactor.text("".join(f"{line}\n" for line in _origin_lines(cassette)))
    for place in range(len(cassette)) if number is None else [number - 1]:
        lines = [f"recording {place + 1} of {len(cassette)}", *_lines(cassette.recording(place), redactor, bodies)]
        yield redactor.text("\n" + "".join(f"{one_line(line)}\n" for line in lines))


def _origin_lines(cassette: Cassette) -> Iterator[str]:
    origin = cassette.origin
    yield f"{cassette.name}"
    yield f"  recorded  {origin.recorded_at:%Y-%m-%d %H:%M} UTC by {origin.tool} ({origin.source})"
    yield f"  from      {origin.endpoint}, project {origin.project_id}, cluster {origin.cluster_id}"
    if origin.test:
        yield f"  for       {origin.test}"
    if origin.pseudonyms:
        yield "  ids       are stand-ins"


def _lines(recording: Recording, redactor: Redactor, bodies: bool) -> Iterator[str]:
    request, outcome = recording.request, recording.outcome
    yield f"  {request.method} {request.target}"
    yield from _headers(request.headers, redactor)
    yield from _body(request.body, bodies)
    if isinstance(outcome, Failure):
        yield f"  no answer: {outcome.detail} ({outcome.reason})"
    else:
        phrase = HTTPStatus(outcome.status).phrase if outcome.status in set(HTTPStatus) else ""
        yield f"  answer: {outcome.status} {phrase}".rstrip()
        yield from _headers(outcome.headers, redactor)
        yield from _body(outcome.body, bodies)
    if recording.repeats:
        yield "  is given again and again"


def _headers(headers: Headers, redactor: Redactor) -> Iterator[str]:
    for (name, value), (_, masked) in zip(headers.pairs, redactor.headers(headers), strict=True):
        yield f"    {name}: {value if name.lower() in _KEPT else masked}"


def _body(body: bytes, whole: bool) -> Iterator[str]:
    if not body:
        return
    try:
        document = parse_json(body)
    except BodyError as error:
        yield f"    {len(body):,} bytes: {error}"
        text = body.decode("utf-8", "replace")
        yield from (f"    {line}" for line in (text.splitlines() if whole else [_cut(text)]))
        return
    if whole:
        yield from (f"    {line}" for line in json.dumps(document, indent=2, ensure_ascii=False).splitlines())
    else:
        yield f"    {len(body):,} bytes of JSON: {_summary(document)}"


def _summary(document: Any) -> str:
    tasks = document.get("items") if isinstance(document, dict) else None
    if not isinstance(tasks, list):
        return _cut(json.dumps(document, ensure_ascii=False))
    states = Counter(_state(task) for task in tasks)
    named = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return f"{len(tasks)} task{'s' if len(tasks) != 1 else ''}" + (f" ({named})" if named else "")


def _state(task: Any) -> str:
    status = task.get("status") if isinstance(task, dict) else None
    return str(status.get("status", "without a state")) if isinstance(status, dict) else "without a state"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
