"""The parts of which hooks are made: conditions, and changes to selections, documents and responses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from pytest_cce_precheck.simulator.pipeline import Call, Document, Edit, Hook
from pytest_cce_precheck.simulator.refusals import Refusal, dumps, refuse
from pytest_cce_precheck.simulator.selection import ListQuery, field_of, select
from pytest_cce_precheck.simulator.state import Task
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

Condition = Callable[[Call], bool]
TaskCondition = Callable[[Call, Task], bool]
Change = Callable[[Any], object]
"""A change in place to a part of a document."""
ResponseChange = Callable[[Response], Response]

TYPE: Final = Filter.TYPE
TASK_ID: Final = Filter.TASK_ID
INSTANCE: Final = Filter.ADDON_INSTANCE_ID


# ---- when a hook applies


def always(_call: Call) -> bool:
    """Apply to every call."""
    return True


def filtered(call: Call) -> bool:
    """Apply if the query has a value for any filter."""
    return bool(call.query.filters)


def unfiltered(call: Call) -> bool:
    """Apply if the query has no value for any filter."""
    return not call.query.filters


def several_filters(call: Call) -> bool:
    """Apply if the query has values for two filters or more."""
    return len(call.query.filters) > 1


def each(number: int) -> Condition:
    """Apply to each ``number``-th call."""
    return lambda call: call.number % number == 0


def given(*filters: Filter) -> Condition:
    """Apply if the query has a value for each of these filters."""
    return lambda call: call.query.filters.issuperset(filters)


def only(*filters: Filter) -> Condition:
    """Apply if the query has values for exactly these filters."""
    return lambda call: call.query.filters == frozenset(filters)


def when(condition: Condition, hook: Hook[Any]) -> Hook[Any]:
    """Apply a hook only to calls that meet a condition."""
    return lambda call, value: hook(call, value) if condition(call) else value


def from_the(number: int, hook: Hook[Any]) -> Hook[Any]:
    """Apply a hook from the ``number``-th time on that its stage is reached."""

    def from_then_on(call: Call, value: Any) -> Any:
        return hook(call, value) if call.count(from_then_on) >= number else value

    return from_then_on


def every(number: int, hook: Hook[Any]) -> Hook[Any]:
    """Apply a hook each ``number``-th time that its stage is reached."""

    def now_and_then(call: Call, value: Any) -> Any:
        return value if call.count(now_and_then) % number else hook(call, value)

    return now_and_then


# ---- which task it applies to


def any_task(_call: Call, _task: Task) -> bool:
    """Apply to every task."""
    return True


def in_state(*states: TaskState) -> TaskCondition:
    """Apply to tasks that are in one of these states now."""
    return lambda call, task: task.state(call.now) in states


def of_type(task_type: TaskType) -> TaskCondition:
    """Apply to tasks of this type."""
    return lambda _, task: task.type is task_type


INIT: Final = in_state(TaskState.INIT)
RUNNING: Final = in_state(TaskState.RUNNING)
FAILED: Final = in_state(TaskState.FAILED)
SUCCESS: Final = in_state(TaskState.SUCCESS)
FINAL: Final = in_state(TaskState.FAILED, TaskState.SUCCESS)


def pick(call: Call, condition: TaskCondition = any_task, place: int = 0) -> Task | None:
    """Return the oldest listed task that meets a condition (or the next ones, by ``place``).

    It stays the same as long as it is listed and meets the condition.
    """
    found = [task for task in call.listed if condition(call, task)]
    return found[place] if len(found) > place else None


# ---- refusals


def refuse_with(refusal: Refusal, condition: Condition = always) -> Hook[Response | None]:
    """Refuse the calls that meet a condition before anything else is done."""
    return lambda call, answer: refuse(refusal) if condition(call) else answer


def accept(*reasons: str, where: Condition = always) -> Hook[Refusal | None]:
    """Accept what would be refused for one of these reasons if the call meets a condition, looked at only then."""
    return lambda call, refusal: None if refusal is not None and refusal.reason in reasons and where(call) else refusal


# ---- the tasks that are selected


def nothing(_call: Call, _tasks: list[Task]) -> list[Task]:
    """Select no task."""
    return []


def everything(call: Call, _tasks: list[Task]) -> list[Task]:
    """Select every listed task."""
    return list(call.listed)


def keep(condition: TaskCondition) -> Hook[list[Task]]:
    """Keep only the selected tasks that meet a condition."""
    return lambda call, tasks: [task for task in tasks if condition(call, task)]


def hide(condition: TaskCondition) -> Hook[list[Task]]:
    """Leave out the selected tasks that meet a condition."""
    return lambda call, tasks: [task for task in tasks if not condition(call, task)]


def hide_one(condition: TaskCondition = any_task, place: int = 0) -> Hook[list[Task]]:
    """Leave out one task, the same from all selections."""
    return lambda call, tasks: lose(pick(call, condition, place), tasks)


def lose(lost: Task | None, tasks: list[Task]) -> list[Task]:
    """Return the tasks without one of them."""
    return [task for task in tasks if task is not lost]


def select_without(call: Call, *ignored: Filter) -> list[Task]:
    """Return the tasks that match if these filters are ignored."""
    return select_by_pairs(call, (pair for pair in call.query.params if pair[0] not in ignored))


def select_by_pairs(call: Call, pairs: Iterable[tuple[str, str]]) -> list[Task]:
    """Return the tasks that match these filters and values."""
    return select(call.listed, ListQuery(tuple(pairs)))


def ignore(*filters: Filter) -> Hook[list[Task]]:
    """Select as if these filters were not given."""
    return lambda call, _: select_without(call, *filters)


def select_by(same: Callable[[str, str], bool], *loose: Filter) -> Hook[list[Task]]:
    """Match the values of the ``loose`` filters if ``same(sent, actual)``; the other filters work as usual."""

    def fits(task: Task, name: Filter, sent: str) -> bool:
        actual = field_of(task, name)
        # a test may have arranged a task without it
        return sent == actual or (name in loose and isinstance(actual, str) and same(sent, actual))

    def hook(call: Call, _tasks: list[Task]) -> list[Task]:
        values = call.query.values.items()
        return [t for t in call.listed if all(any(fits(t, n, value) for value in some) for n, some in values)]

    return hook


def add_a_task(call: Call, tasks: list[Task]) -> list[Task]:
    """Make one more task of the first one's instance, for good."""
    if not tasks:
        return tasks
    task = call.state.make(tasks[0].instance, TaskType.STATIC, None, call.now)
    call.state.add(call.cluster.id, task)
    return [*tasks, task]


