"""Tasks that do not keep what was said of them: state, verdict, times, identity, presence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from pytest_cce_precheck.simulator.faults.tools import (
    Where,
    anyone,
    asked,
    asked_only,
    every,
    final,
    from_the,
    in_one,
    in_state,
    lose,
    put,
    victim,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault, Hook
from pytest_cce_precheck.simulator.rendering import task_document
from pytest_cce_precheck.simulator.world import Moment, Task, Timetable
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

_fault = partial(Fault, category="life cycle")
_FAILED: Final = in_state(TaskState.FAILED)
_SUCCESS: Final = in_state(TaskState.SUCCESS)
_RUNNING: Final = in_state(TaskState.RUNNING)
_SOME: Final = 4
"""From which answer on a task changes: late enough that it was seen before."""


def _shown(where: Where, place: int, change: Any) -> Hook[list[Task]]:
    """Show one task changed, to all filters alike."""

    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        found = [task for task in tasks if where(call, task)]
        hit = found[place] if len(found) > place else None
        return [change(call, task) if task is hit else task for task in tasks]

    return hook


def _gone(where: Where, place: int) -> Hook[list[Task]]:
    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        found = [task for task in tasks if where(call, task)]
        return lose(found[place], tasks) if len(found) > place else tasks

    return hook


def _gone_for_a_while(call: Call, tasks: list[Task]) -> list[Task]:
    # four answers out of twelve, so that it is missed and found again
    return _gone(_SUCCESS, 1)(call, tasks) if 4 <= call.count("gone for a while") % 12 < 8 else tasks


def _begins_anew(call: Call, task: Task) -> Task:
    begins = call.now + timedelta(hours=2)
    later = Timetable(begins, begins + timedelta(hours=1))
    return replace(task, timetable=later, risks=tuple(replace(risk, timetable=later) for risk in task.risks))


def _runs_again(call: Call, task: Task) -> Task:
    begins = call.now - timedelta(minutes=5)
    running = Timetable(begins, call.now + timedelta(hours=3))
    return replace(task, timetable=running, risks=tuple(replace(risk, timetable=running) for risk in task.risks))


def _other_verdict(_call: Call, task: Task) -> Task:
    failed = task.outcome is TaskState.FAILED
    outcome = TaskState.SUCCESS if failed else TaskState.FAILED
    return replace(task, risks=tuple(replace(risk, outcome=outcome) for risk in task.risks))


def _expiry_by_read(call: Call, document: Document) -> Document:
    task = victim(call, _SUCCESS)
    for item in document["items"] if task is not None else ():
        if task is not None and item["metadata"].get("taskID") == task.id:
            moved = Moment(call.now + timedelta(seconds=3600 + call.number), task.expires.nanoseconds)
            item["metadata"]["expireTimeStamp"] = task_document(replace(task, expires=moved), call.now)["metadata"][
                "expireTimeStamp"
            ]
    return document


def _created_by_read(call: Call, task: Task) -> Task:
    return replace(task, created=Moment(task.created.at + timedelta(milliseconds=call.number), 1))


def _created_unseen(hidden: Any) -> Hook[list[Task]]:
    return lambda call, tasks: [t for t in tasks if t.id not in call.posted] if hidden(call) else tasks


def _add_a_task(call: Call, tasks: list[Task]) -> list[Task]:
    if call.route is None or not tasks:
        return tasks
    task = call.world.make(tasks[0].instance, TaskType.STATIC, None, call.now)
    call.world.add(call.route.cluster_id, task)
    return [*tasks, task]


def _posted_goes_back(call: Call, tasks: list[Task]) -> list[Task]:
    done = [t for t in tasks if t.id in call.posted and t.state(call.now).final]
    if not done or call.count("posted and done") < 2:
        return tasks
    return [_runs_again(call, task) if task in done else task for task in tasks]


FAULTS: Final = (
    _fault(
        name="running-task-begins-anew",
        codes=("PRE501",),
        subtle=True,
        summary="From the fourth answer on, a running task is in Init again.",
        observe=from_the(_SOME, "begins anew", _shown(_RUNNING, 0, _begins_anew)),
    ),
    _fault(
        name="finished-task-runs-again",
        codes=("PRE501", "PRE502"),
        subtle=True,
        summary="From the fourth answer on, a failed task is Running again, without expiry.",
        observe=from_the(_SOME, "runs again", _shown(_FAILED, 0, _runs_again)),
    ),
    _fault(
        name="state-flickers",
        codes=("PRE501", "PRE403", "PRE411"),
        summary="Every third answer shows running tasks in Init.",
        observe=every(
            3,
            "flickers",
            lambda call, tasks: [_begins_anew(call, t) if _RUNNING(call, t) else t for t in tasks],
        ),
    ),
    _fault(
        name="created-task-runs-again",
        codes=("PRE501", "PRE502"),
        subtle=True,
        summary="A created task that is finished is Running at the next read.",
        observe=_posted_goes_back,
    ),
    _fault(
        name="verdict-flips",
        codes=("PRE502", "PRE501"),
        subtle=True,
        summary="From the fourth answer on, a failed task is Success.",
        observe=from_the(_SOME, "verdict flips", _shown(_FAILED, 1, _other_verdict)),
    ),
    _fault(
        name="final-message-changes",
        codes=("PRE502",),
        subtle=True,
        summary="From the fourth answer on, a finished task has another message.",
        document=from_the(_SOME, "message", in_one(put("status.message", "Addon task archived"), final, 1)),
    ),
    _fault(
        name="final-risks-vanish",
        codes=("PRE502",),
        subtle=True,
        summary="From the fourth answer on, a finished task's risk list is empty.",
        document=from_the(_SOME, "risks", in_one(put("status.riskList", []), _SUCCESS)),
    ),
    _fault(
        name="expiry-moves-with-every-read",
        codes=("PRE503",),
        summary="A finished task's expiry is counted from each read.",
        document=_expiry_by_read,
    ),
    _fault(
        name="expiry-moves-once",
        codes=("PRE503",),
        subtle=True,
        summary="From the fourth answer on, a finished task expires an hour later.",
        observe=from_the(
            _SOME,
            "expiry moves",
            _shown(
                final,
                2,
                lambda _, task: replace(
                    task,
                    expires=Moment(task.expires.at + timedelta(hours=1), task.expires.nanoseconds),
                ),
            ),
        ),
    ),
    _fault(
        name="create-time-moves",
        codes=("PRE504",),
        subtle=True,
        summary="One task's creation time moves by milliseconds from read to read.",
        observe=_shown(anyone, 7, _created_by_read),
    ),
    _fault(
        name="type-changes",
        codes=("PRE504",),
        subtle=True,
        summary="From the fourth answer on, one upgrade check is a static one.",
        observe=from_the(
            _SOME,
            "type changes",
            _shown(anyone, 4, lambda _, task: replace(task, type=TaskType.STATIC, target_version=None)),
        ),
    ),
    _fault(
        name="template-changes",
        codes=("PRE504",),
        subtle=True,
        summary="From the fourth answer on, one task is of another template.",
        observe=from_the(
            _SOME,
            "template changes",
            _shown(anyone, 3, lambda _, task: replace(task, instance=replace(task.instance, template="npd2"))),
        ),
    ),
    _fault(
        name="instance-changes",
        codes=("PRE504",),
        subtle=True,
        summary="From the fourth answer on, one task belongs to the instance of another.",
        observe=from_the(
            _SOME,
            "instance changes",
            lambda call, tasks: _shown(
                anyone,
                1,
                lambda _, task: replace(task, instance=replace(task.instance, id=tasks[0].instance.id)),
            )(call, tasks),
        ),
    ),
    _fault(
        name="finished-task-vanishes-early",
        codes=("PRE505",),
        subtle=True,
        summary="From the fourth answer on, a finished task is missing, hours before its expiry.",
        observe=from_the(_SOME, "vanishes", _gone(final, 3)),
    ),
    _fault(
        name="running-task-vanishes",
        codes=("PRE505",),
        subtle=True,
        summary="From the fourth answer on, a task that was running is missing.",
        observe=from_the(_SOME, "running vanishes", _gone(_RUNNING, 1)),
    ),
    _fault(
        name="task-vanishes-and-comes-back",
        codes=("PRE506", "PRE505"),
        subtle=True,
        summary="A successful task is missing for four answers out of twelve.",
        observe=_gone_for_a_while,
    ),
    _fault(
        name="created-task-not-listed",
        codes=("PRE507",),
        summary="Tasks that the create call made are in no list.",
        observe=_created_unseen(lambda _: True),
    ),
    _fault(
        name="created-task-not-found-by-id",
        codes=("PRE507",),
        subtle=True,
        summary="Created tasks are listed, and `task_id` does not find them.",
        select=_created_unseen(lambda call: asked(call, Filter.TASK_ID)),
    ),
    _fault(
        name="created-task-not-found-by-instance",
        codes=("PRE507",),
        subtle=True,
        summary="Created tasks are listed, and `addon_instance_id` does not find them.",
        select=_created_unseen(lambda call: asked_only(call, Filter.ADDON_INSTANCE_ID)),
    ),
    _fault(
        name="created-task-not-found-by-type",
        codes=("PRE507",),
        subtle=True,
        summary="Created tasks are listed, and `type` does not find them.",
        select=_created_unseen(lambda call: asked_only(call, Filter.TYPE)),
    ),
    _fault(
        name="reads-add-tasks",
        codes=("PRE509",),
        summary="Every third read starts another static check.",
        category="safety",
        observe=every(3, "reads add", _add_a_task),
    ),
    _fault(
        name="filtered-read-adds-a-task",
        codes=("PRE509",),
        subtle=True,
        category="safety",
        summary="A read by `addon_instance_id` starts another check of that instance.",
        observe=lambda call, tasks: _add_a_task(call, tasks) if asked_only(call, Filter.ADDON_INSTANCE_ID) else tasks,
    ),
)
