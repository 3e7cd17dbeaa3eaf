"""Tasks that change after the fact: state, verdict, times, identity, presence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.hooks import (
    FAILED,
    FINAL,
    INSTANCE,
    RUNNING,
    SUCCESS,
    TASK_ID,
    TYPE,
    TaskCondition,
    any_task,
    every,
    from_the,
    given,
    hide,
    hide_one,
    in_one,
    only,
    pick,
    put,
    when,
)
from pytest_cce_precheck.simulator.rendering import timestamp
from pytest_cce_precheck.simulator.state import Moment, Timetable
from pytest_cce_precheck.wire.vocabulary import TaskState, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook
    from pytest_cce_precheck.simulator.state import Task

_LATER: Final = 4
"""From which answer on a task changes: late enough that it was seen before."""


def _change_one(
    change: Callable[[Call, Task], Task], condition: TaskCondition = any_task, place: int = 0
) -> Hook[list[Task]]:
    """Change one task, the same for all filters."""

    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        changed = pick(call, condition, place)
        return [change(call, task) if task is changed else task for task in tasks]

    return hook


def _reschedule(task: Task, timetable: Timetable) -> Task:
    risks = tuple(replace(risk, timetable=timetable) for risk in task.risks)
    return replace(task, timetable=timetable, risks=risks)


def _begin_again(call: Call, task: Task) -> Task:
    return _reschedule(task, Timetable(call.now + timedelta(hours=2), call.now + timedelta(hours=3)))


def _run_again(call: Call, task: Task) -> Task:
    return _reschedule(task, Timetable(call.now - timedelta(minutes=5), call.now + timedelta(hours=3)))


def _other_verdict(_call: Call, task: Task) -> Task:
    outcome = TaskState.SUCCESS if task.outcome is TaskState.FAILED else TaskState.FAILED
    return replace(task, risks=tuple(replace(risk, outcome=outcome) for risk in task.risks))


def _expire_later(_call: Call, task: Task) -> Task:
    return replace(task, expires=replace(task.expires, at=task.expires.at + timedelta(hours=1)))


def _create_later_each_time(call: Call, task: Task) -> Task:
    return replace(task, created=Moment(task.created.at + timedelta(milliseconds=call.number), 1))


def _expiry_by_read(call: Call, document: Document) -> Document:
    task = pick(call, SUCCESS)
    if task is None:
        return document
    moved = Moment(call.now + timedelta(seconds=3600 + call.number), task.expires.nanoseconds)
    return in_one(put("metadata.expireTimeStamp", timestamp(moved)), SUCCESS)(call, document)


def _move_to_first_instance(call: Call, tasks: list[Task]) -> list[Task]:
    return _change_one(
        lambda _, task: replace(task, instance=replace(task.instance, id=tasks[0].instance.id)), place=1
    )(call, tasks)


def _is_created(call: Call, task: Task) -> bool:
    return task.id in call.created_ids


def _created_runs_again(call: Call, tasks: list[Task]) -> list[Task]:
    done = [task for task in tasks if _is_created(call, task) and FINAL(call, task)]
    if not done or call.count(_created_runs_again) < 2:
        return tasks
    return [_run_again(call, task) if task in done else task for task in tasks]


def _created(*states: TaskState) -> TaskCondition:
    return lambda call, task: task.id in call.created_ids and (not states or task.state(call.now) in states)


def _created_for_another_version(call: Call, tasks: list[Task]) -> list[Task]:
    running = _created(TaskState.RUNNING, TaskState.FAILED, TaskState.SUCCESS)
    return [
        replace(task, target_version="9.9.9") if task.target_version and running(call, task) else task for task in tasks
    ]


def _last_of_its_instance(call: Call, tasks: list[Task]) -> list[Task]:
    last = {task.instance.id: task for task in tasks if _is_created(call, task)}
    return [task for task in tasks if not _is_created(call, task) or last[task.instance.id] is task]


def _without_its_other_risks(call: Call, document: Document) -> Document:
    for item in document["items"]:
        if item["metadata"]["taskID"] in call.created_ids and item["status"]["status"] in ("Failed", "Success"):
            item["status"]["riskList"] = item["status"]["riskList"][:1]
    return document


def _add_a_task(call: Call, tasks: list[Task]) -> list[Task]:
    if not tasks:
        return tasks
    task = call.state.make(tasks[0].instance, TaskType.STATIC, None, call.now)
    call.state.add(call.cluster.id, task)
    return [*tasks, task]


def _four_of_twelve(call: Call) -> bool:
    return 4 <= call.count(_four_of_twelve) % 12 < 8


HOOKS: Final[HookTable] = {
    "observe": {
        "running-task-begins-anew": from_the(_LATER, _change_one(_begin_again, RUNNING)),
        "finished-task-runs-again": from_the(_LATER, _change_one(_run_again, FAILED)),
        "state-flickers": every(
            3, lambda call, tasks: [_begin_again(call, task) if RUNNING(call, task) else task for task in tasks]
        ),
        "created-task-runs-again": _created_runs_again,
        "verdict-flips": from_the(_LATER, _change_one(_other_verdict, FAILED, 1)),
        "expiry-moves-once": from_the(_LATER, _change_one(_expire_later, FINAL, 2)),
        "create-time-moves": _change_one(_create_later_each_time, place=7),
        "type-changes": from_the(
            _LATER, _change_one(lambda _, task: replace(task, type=TaskType.STATIC, target_version=None), place=4)
        ),
        "template-changes": from_the(
            _LATER,
            _change_one(lambda _, task: replace(task, instance=replace(task.instance, template="npd2")), place=3),
        ),
        "instance-changes": from_the(_LATER, _move_to_first_instance),
        "finished-task-vanishes-early": from_the(_LATER, hide_one(FINAL, 3)),
        "running-task-vanishes": from_the(_LATER, hide_one(RUNNING, 1)),
        "task-vanishes-and-comes-back": when(_four_of_twelve, hide_one(SUCCESS, 1)),
        "created-task-not-listed": hide(_is_created),
        "created-task-vanishes-while-it-runs": hide(_created(TaskState.RUNNING, TaskState.FAILED, TaskState.SUCCESS)),
        "created-task-gets-another-version": _created_for_another_version,
        "reads-add-tasks": every(3, _add_a_task),
        "filtered-read-adds-a-task": when(only(INSTANCE), _add_a_task),
    },
    "select": {
        "created-task-not-found-by-id": when(given(TASK_ID), hide(_is_created)),
        "created-task-not-found-by-instance": when(only(INSTANCE), hide(_is_created)),
        "created-task-not-found-by-type": when(only(TYPE), hide(_is_created)),
        "created-task-lost-under-type-while-it-runs": when(only(TYPE), hide(_created(TaskState.RUNNING))),
        "last-created-task-of-an-instance-only": when(only(INSTANCE), _last_of_its_instance),
    },
    "document": {
        "target-version-changes": from_the(
            _LATER,
            in_one(
                put("spec.addonTargetVersion", "9.9.9"),
                lambda call, task: RUNNING(call, task) and task.type is TaskType.UPGRADE,
            ),
        ),
        "final-message-changes": from_the(_LATER, in_one(put("status.message", "Addon task archived"), FINAL, 1)),
        "final-risks-vanish": from_the(_LATER, in_one(put("status.riskList", []), SUCCESS)),
        "expiry-moves-with-every-read": _expiry_by_read,
        "created-task-loses-risks-under-task-id": when(only(TASK_ID), _without_its_other_risks),
    },
}
