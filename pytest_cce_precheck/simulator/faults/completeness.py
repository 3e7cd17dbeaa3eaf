"""Single filters that leave tasks out, or show them otherwise than the unfiltered list does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.faults.tools import (
    asked,
    asked_only,
    drop,
    final,
    in_each,
    in_one,
    lose,
    put,
    victim,
    when,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault, Hook
from pytest_cce_precheck.simulator.rendering import task_document
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.world import Task

_incomplete = partial(Fault, category="completeness", codes=("PRE402",))
_content = partial(Fault, category="completeness", codes=("PRE403",))

_TYPE: Final = Filter.TYPE
_ID: Final = Filter.TASK_ID
_INSTANCE: Final = Filter.ADDON_INSTANCE_ID


def _without(place: int, *filters: Filter) -> Hook[list[Task]]:
    """Leave out one of the tasks that match, whenever just these filters are given."""

    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        hit = asked_only(call, *filters) and len(tasks) > 1
        return lose(tasks[place % len(tasks)], tasks) if hit else tasks

    return hook


def _without_state(name: Filter, *states: TaskState) -> Hook[list[Task]]:
    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        return [t for t in tasks if t.state(call.now) not in states] if asked(call, name) else tasks

    return hook


def _as_hours_ago(call: Call, document: Document) -> Document:
    if call.question.filters:
        then = call.now - timedelta(hours=5)
        shown = {task.id: task for task in call.listed}
        ids = [item["metadata"]["taskID"] for item in document["items"]]
        document["items"] = [task_document(shown[task_id], then) for task_id in ids if task_id in shown]
    return document


def _under(name: Filter, hook: Hook[Document]) -> Hook[Document]:
    return when(lambda call: asked_only(call, name), hook)


def _cut(item: Any) -> None:
    item["status"]["message"] = item["status"]["message"][:10]


FAULTS: Final = (
    _incomplete(
        name="one-task-lost-under-type",
        subtle=True,
        summary="`type` leaves out one task.",
        select=_without(1, _TYPE),
    ),
    _incomplete(
        name="newest-task-lost-under-instance",
        subtle=True,
        summary="`addon_instance_id` leaves out the instance's newest task.",
        select=_without(-1, _INSTANCE),
    ),
    _incomplete(
        name="failed-tasks-lost-under-type",
        summary="`type` leaves out the failed tasks.",
        select=_without_state(_TYPE, TaskState.FAILED),
    ),
    _incomplete(
        name="unfinished-tasks-lost-under-instance",
        summary="`addon_instance_id` selects among finished tasks only.",
        select=_without_state(_INSTANCE, TaskState.INIT, TaskState.RUNNING),
    ),
    _incomplete(
        name="running-task-not-found-by-id",
        subtle=True,
        summary="`task_id` does not find running tasks.",
        select=_without_state(_ID, TaskState.RUNNING),
    ),
    _incomplete(
        name="static-task-not-found-by-id",
        subtle=True,
        summary="`task_id` finds upgrade tasks only.",
        select=lambda call, tasks: [t for t in tasks if t.type is TaskType.UPGRADE] if asked(call, _ID) else tasks,
    ),
    _incomplete(
        name="one-task-not-found-by-id",
        subtle=True,
        summary="`task_id` does not find one of the tasks.",
        select=lambda call, tasks: lose(victim(call, place=6), tasks) if asked_only(call, _ID) else tasks,
    ),
    _incomplete(
        name="page-of-five-under-a-filter",
        summary="A filtered answer has five tasks at most, and no way to get more.",
        select=lambda call, tasks: tasks[:5] if call.question.filters else tasks,
    ),
    _incomplete(
        name="first-match-only",
        summary="A filtered answer has the first match only.",
        select=lambda call, tasks: tasks[:1] if call.question.filters else tasks,
    ),
    _incomplete(
        name="instance-filter-empties",
        summary="`addon_instance_id` finds nothing (it is compared with another id).",
        select=lambda call, tasks: [] if asked(call, _INSTANCE) else tasks,
    ),
    _incomplete(
        name="one-instance-not-found",
        subtle=True,
        summary="`addon_instance_id` does not find one of the instances.",
        select=lambda call, tasks: (
            [t for t in tasks if t.instance.template != "everest"] if asked_only(call, _INSTANCE) else tasks
        ),
    ),
    _incomplete(
        name="one-task-missing-from-the-unfiltered-list",
        codes=("PRE405",),
        subtle=True,
        summary="The unfiltered list leaves out a task that every filter finds.",
        select=lambda call, tasks: tasks if call.question.filters else lose(victim(call, place=4), tasks),
    ),
    _incomplete(
        name="unfiltered-list-shows-ten",
        codes=("PRE405", "PRE505"),
        subtle=True,
        summary="The unfiltered list shows the ten newest tasks, and counts ten.",
        select=lambda call, tasks: tasks if call.question.filters else tasks[-10:],
    ),
    _incomplete(
        name="unfiltered-list-hides-init",
        codes=("PRE405",),
        summary="The unfiltered list leaves out tasks in Init; filters find them.",
        select=lambda call, tasks: (
            tasks if call.question.filters else [t for t in tasks if t.state(call.now) is not TaskState.INIT]
        ),
    ),
    _content(
        name="filtered-view-is-hours-old",
        summary="Under a filter, tasks are shown as they were hours ago (a stale index).",
        document=_as_hours_ago,
    ),
    _content(
        name="message-cut-under-type",
        subtle=True,
        summary="Under `type`, messages are cut to ten characters.",
        document=_under(_TYPE, in_each(_cut)),
    ),
    _content(
        name="risks-missing-under-task-id",
        subtle=True,
        summary="Under `task_id`, tasks have no `riskList`.",
        document=_under(_ID, in_each(drop("status.riskList"))),
    ),
    _content(
        name="expiry-missing-under-type",
        subtle=True,
        codes=("PRE403", "PRE302"),
        summary="Under `type`, finished tasks have no expiry time.",
        document=_under(_TYPE, in_each(drop("metadata.expireTimeStamp"))),
    ),
    _content(
        name="target-version-missing-under-instance",
        subtle=True,
        summary="Under `addon_instance_id`, upgrade tasks have no `spec`.",
        document=_under(_INSTANCE, in_each(drop("spec"))),
    ),
    _content(
        name="one-instance-name-differs-under-instance",
        subtle=True,
        summary="Under `addon_instance_id`, one task has another instance's name.",
        document=_under(_INSTANCE, in_one(put("metadata.addonInstanceName", "cceaddon-other"), final, 1)),
    ),
)
