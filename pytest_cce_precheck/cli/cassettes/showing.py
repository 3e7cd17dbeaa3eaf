"""``cce-precheck cassettes list`` and ``show``: what cassettes hold, for people."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import count_of, shortened
from pytest_cce_precheck.cassette.format import Failure
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.explore.coverage import all_classes, covered_classes
from pytest_cce_precheck.redaction.recordings import REQUEST_HEADERS, RESPONSE_HEADERS
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from pytest_cce_precheck.cassette.format import Cassette, Recording
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.wire.exchange import Headers

_LONGEST: Final = 160
# recordings of ours hold these headers only; somebody else added the others, and they may hold anything
_RECORDED_HEADERS: Final = REQUEST_HEADERS | RESPONSE_HEADERS


def table(cassettes: Sequence[tuple[str, Cassette]], now: datetime) -> Iterator[str]:
    """Yield the lines of a table, then the classes of filter values that the cassettes cover together."""
    rows: list[Sequence[str]] = [("cassette", "recorded", "age", "endpoint", "calls", "answers", "classes")]
    covered: dict[Filter, set[str]] = {name: set() for name in Filter}
    for name, cassette in cassettes:
        found = facts(name, cassette)
        for each in Filter:
            covered[each] |= set(found["classes"][each])
        row: Sequence[str] = (
            one_line(name),
            f"{cassette.origin.recorded_at:%Y-%m-%d %H:%M}",
            _age(now - cassette.origin.recorded_at),
            one_line(cassette.origin.endpoint),
            str(found["calls"]),
            " ".join(f"{outcome}×{number}" for outcome, number in found["answers"].items()),
            ", ".join(f"{each} {len(found['classes'][each])}/{len(all_classes(each))}" for each in Filter),
        )
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    for each in Filter:
        names = [value_class for value_class in all_classes(each) if value_class in covered[each]]
        yield f"{each}: {len(names)} of {len(all_classes(each))} classes of values: {', '.join(names) or 'none'}"


def facts(name: str, cassette: Cassette) -> dict[str, Any]:
    """Return what a cassette holds, for programs."""
    recordings = list(cassette)
    outcomes = (each.outcome for each in recordings)
    answers = Counter(each.reason if isinstance(each, Failure) else str(each.status) for each in outcomes)
    classes = covered_classes(each.exchange for each in recordings if each.exchange)
    return {
        "cassette": name,
        "test": cassette.origin.test,
        "recorded_at": cassette.origin.recorded_at.isoformat(),
        "endpoint": cassette.origin.endpoint,
        "calls": len(recordings),
        "answers": dict(sorted(answers.items())),
        "classes": {str(each): list(classes[each]) for each in Filter},
    }


def _age(since: timedelta) -> str:
    if since >= timedelta(days=2):
        return f"{since.days} days"
    hours = since // timedelta(hours=1)
    return f"{hours} h" if hours >= 0 else "in the future"


def shown(cassette: Cassette, redactor: Redactor, *, bodies: bool, number: int | None) -> Iterator[Iterable[str]]:
    """Yield the lines about a cassette, then those of each recording or of the one with a number, counted from 1.

    Raises `ConfigurationError` if there is no recording with that number.
    """
    if number is not None and number > len(cassette):
        raise ConfigurationError(f"{cassette.name} has {len(cassette)} recordings; there is no number {number}")
    yield map(one_line, _origin_lines(cassette))
    for place in range(len(cassette)) if number is None else [number - 1]:
        head = ("", f"recording {place + 1} of {len(cassette)}")
        yield [*head, *map(one_line, _recording_lines(cassette.recording(place), redactor, bodies))]


def _origin_lines(cassette: Cassette) -> Iterator[str]:
    origin = cassette.origin
    yield f"{cassette.name}"
    yield f"  recorded  {origin.recorded_at:%Y-%m-%d %H:%M} UTC by {origin.tool} ({origin.source})"
    yield f"  from      {origin.endpoint}, project {origin.project_id}, cluster {origin.cluster_id}"
    if origin.test:
        yield f"  for       {origin.test}"
    if origin.pseudonyms:
        yield "  ids       are pseudonyms"


def _recording_lines(recording: Recording, redactor: Redactor, bodies: bool) -> Iterator[str]:
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
        yield "  is replayed any number of times"


def _headers(headers: Headers, redactor: Redactor) -> Iterator[str]:
    for (name, value), (_, masked) in zip(headers.pairs, redactor.headers(headers), strict=True):
        yield f"    {name}: {value if name.lower() in _RECORDED_HEADERS else masked}"


def _body(body: bytes, whole: bool) -> Iterator[str]:
    if not body:
        return
    try:
        document = parse_json(body)
    except BodyError as error:
        yield f"    {len(body):,} bytes: {error}"
        text = body.decode("utf-8", "replace")
        yield from (f"    {line}" for line in (text.splitlines() if whole else [shortened(text, _LONGEST)]))
        return
    if whole:
        yield from (f"    {line}" for line in json.dumps(document, indent=2, ensure_ascii=False).splitlines())
    else:
        yield f"    {len(body):,} bytes of JSON: {_summary(document)}"


def _summary(document: Any) -> str:
    tasks = document.get("items") if isinstance(document, dict) else None
    if not isinstance(tasks, list):
        return shortened(json.dumps(document, ensure_ascii=False), _LONGEST)
    states = Counter(_state(task) for task in tasks)
    named = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return count_of(len(tasks), "task") + (f" ({named})" if named else "")


def _state(task: Any) -> str:
    status = task.get("status") if isinstance(task, dict) else None
    return str(status.get("status", "without a state")) if isinstance(status, dict) else "without a state"
