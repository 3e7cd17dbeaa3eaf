"""Say why a request has no recording: the closest one, what differs, and the way out."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.body import parse_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.wire.exchange import Request

_LONGEST: Final = 160
# of a large cassette, this many recordings are held against the request
_LOOKED_AT: Final = 2000


def explained(request: Request, cassette: Cassette, used: Collection[int]) -> str:
    """Write what a person needs: the request, the cassette, the closest recording, what differs, the way out."""
    origin = cassette.origin
    again = f"record it again (pytest --cce-mode=record '{origin.test}')" if origin.test else "record it again"
    number = f"{len(cassette)} recording{'s' if len(cassette) != 1 else ''}"
    lines = [
        f"no recording for {_named(request)}",
        f"  mode:     replay, of {cassette.name} ({number} of {origin.recorded_at:%Y-%m-%d})",
    ]
    closest = _closest(request, cassette)
    if closest is None:
        lines.append("  closest:  none, the cassette is empty")
    else:
        place, differences = closest
        times = " (given already)" if place in used else " (not asked for yet)"
        lines.append(f"  closest:  recording {place + 1}, {_named(cassette.request(place))}{times}")
        lines += [f"  differs:  {difference}" for difference in differences]
        if not differences:
            lines.append("  differs:  in nothing, but each recording is given once, and this was asked for once more")
            again += ", ask once, or let it repeat (cce(repeats=True), and record it again)"
    lines.append(f"  way out:  {again}, or ask what was recorded")
    return "\n".join(lines)


def _named(request: Request) -> str:
    return _shortened(f"{request.method} {request.target}")


def _closest(request: Request, cassette: Cassette) -> tuple[int, list[str]] | None:
    candidates = []
    for number in range(min(len(cassette), _LOOKED_AT)):
        recorded = cassette.request(number)
        differences = list(_differences(request, recorded))
        queries = recorded.query[:_LONGEST], request.query[:_LONGEST]
        likeness = difflib.SequenceMatcher(None, *queries, autojunk=False).quick_ratio()
        candidates.append((len(differences), -likeness, number, differences))
    if not candidates:
        return None
    _, _, number, differences = min(candidates)
    return number, differences


def _differences(asked: Request, recorded: Request) -> Iterator[str]:
    if asked.method != recorded.method:
        yield f"the method is {asked.method}, recorded {recorded.method}"
    if asked.path != recorded.path:
        yield from _path_differences(asked.path, recorded.path)
    given, known = _parameters(asked.query), _parameters(recorded.query)
    for name in dict.fromkeys(name for name, _ in (*given, *known)):
        mine = sorted(value for each, value in given if each == name)
        theirs = sorted(value for each, value in known if each == name)
        if mine != theirs:
            yield f"the parameter {name} is {_values(mine)}, recorded {_values(theirs)}"
    if asked.body != recorded.body:
        yield from _body_differences(asked.body, recorded.body)


def _parameters(query: str) -> list[tuple[str, str]]:
    # octets that are no text are to be told apart too
    return parse_qsl(query, keep_blank_values=True, errors="backslashreplace")


def _path_differences(asked: str, recorded: str) -> Iterator[str]:
    mine, theirs = asked.split("/"), recorded.split("/")
    if len(mine) != len(theirs):
        yield f"the path is {_shortened(asked)}, recorded {_shortened(recorded)}"
        return
    for before, one, other in zip(["", *mine], mine, theirs, strict=False):
        if one != other:
            part = {"projects": "the project", "clusters": "the cluster"}.get(before, "the path's part")
            yield f"{part} is {_shortened(one)}, recorded {_shortened(other)}"


def _body_differences(asked: bytes, recorded: bytes) -> Iterator[str]:
    try:
        mine, theirs = (json.dumps(parse_json(body), sort_keys=True, indent=1) for body in (asked, recorded))
    except BodyError:
        yield "the body is another"
        return
    lines = difflib.unified_diff(theirs.splitlines(), mine.splitlines(), n=0, lineterm="")
    changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    if changed:
        yield _shortened(f"the body (- recorded, + asked): {'  '.join(line[0] + line[1:].strip() for line in changed)}")


def _values(values: list[str]) -> str:
    return " and ".join(_shortened(repr(value)) for value in values) or "absent"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]}… ({len(text)} characters)"
