"""What a fault changes in the answers that a test got, and an assertion that would notice it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import count_of, shortened
from pytest_cce_precheck.transport.simulate import received
from pytest_cce_precheck.wire.exchange import Request, Response, TransportError
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, Filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.challenge.notes import Answered
    from pytest_cce_precheck.simulator.pipeline import NoAnswer

    Tasks = Sequence[Mapping[str, Any]]

_VARY: Final = ("Date", REQUEST_ID_HEADER)
_ITEMS: Final = 'document["items"]'
_LONGEST: Final = 120
_ABSENT: Final = object()


@dataclass(frozen=True)
class Difference:
    """What differs first between the answers with and without a fault, and how a test would notice it.

    ``at`` is a JSON path or a part of the answer. In the ``assertion``, ``document`` is the parsed body of ``answer``.
    Without one no client has to notice the difference: status and document are the same.
    """

    request: str
    at: str
    before: str
    after: str
    assertion: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Where it is, in whichever task or risk."""
        return self.request, re.sub(r"\[\d+\]", "[]", self.at)


def difference(before: Sequence[Answered], after: Sequence[Answered]) -> Difference | None:
    """Return the first difference that a client has to notice, else the first; None if all answers are the same."""
    found = None
    for (request, old), (_, new) in zip(before, after, strict=True):
        if _on_the_wire(old) != _on_the_wire(new):
            each = _compared(request, old, new)
            if each.assertion:
                return each
            found = found or each
    return found


def _on_the_wire(answer: Response | NoAnswer) -> tuple[Any, ...]:
    if isinstance(answer, Exception):
        return answer.reason, answer.partial
    return answer.status, answer.headers.without(*_VARY).pairs, answer.body, answer.elapsed, answer.surplus


def _compared(request: Request, old: Response | NoAnswer, new: Response | NoAnswer) -> Difference:
    asked = f"{request.method} …{request.target[request.target.rfind('/') :]}"
    before, after = _read(request, old), _read(request, new)
    if before["status"] != after["status"]:
        at, was, now = "the status", before["status"], after["status"]
        wanted = f"assert answer.status_code == {was}" if isinstance(was, int) else "with pytest.raises(Exception): …"
        return Difference(asked, at, str(was), str(now), wanted)
    if "document" in before and "document" in after:
        if _text(before["document"]) != _text(after["document"]):
            return _of_documents(asked, request, before["document"], after["document"])
    elif before.get("text") != after.get("text"):
        was, now = (each.get("document", each.get("text")) for each in (before, after))
        wanted = "isinstance(answer.json(), dict)" if "document" in before else f"answer.text == {was!r}"
        return Difference(asked, "the body", _shown(was), _shown(now), f"assert {wanted}")
    if before.get("retry") != after.get("retry"):
        was, now = str(before.get("retry")), str(after.get("retry"))
        return Difference(asked, "Retry-After", was, now, f'assert answer.headers.get("Retry-After") == {was!r}')
    return Difference(asked, "headers, or how the answer is written and sent", "", "")


def _read(request: Request, answer: Response | NoAnswer) -> dict[str, Any]:
    """Return what a lenient client reads."""
    if isinstance(answer, Exception):
        return {"status": f"no answer ({answer.reason})"}
    try:
        body = received(answer, request).body
    except TransportError as error:
        return {"status": f"no answer ({error.reason})"}
    read: dict[str, Any] = {"status": answer.status, "retry": answer.headers.get("Retry-After")}
    try:
        return {**read, "document": json.loads(body)}
    except (ValueError, RecursionError):
        return {**read, "text": body.decode("utf-8", "replace")}


def _of_documents(asked: str, request: Request, before: Any, after: Any) -> Difference:
    if (found := _of_lists(request, _tasks(before), _tasks(after))) is not None:
        return Difference(asked, "$.items", *found)
    path, old, new = next(_leaves_that_differ((), before, after))
    place = "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    name = "document" + "".join(f"[{json.dumps(key)}]" for key in path)
    if old is _ABSENT or new is _ABSENT:
        parent, key = name.rpartition("[")[0], json.dumps(path[-1], ensure_ascii=False)
        if isinstance(path[-1], int):
            wanted = f"len({parent}) {'==' if old is _ABSENT else '>'} {path[-1]}"
        else:
            wanted = f"{key} {'not in' if old is _ABSENT else 'in'} {parent}"
    elif isinstance(old, dict | list):
        wanted = f"isinstance({name}, {type(old).__name__})"
    elif isinstance(new, int | float) and old == new:
        # 1, 1.0 and True are equal
        wanted = f"type({name}) is {type(old).__name__}"
    elif old is None:
        wanted = f"{name} is None"
    else:
        wanted = f"{name} == {old!r}"
    return Difference(asked, place, _shown(old), _shown(new), f"assert {wanted}")


def _of_lists(request: Request, old: Tasks | None, new: Tasks | None) -> tuple[str, str, str] | None:
    """Return tasks before, tasks after and the assertion, if other tasks are listed."""
    if old is None or new is None:
        return None
    old_ids, new_ids = (Counter(_field(task, "taskID") for task in tasks) for tasks in (old, new))
    if old_ids == new_ids:
        return None
    come, gone = list(new_ids - old_ids), list(old_ids - new_ids)
    changes = [f"with {_shown(key)}" for key in come[:1]] + [f"without {_shown(key)}" for key in gone[:1]]
    shown = count_of(len(old), "task"), ", ".join([count_of(len(new), "task"), *changes])
    for name, value in request.params:
        field = next((each.field for each in Filter if each == name), "")
        old_values, new_values = ({_field(task, field) for task in tasks} for tasks in (old, new))
        if old_values == {value} and new_values != {value}:
            return *shown, f'assert {{task["metadata"]["{field}"] for task in {_ITEMS}}} == {{{value!r}}}'
    if len(old) != len(new):
        return *shown, f"assert len({_ITEMS}) == {len(old)}"
    return *shown, f'assert {gone[0]!r} in {{task["metadata"]["taskID"] for task in {_ITEMS}}}'


def _tasks(document: Any) -> Tasks | None:
    """Return the tasks of a list answer, None if it is none, or if a task has no id."""
    items = document.get("items") if isinstance(document, dict) else None
    return items if isinstance(items, list) and all(_field(task, "taskID") is not None for task in items) else None


def _field(task: Any, name: str) -> str | None:
    metadata = task.get("metadata") if isinstance(task, dict) else None
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else None


def _leaves_that_differ(path: tuple[Any, ...], old: Any, new: Any) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        # what is missing first: no name is shown as new if another is gone
        for key in (*old, *(key for key in new if key not in old)):
            yield from _leaves_that_differ((*path, key), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        for place, (one, other) in enumerate(zip_longest(old, new, fillvalue=_ABSENT)):
            yield from _leaves_that_differ((*path, place), one, other)
    elif old is _ABSENT or new is _ABSENT or _text(old) != _text(new):
        yield path, old, new


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "missing"
    return shortened(json.dumps(value, ensure_ascii=False), _LONGEST)
