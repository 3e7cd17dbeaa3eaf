"""The part of an answer that shows a finding: some lines of its body, with the value in question marked."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.errors import BodyError, ReleasedBodyError
from pytest_cce_precheck.redaction.documents import redacted
from pytest_cce_precheck.redaction.texts import curl
from pytest_cce_precheck.report.text import OTHER_CREDENTIALS
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.wire.credentials import AuthKind
    from pytest_cce_precheck.wire.exchange import Exchange, Response

Excerpt = dict[str, Any]
Steps = tuple[str | int, ...]

_LINES: Final = 48
_CHARACTERS: Final = 160
_MARKED: Final = 2
# the steps that lead to a task
_TASK: Final = 2
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_RAW: Final = 4096
_LAST_WORD: Final = re.compile(r"""[^\s"',:<>{}\[\]]*\Z""")


def finding_as_data(finding: Finding, redactor: Redactor, kind: AuthKind | None) -> dict[str, Any]:
    """Return a finding as data, with what reports and tickets show of its exchanges."""
    data = finding.to_dict()
    for shown, excerpt in zip(data["exchanges"], excerpts(finding, redactor.text), strict=False):
        shown["excerpt"] = excerpt
    for shown, exchange in zip(data["exchanges"], finding.exchanges, strict=True):
        date = exchange.response.headers.get("Date")
        shown["date"] = date and shortened(date, 100)
    if finding.exchanges:
        own = None if finding.code in OTHER_CREDENTIALS else kind
        data["exchanges"][0]["curl"] = curl(finding.exchanges[0].request, redactor, kind=own)
    return data


def excerpts(finding: Finding, clean: Callable[[str], str]) -> list[Excerpt]:
    """Return an excerpt of each of the first two answers of a finding, without secrets, as a cassette would hold it.

    An excerpt has ``lines`` and which of them are ``marked``, counted from 0. If a task of one answer is missing in
    the other, nothing is marked there and ``missing`` is the task's id. Of a refusal nothing is shown.
    """
    shown = finding.exchanges[:2]
    ids = _task_ids(finding, shown)
    found: list[Excerpt] = []
    for number, exchange in enumerate(shown):
        if exchange.status >= HTTPStatus.BAD_REQUEST:
            # the text of a refusal may hold secrets that this run does not know
            found.append({"lines": [], "marked": []})
            continue
        try:
            document = exchange.document
        except (BodyError, ReleasedBodyError):
            found.append(_shown(_beginning(exchange.response).splitlines(), [], clean))
            continue
        tasks = [("items", place) for place, (name, _) in enumerate(_tasks(document)) if name in ids]
        places = [_steps(finding.path)] if number == 0 and finding.path else tasks[:_MARKED]
        excerpt = _shown(*_excerpt(document, [_narrowed(place, document, finding) for place in places]), clean)
        missing = ids[0] if ids and len(shown) > 1 and not tasks else ""
        found.append({**excerpt, **({"missing": missing} if missing else {})})
    return found


def _beginning(response: Response) -> str:
    text = response.body[:_RAW].decode("utf-8", "backslashreplace")
    # a part of a secret would not be recognised
    return text if response.size <= _RAW else _LAST_WORD.sub("", text)


def _shown(lines: list[str], marked: list[int], clean: Callable[[str], str]) -> Excerpt:
    """Return lines as an excerpt; part of a secret would not be recognised, so long lines are shortened at the end."""
    text = "\n".join(shortened(line, _RAW) for line in lines[:_LINES])
    shown = [shortened(line, _CHARACTERS) for line in redacted(text, clean, clean).split("\n")]
    # a secret of several lines is masked as one
    return {"lines": shown, "marked": marked if len(shown) == len(lines[:_LINES]) else []}


def _steps(path: str) -> Steps:
    """Return a JSON path as the names and numbers that lead to a value."""
    return tuple(name or int(number) for name, number in _STEP.findall(path))


