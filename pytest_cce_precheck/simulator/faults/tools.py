"""What faults are made of: whom they hit, and small changes to documents and answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook
from pytest_cce_precheck.simulator.refusals import Refusal, dumps
from pytest_cce_precheck.simulator.selection import ListQuery, field_of, select
from pytest_cce_precheck.simulator.world import Task
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

Where = Callable[[Call, Task], bool]
Change = Callable[[Any], None]
Same = Callable[[str, str], bool]


def anyone(_call: Call, _task: Task) -> bool:
    """Every task may be hit."""
    return True


def in_state(*states: TaskState) -> Where:
    """Hit a task that is in one of these states now."""
    return lambda call, task: task.state(call.now) in states


def of_type(task_type: TaskType) -> Where:
    """Hit a task of this type."""
    return lambda _, task: task.type is task_type


final = in_state(TaskState.FAILED, TaskState.SUCCESS)


def victim(call: Call, where: Where = anyone, place: int = 0) -> Task | None:
    """Return the oldest listed task that may be hit; it stays the same as long as it is listed and may be."""
    return call.first(lambda task: where(call, task), place)


def asked(call: Call, *filters: Filter) -> bool:
    """Whether the query has a value for each of these filters."""
    return call.question.filters.issuperset(filters)


def asked_only(call: Call, *filters: Filter) -> bool:
    """Whether the query has values for exactly these filters."""
    return call.question.filters == frozenset(filters)


def select_without(call: Call, *ignored: Filter) -> list[Task]:
    """Select as if these filters were not given."""
    kept = tuple((name, value) for name, value in call.question.params if name not in ignored)
    return select(call.listed, ListQuery(kept))


def select_only(call: Call, pairs: Iterable[tuple[Filter, str]]) -> list[Task]:
    """Select by these pairs alone."""
    return select(call.listed, ListQuery(tuple((str(name), value) for name, value in pairs)))


def select_by(same: Same, *loose: Filter) -> Hook[list[Task]]:
    """Compare what was asked for with ``same`` (asked, actual) where the filter is one of ``loose``."""

    def fits(task: Task, name: Filter, asked: str) -> bool:
        actual = field_of(task, name)
        return asked == actual or (name in loose and same(asked, actual))

    def hook(call: Call, _tasks: list[Task]) -> list[Task]:
        values = call.question.values.items()
        return [t for t in call.listed if all(any(fits(t, n, value) for value in some) for n, some in values)]

    return hook


def accept(*reasons: str) -> Hook[Refusal | None]:
    """Let pass what would be refused for one of these reasons."""
    return lambda _, refusal: None if refusal is not None and refusal.reason in reasons else refusal


def lose(task: Task | None, tasks: list[Task]) -> list[Task]:
    """Leave one task out."""
    return [other for other in tasks if other is not task]


def put(path: str, value: Any) -> Change:
    """Set a field, by its dotted path; where the way to it does not exist, nothing happens."""
    return alter(path, lambda _: copy.deepcopy(value))


def drop(path: str) -> Change:
    """Remove a field."""
    above, _, name = path.rpartition(".")

    def change(item: Any) -> None:
        holder = _walk(item, above)
        if isinstance(holder, dict):
            holder.pop(name, None)

    return change


def alter(path: str, function: Callable[[Any], Any]) -> Change:
    """Set a field to a function of its value (None where it is absent)."""
    above, _, name = path.rpartition(".")

    def change(item: Any) -> None:
        holder = _walk(item, above)
        if isinstance(holder, dict):
            holder[name] = function(holder.get(name))

    return change


def both(*changes: Change) -> Change:
    """Do several changes."""

    def change(item: Any) -> None:
        for each in changes:
            each(item)

    return change


def _walk(item: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        if isinstance(item, dict):
            item = item.get(name)
        elif isinstance(item, list) and len(item) > int(name):
            item = item[int(name)]
        else:
            return None
    return item


def in_document(change: Change) -> Hook[Document]:
    """Change the document itself."""

    def hook(_call: Call, document: Document) -> Document:
        change(document)
        return document

    return hook


def in_each(change: Change) -> Hook[Document]:
    """Change every item of a list answer."""

    def hook(_call: Call, document: Document) -> Document:
        for item in document["items"]:
            change(item)
        return document

    return hook


def in_one(change: Change, where: Where = anyone, place: int = 0) -> Hook[Document]:
    """Change the item of one task, the same in all answers."""

    def hook(call: Call, document: Document) -> Document:
        task = victim(call, where, place)
        for item in document["items"]:
            if task is not None and item["metadata"]["taskID"] == task.id:
                change(item)
        return document

    return hook


def when(condition: Callable[[Call], bool], hook: Hook[Any]) -> Hook[Any]:
    """Do so only for calls of which ``condition`` holds."""
    return lambda call, value: hook(call, value) if condition(call) else value


def from_the(number: int, name: str, hook: Hook[Any]) -> Hook[Any]:
    """Do so from the ``number``-th time on that this stage is reached."""
    return lambda call, value: hook(call, value) if call.count(name) >= number else value


def every(number: int, name: str, hook: Hook[Any]) -> Hook[Any]:
    """Do so each ``number``-th time that this stage is reached."""
    return lambda call, value: hook(call, value) if call.count(name) % number == 0 else value


def recount(document: Document) -> Document:
    """Make the count that of the items."""
    document["pageInfo"]["currentCount"] = len(document["items"])
    return document


def body_of(response: Response, body: bytes) -> Response:
    """Return the answer another body."""
    return Response(response.status, response.headers, body)


def document_of(response: Response, document: object) -> Response:
    """Return the answer another JSON document."""
    return body_of(response, dumps(document))


def on_success(change: Callable[[Response], Response]) -> Hook[Response]:
    """Change the answers with status 200."""
    return lambda _, response: change(response) if response.status == 200 else response


def on_read(condition: Callable[[Call], bool], change: Callable[[Response], Response]) -> Hook[Response]:
    """Change the list answers with status 200 to calls of which ``condition`` holds."""

    def hook(call: Call, response: Response) -> Response:
        read = call.request.method == "GET" and call.request.path.endswith("/tasks")
        return change(response) if read and response.status == 200 and condition(call) else response

    return hook


def filtered(call: Call) -> bool:
    """Whether the query has a value for any filter."""
    return bool(call.question.filters)


def on_error(change: Callable[[Response], Response]) -> Hook[Response]:
    """Change the answers with a status from 400 on."""
    return lambda _, response: change(response) if response.status >= 400 else response
