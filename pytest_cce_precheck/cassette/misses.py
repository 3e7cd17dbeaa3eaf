"""Explain why a request has no recording: the closest one, what differs, and what to do."""

from __future__ import annotations

import difflib
import json
import shlex
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from pytest_cce_precheck._text import count_of, shortened
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.transport.guard import READS
from pytest_cce_precheck.wire.body import parse_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.wire.exchange import Request

_LONGEST: Final = 160
# of a large cassette, only the first recordings are compared with the request: other clients wait meanwhile
_MOST_COMPARED: Final = 300
_TOKEN: Final = "CCE_AUTH_TOKEN"  # noqa: S105  the name of a variable
_KEYS: Final = "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"


def place_of(endpoint: str | None, project_id: str | None, cluster_id: str | None) -> list[str]:
    """Return the options that name a service and a cluster; what nobody knows is in capitals."""
    known = endpoint if endpoint and "@" not in endpoint else "https://HOST"
    ids = f"--cce-project-id={project_id or 'PROJECT_ID'}", f"--cce-cluster-id={cluster_id or 'CLUSTER_ID'}"
    return [f"--cce-endpoint={known}", *ids]


def record_command(test: str, *options: str) -> str:
    """Return the command that records a test, as a shell takes it; credentials come from the environment."""
    return " ".join(["pytest --cce-mode=record", *map(shlex.quote, (*options, test))])


def explained(
    request: Request,
    cassette: Cassette,
    used: Collection[int],
    command: str | None,
    asked_at: str | None,
    alike: Iterable[int],
    methods: Collection[str],
) -> str:
    """Return the message of a miss: the request, who asked, the cassette, the closest recording, what to do.

    The closest is looked for among the first of ``alike``; ``methods`` are those of all recordings.
    """
    origin = cassette.origin
    if command is None and origin.test is not None:
        ids = (None, None) if origin.pseudonyms else (origin.project_id, origin.cluster_id)
        command = record_command(origin.test, *place_of(origin.endpoint, *ids))
    is_pytest = command is None or command.startswith("pytest ")
    if command is not None and not {request.method, *methods} <= READS:
        command = _with_writes(command)
    again = "record it again"
    if command is not None and origin.credentials:
        again += f" (with {_TOKEN if 'token' in origin.credentials else _KEYS} in the environment)"
    number = count_of(len(cassette), "recording")
    lines = [
        f"no recording for {_named(request)}",
        f"  mode:     replay, of {cassette.name} ({number} of {origin.recorded_at:%Y-%m-%d})",
    ]
    closest = min(_compared(request, cassette, alike), default=None)
    if closest is None:
        lines.append("  closest:  none, the cassette is empty")
    else:
        *_, place, differences = closest
        state = "used already" if place in used else "not used yet"
        lines.append(f"  closest:  recording {place + 1}, {_named(cassette.request(place))} ({state})")
        lines += [f"  differs:  {difference}" for difference in differences]
        if not differences:
            lines.append("  differs:  in nothing, but each recording answers one call, and this is one call more")
            how = "cce(repeats=True)" if is_pytest else 'begin the test with "repeats": true'
            again += f", ask once, or let it repeat ({how}, and record it again)"
    lines += [f"  asked at: {asked_at}"] if asked_at else []
    lines.append(f"  way out:  {again}, or ask what was recorded")
    lines += [f"    {command}"] if command else []
    return "\n".join(lines)


def _with_writes(command: str) -> str:
    is_pytest = command.startswith("pytest ")
    if is_pytest or command.startswith("cce-precheck "):
        flag = "--cce-allow-writes" if is_pytest else "--allow-writes"
        return command.replace("=record ", f"=record {flag} ", 1)
    return f"CCE_ALLOW_WRITES=true {command}"


def _named(request: Request) -> str:
    return shortened(f"{request.method} {request.target}", _LONGEST)


def _compared(
    request: Request, cassette: Cassette, alike: Iterable[int]
) -> Iterator[tuple[int, float, int, list[str]]]:
    """Yield the recordings so that the closest compares as the least, each with its number and what differs."""
    for number in islice(alike, _MOST_COMPARED):
        recorded = cassette.request(number)
        differences = list(_differences(request, recorded))
        queries = recorded.query[:_LONGEST], request.query[:_LONGEST]
        likeness = difflib.SequenceMatcher(None, *queries, autojunk=False).quick_ratio()
        yield len(differences), -likeness, number, differences


def _differences(asked: Request, recorded: Request) -> Iterator[str]:
    if asked.method != recorded.method:
        yield f"the method is {asked.method}, recorded {recorded.method}"
    if asked.path != recorded.path:
        yield from _path_differences(asked.path, recorded.path)
    # octets that are not UTF-8 have to be distinguished too
    mine, theirs = (
        parse_qs(each.query, keep_blank_values=True, errors="backslashreplace") for each in (asked, recorded)
    )
    for name in mine | theirs:
        if sorted(mine.get(name, ())) != sorted(theirs.get(name, ())):
            named = name if name.isprintable() else repr(name)
            yield f"the parameter {named} is {_values(mine.get(name))}, recorded {_values(theirs.get(name))}"
    if asked.body != recorded.body:
        yield from _body_differences(asked.body, recorded.body)


def _path_differences(asked: str, recorded: str) -> Iterator[str]:
    mine, theirs = asked.split("/"), recorded.split("/")
    if len(mine) != len(theirs):
        yield f"the path is {shortened(asked, _LONGEST)}, recorded {shortened(recorded, _LONGEST)}"
        return
    for before, one, other in zip(["", *mine], mine, theirs, strict=False):
        if one != other:
            part = {"projects": "the project", "clusters": "the cluster"}.get(before, "the path's part")
            yield f"{part} is {shortened(one, _LONGEST)}, recorded {shortened(other, _LONGEST)}"


def _body_differences(asked: bytes, recorded: bytes) -> Iterator[str]:
    try:
        mine, theirs = (json.dumps(parse_json(body), sort_keys=True, indent=1) for body in (asked, recorded))
    except BodyError:
        yield "the body is another"
        return
    lines = difflib.unified_diff(theirs.splitlines(), mine.splitlines(), n=0, lineterm="")
    changed = [line[0] + line[1:].strip() for line in lines if not line.startswith(("---", "+++", "@@"))]
    if changed:
        yield shortened(f"the body (- recorded, + asked): {'  '.join(changed)}", _LONGEST)


def _values(values: list[str] | None) -> str:
    return " and ".join(shortened(repr(value), _LONGEST) for value in sorted(values or ())) or "absent"