def _tasks(document: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the id and metadata of each item of a list, empty if it has none."""
    items = document.get("items") if isinstance(document, dict) else None
    found: list[tuple[str, Mapping[str, Any]]] = []
    for item in items if isinstance(items, list) else ():
        metadata = item.get("metadata") if isinstance(item, dict) else None
        metadata = metadata if isinstance(metadata, dict) else {}
        name = metadata.get("taskID")
        found.append((name if isinstance(name, str) else "", metadata))
    return found


def _task_ids(finding: Finding, shown: Sequence[Exchange]) -> list[str]:
    """Return the ids of the tasks that a finding is about: that of its path, else those that its text names."""
    text = " ".join((finding.message, *finding.samples, *(each for _, each in finding.evidence)))
    steps = _steps(finding.path)
    ids = []
    for number, exchange in enumerate(shown):
        try:
            own = [name for name, _ in _tasks(exchange.document)]
        except (BodyError, ReleasedBodyError):
            continue
        if number == 0 and steps[:1] == ("items",) and len(steps) > 1 and isinstance(steps[1], int):
            return own[steps[1] : steps[1] + 1]
        # an id of a few letters is part of ordinary words
        ids += [name for name in own if re.search(rf"(?<![\w-]){re.escape(name) or '$.'}(?![\w-])", text)]
    return list(dict.fromkeys(ids))


def _narrowed(place: Steps, document: Any, finding: Finding) -> Steps:
    """Return, of a task, the field by which a filter selects it, if the finding is about one filter."""
    named = [each for each in Filter if each in finding.subject]
    tasks = _tasks(document)
    if len(named) != 1 or len(place) != _TASK or place[0] != "items" or int(place[1]) >= len(tasks):
        return place
    return (*place, "metadata", named[0].field) if named[0].field in tasks[int(place[1])][1] else place


def _excerpt(document: Any, places: Sequence[Steps]) -> tuple[list[str], list[int]]:
    """Return the lines that lead to the places, and which of them hold what is there."""
    printed = list(islice(_printed(document, (), "", places), _LINES))
    marked: list[int] = []
    sought = list(places)
    while not marked:
        marked = [number for number, (_, at) in enumerate(printed) if any(at[: len(each)] == each for each in sought)]
        if len(sought) != 1 or not sought[0]:
            break
        # if the value is missing, its parent shows that; what else the parent has is folded
        sought = [sought[0][:-1]]
    return [text for text, _ in printed], marked


def _printed(
    node: Any, at: Steps, before: str, places: Sequence[Steps], after: str = ""
) -> Iterator[tuple[str, Steps]]:
    """Yield each line of a value and where it belongs; objects and lists that lead to no place are folded."""
    indent = "  " * len(at)
    if not isinstance(node, dict | list) or not node:
        yield f"{indent}{before}{json.dumps(node, ensure_ascii=False)}{after}", at
        return
    if at and not _leads(at, places):
        yield f"{indent}{before}{'{…}' if isinstance(node, dict) else f'[… {len(node)} …]'}{after}", at
        return
    is_object = isinstance(node, dict)
    yield f"{indent}{before}{'{' if is_object else '['}", at
    folded = 0
    members: Iterable[tuple[str | int, Any]] = node.items() if isinstance(node, dict) else enumerate(node)
    for number, (name, value) in enumerate(members, 1):
        comma = "," if number < len(node) else ""
        inside = (*at, name)
        if is_object or _leads(inside, places):
            yield from _folded(folded, indent, at)
            folded = 0
            label = f"{json.dumps(name, ensure_ascii=False)}: " if is_object else ""
            yield from _printed(value, inside, label, places, comma)
        else:
            folded += 1
    yield from _folded(folded, indent, at)
    yield f"{indent}{'}' if is_object else ']'}{after}", at


def _leads(at: Steps, places: Sequence[Steps]) -> bool:
    """Whether a place is at, within or around a value."""
    return any(place[: len(at)] == at or at[: len(place)] == place for place in places)


def _folded(number: int, indent: str, at: Steps) -> Iterator[tuple[str, Steps]]:
    if number:
        yield f"{indent}  … {number} more", at