# ---- parts of documents


def put(path: str, value: Any) -> Change:
    """Set a field, by its dotted path."""
    return _in_holders(path, lambda holder, name: holder.update({name: copy.deepcopy(value)}))


def drop(path: str) -> Change:
    """Remove a field, by its dotted path."""
    return _in_holders(path, lambda holder, name: holder.pop(name, None))


def rename(path: str, new: str) -> Change:
    """Rename a field, by its dotted path."""
    return _in_holders(path, lambda holder, name: holder.update({new: holder.pop(name)}), present=True)


def alter(path: str, function: Callable[[Any], Any]) -> Change:
    """Set a field that is there, by its dotted path, to a function of its value."""
    return _in_holders(path, lambda holder, name: holder.update({name: function(holder[name])}), present=True)


def _in_holders(path: str, act: Callable[[dict[str, Any], str], object], *, present: bool = False) -> Change:
    """Act on each object that may hold the field, or has it if it must be ``present``.

    A number in the path is a place in an array, ``*`` are all places.
    """
    *above, name = path.split(".")

    def change(item: Any) -> None:
        holders = [item]
        for step in above:
            holders = [inner for holder in holders for inner in _inside(holder, step)]
        for holder in holders:
            if isinstance(holder, dict) and (name in holder or not present):
                act(holder, name)

    return change


def _inside(holder: Any, step: str) -> list[Any]:
    if isinstance(holder, dict):
        return [holder.get(step)]
    if isinstance(holder, list):
        return holder if step == "*" else holder[int(step) :][:1]
    return []


# ---- documents


def items_of(document: Document) -> list[Any]:
    """Return the tasks in the document of a list or create answer."""
    holder = document if "items" in document else document["status"]
    items: list[Any] = holder["items"]
    return items


def in_document(change: Change) -> Edit:
    """Change the document itself."""

    def edit(_call: Call, document: Document) -> None:
        change(document)

    return edit


def in_each(*changes: Change) -> Edit:
    """Change each task of the document."""

    def edit(_call: Call, document: Document) -> None:
        for item in items_of(document):
            for change in changes:
                change(item)

    return edit


def in_one(change: Change, condition: TaskCondition = any_task, place: int = 0) -> Edit:
    """Change one task, the same in all documents."""

    def edit(call: Call, document: Document) -> None:
        task = pick(call, condition, place)
        for item in document["items"]:
            if task is not None and item["metadata"]["taskID"] == task.id:
                change(item)

    return edit


def by_call(make: Callable[[Call], Edit]) -> Edit:
    """Change a document by what the call says."""
    return lambda call, document: make(call)(call, document)


# ---- responses


def with_document(response: Response, document: object) -> Response:
    """Return the response with another JSON document."""
    return replace(response, body=dumps(document))


def with_fields(response: Response, **fields: object) -> Response:
    """Return the response with other fields in its JSON document."""
    return with_document(response, {**response.document, **fields})


def with_header(response: Response, name: str, value: str | None) -> Response:
    """Return the response with a header set to a value, or without that header if it is None."""
    headers = response.headers.without(name) if value is None else response.headers.replacing(name, value)
    return replace(response, headers=headers)


def with_status(status: int) -> ResponseChange:
    """Replace the status of the response."""
    return lambda response: replace(response, status=status)


def on_status(status: int, change: ResponseChange) -> Hook[Response]:
    """Change the responses with this status."""
    return lambda _, response: change(response) if response.status == status else response


def when_empty(change: ResponseChange) -> Hook[Response]:
    """Change the list answers without a task."""
    return lambda _, response: change(response) if b'"items":[]' in response.body else response


def on_error(change: ResponseChange) -> Hook[Response]:
    """Change the responses with a status from 400 on."""
    return lambda _, response: change(response) if response.status >= 400 else response


def on_list(change: ResponseChange, condition: Condition = always) -> Hook[Response]:
    """Change the list answers with status 200 to calls that meet a condition."""

    def hook(call: Call, response: Response) -> Response:
        read = call.request.method == "GET" and call.request.path.endswith("/tasks")
        return change(response) if read and response.status == 200 and condition(call) else response

    return hook
