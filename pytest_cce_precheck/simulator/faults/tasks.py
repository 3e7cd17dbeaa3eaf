"""Tasks that change after the fact, and tasks, clusters and projects that are shown to the wrong reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from pytest_cce_precheck.simulator.hooks import (
    FAILED,
    FINAL,
    INSTANCE,
    RUNNING,
    SUCCESS,
    TASK_ID,
    TYPE,
    TaskCondition,
    add_a_task,
    any_task,
    by_call,
    every,
    filtered,
    from_the,
    given,
    hide,
    hide_one,
    ignore,
    in_one,
    nothing,
    only,
    pick,
    put,
    when,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Edit, Hook, HookTable
from pytest_cce_precheck.simulator.population import SeededIds
from pytest_cce_precheck.simulator.refusals import Refusal, not_found
from pytest_cce_precheck.simulator.rendering import timestamp
from pytest_cce_precheck.simulator.routing import Route
from pytest_cce_precheck.simulator.selection import select
from pytest_cce_precheck.simulator.state import Moment, Task, Timetable
from pytest_cce_precheck.wire.vocabulary import PROJECT_HEADER, TaskState, TaskType


def _later(hook: Hook[Any]) -> Hook[Any]:
    """Apply a hook from the fourth answer on: late enough that a task was seen before it changes."""
    return from_the(4, hook)


def _change_one(
    change: Callable[[Call, Task], Task], condition: TaskCondition = any_task, place: int = 0
) -> Hook[list[Task]]:
    """Change one task, the same for all filters."""

    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        changed = pick(call, condition, place)
        return [change(call, task) if task is changed else task for task in tasks]

    return hook


def _rescheduled(begins: timedelta, call: Call, task: Task) -> Task:
    """Let a task begin so long from now, and end three hours from now."""
    timetable = Timetable(call.now + begins, call.now + timedelta(hours=3))
    risks = tuple(replace(risk, timetable=timetable) for risk in task.risks)
    return replace(task, timetable=timetable, risks=risks)


_begin_again: Final = partial(_rescheduled, timedelta(hours=2))
_run_again: Final = partial(_rescheduled, -timedelta(minutes=5))


def _other_verdict(_call: Call, task: Task) -> Task:
    outcome = TaskState.SUCCESS if task.outcome is TaskState.FAILED else TaskState.FAILED
    return replace(task, risks=tuple(replace(risk, outcome=outcome) for risk in task.risks))


def _expiry_by_read(call: Call) -> Edit:
    nanoseconds = next((task.expires.nanoseconds for task in call.listed if SUCCESS(call, task)), 0)
    moved = Moment(call.now + timedelta(seconds=3600 + call.number), nanoseconds)
    return in_one(put("metadata.expireTimeStamp", timestamp(moved)), SUCCESS)


def _move_to_first_instance(call: Call, tasks: list[Task]) -> list[Task]:
    return _change_one(
        lambda _, task: replace(task, instance=replace(task.instance, id=tasks[0].instance.id)), place=1
    )(call, tasks)


def _created(*states: TaskState) -> TaskCondition:
    """Apply to created tasks, in any state or in one of these."""
    return lambda call, task: task.id in call.created_ids and (not states or task.state(call.now) in states)


_is_created: Final = _created()
_is_running_or_final: Final = _created(TaskState.RUNNING, TaskState.FAILED, TaskState.SUCCESS)
_is_created_and_final: Final = _created(TaskState.FAILED, TaskState.SUCCESS)


def _change_all(condition: TaskCondition, change: Callable[[Call, Task], Task]) -> Hook[list[Task]]:
    """Change all tasks that meet a condition."""
    return lambda call, tasks: [change(call, task) if condition(call, task) else task for task in tasks]


def _again(call: Call, tasks: list[Task]) -> list[Task]:
    done = any(_is_created_and_final(call, task) for task in tasks)
    return _change_all(_is_created_and_final, _run_again)(call, tasks) if done and call.count(_again) > 1 else tasks


def _again_soon(call: Call, tasks: list[Task]) -> list[Task]:
    if any(_is_created_and_final(call, task) for task in tasks):
        shown = call.memory.setdefault(_again_soon, call.now)
        if timedelta(seconds=0.5) <= call.now - shown < timedelta(seconds=2):
            return _change_all(_is_created_and_final, _run_again)(call, tasks)
    return tasks


def _last_of_its_instance(call: Call, tasks: list[Task]) -> list[Task]:
    last = {task.instance.id: task for task in tasks if _is_created(call, task)}
    return [task for task in tasks if not _is_created(call, task) or last[task.instance.id] is task]


def _without_its_other_risks(call: Call, document: Document) -> None:
    for item in document["items"]:
        if item["metadata"]["taskID"] in call.created_ids and item["status"]["status"] in ("Failed", "Success"):
            item["status"]["riskList"] = item["status"]["riskList"][:1]


def _four_of_twelve(call: Call) -> bool:
    return 4 <= call.count(_four_of_twelve) % 12 < 8


def _instead_of_refusal(
    reason: str, read: Callable[[SeededIds, str, str], tuple[str, ...] | None] = lambda _, *sent: sent
) -> Hook[Route | Refusal]:
    """Answer with a list in place of a refusal; ``read`` returns its ids for those of the path, None to refuse them."""

    def hook(call: Call, route: Route | Refusal) -> Route | Refusal:
        match = re.search(r"/projects/([^/]*)/clusters/([^/]*)", call.request.path)
        if isinstance(route, Route) or route.reason != reason or match is None:
            return route
        ids = read(call.ids, match[1], match[2])
        if ids is None:
            return route
        exists = ids[1] in call.state.clusters and call.request.method == "GET"
        return Route("list", *ids) if exists else not_found("cluster")

    return hook


def _main_for_like(same: Callable[[str, str], bool]) -> Hook[Route | Refusal]:
    """Take an id that is like the main cluster's for the main cluster."""
    return _instead_of_refusal(
        "cluster", lambda ids, project, cluster: (project, ids.cluster_id) if same(cluster, ids.cluster_id) else None
    )


def _project_for_like(same: Callable[[str, str], bool]) -> Hook[Route | Refusal]:
    """Take an id that is like the project's for the project."""
    return _instead_of_refusal(
        "project", lambda ids, project, cluster: (ids.project_id, cluster) if same(project, ids.project_id) else None
    )


def _cluster_of_the_call_before(call: Call, route: Route | Refusal) -> Route | Refusal:
    """Read the cluster of the call before, as with one variable for all; on the first connection, all goes well."""
    if not isinstance(route, Route) or route.call != "list":
        return route
    before = call.previous(_cluster_of_the_call_before, route.cluster_id)
    first = call.memory.setdefault("first connection", call.caller)
    return route if call.caller == first else replace(route, cluster_id=before)


def _in_other_cluster(call: Call) -> list[Task]:
    """Return the tasks of the project's other cluster if the main one is asked for."""
    is_main = call.cluster.id == call.ids.cluster_id
    return call.state.tasks_of(call.ids.other_cluster_id, call.now) if is_main else []


def _also_elsewhere(call: Call, tasks: list[Task]) -> list[Task]:
    return [*tasks, *select(_in_other_cluster(call), call.query)]


def _elsewhere(call: Call) -> bool:
    return call.cluster.id == call.ids.other_cluster_id


def _main_created(call: Call, condition: TaskCondition) -> list[Task]:
    """Return the tasks that were created in the main cluster, if another one is asked for."""
    main = call.ids.cluster_id
    tasks = call.state.tasks_of(main, call.now) if call.cluster.id != main else []
    return [task for task in tasks if task.id in call.created_ids and condition(call, task)]


def _finished_moves(call: Call, tasks: list[Task]) -> list[Task]:
    kept = [task for task in tasks if not (task.id in call.created_ids and FINAL(call, task))]
    return [*kept, *_main_created(call, FINAL)]


def _list_of_the_cluster_before(call: Call, tasks: list[Task]) -> list[Task]:
    """Answer the main cluster's first unfiltered list after that of another cluster with the other's."""
    if call.query.params:
        return tasks
    if call.cluster.id != call.ids.cluster_id:
        call.memory["list"] = tasks
        return tasks
    other: list[Task] = call.memory.pop("list", tasks)
    return other


HOOKS: Final[HookTable] = {
    "route": {
        "cluster-ignored": lambda call, route: (
            replace(route, cluster_id=call.ids.cluster_id) if isinstance(route, Route) else route
        ),
        "unknown-cluster-answered": _instead_of_refusal("cluster", lambda ids, *_: (ids.project_id, ids.cluster_id)),
        "unknown-cluster-answered-with-a-filter": when(
            lambda call: filtered(call) and call.ids.foreign_cluster_id not in call.request.path,
            _instead_of_refusal("cluster", lambda ids, *_: (ids.project_id, ids.cluster_id)),
        ),
        "project-ignored": _instead_of_refusal("project"),
        "project-known-by-its-beginning": when(
            lambda call: call.request.headers.get(PROJECT_HEADER) in (None, call.ids.project_id),
            _instead_of_refusal(
                "project",
                lambda ids, project, cluster: (ids.project_id, cluster) if project[:8] == ids.project_id[:8] else None,
            ),
        ),
        "foreign-project-readable": _instead_of_refusal(
            "project", lambda ids, *sent: sent if sent[0] == ids.foreign_project_id else None
        ),
        "foreign-cluster-readable": _instead_of_refusal("cluster"),
        "foreign-cluster-readable-with-a-filter": when(filtered, _instead_of_refusal("cluster")),
        "other-connections-read-the-cluster-before": _cluster_of_the_call_before,
        "cluster-id-in-any-case": _main_for_like(lambda sent, cluster_id: sent.lower() == cluster_id),
        "hyphen-stands-for-a-cluster": _main_for_like(lambda sent, _: sent == "-"),
        "cluster-id-is-a-pattern": _main_for_like(lambda sent, _: sent == "%25"),
        "project-id-in-any-case": _project_for_like(lambda sent, project: sent.lower() == project),
        "project-id-is-trimmed": _project_for_like(lambda sent, project: unquote(sent).strip() == project),
        "cluster-id-with-more": _main_for_like(lambda sent, cluster_id: sent.startswith(cluster_id)),
    },
    "observe": {
        "running-task-begins-anew": _later(_change_one(_begin_again, RUNNING)),
        "finished-task-runs-again": _later(_change_one(_run_again, FAILED)),
        "state-flickers": every(3, _change_all(RUNNING, _begin_again)),
        "created-task-runs-again": _again,
        "created-task-runs-again-soon": _again_soon,
        "verdict-flips": _later(_change_one(_other_verdict, FAILED, 1)),
        "expiry-moves-once": _later(
            _change_one(
                lambda _, task: replace(
                    task, expires=Moment(task.expires.at + timedelta(hours=1), task.expires.nanoseconds)
                ),
                FINAL,
                2,
            )
        ),
        "create-time-moves": _change_one(
            lambda call, task: replace(task, created=Moment(task.created.at + timedelta(milliseconds=call.number), 1)),
            place=7,
        ),
        "type-changes": _later(
            _change_one(lambda _, task: replace(task, type=TaskType.STATIC, target_version=None), place=4)
        ),
        "template-changes": _later(
            _change_one(lambda _, task: replace(task, instance=replace(task.instance, template="npd2")), place=3)
        ),
        "instance-changes": _later(_move_to_first_instance),
        "finished-task-vanishes-early": _later(hide_one(FINAL, 3)),
        "running-task-vanishes": _later(hide_one(RUNNING, 1)),
        "task-vanishes-and-comes-back": when(_four_of_twelve, hide_one(SUCCESS, 1)),
        "created-task-not-listed": hide(_is_created),
        "created-task-vanishes-while-it-runs": hide(_is_running_or_final),
        "created-task-gets-another-version": _change_all(
            lambda call, task: bool(task.target_version) and _is_running_or_final(call, task),
            lambda _, task: replace(task, target_version="9.9.9"),
        ),
        "created-task-ends-under-another-id": _change_all(
            _is_created_and_final, lambda _, task: replace(task, id=f"{task.id[:-4]}ffff")
        ),
        "first-list-empty": when(lambda call: call.number == 1, nothing),
        "reads-add-tasks": every(3, add_a_task),
        "filtered-read-adds-a-task": when(only(INSTANCE), add_a_task),
        "one-task-of-another-cluster": lambda call, tasks: [*tasks, *_in_other_cluster(call)[:1]],
        "created-tasks-in-every-cluster": lambda call, tasks: [*tasks, *_main_created(call, any_task)],
        "finished-task-moves-to-another-cluster": _finished_moves,
        "list-of-the-cluster-before": _list_of_the_cluster_before,
        "all-clusters-in-one-list": lambda call, tasks: [*tasks, *_in_other_cluster(call)],
    },
    "select": {
        "created-task-not-found-by-id": when(given(TASK_ID), hide(_is_created)),
        "created-task-not-found-by-instance": when(only(INSTANCE), hide(_is_created)),
        "created-task-not-found-by-type": when(only(TYPE), hide(_is_created)),
        "created-task-lost-under-type-while-it-runs": when(only(TYPE), hide(_created(TaskState.RUNNING))),
        "last-created-task-of-an-instance-only": when(only(INSTANCE), _last_of_its_instance),
        "other-cluster-ignores-the-type": when(_elsewhere, ignore(TYPE)),
        "other-cluster-finds-no-instance": when(
            lambda call: _elsewhere(call) and INSTANCE in call.query.filters, nothing
        ),
        "type-filter-spans-clusters": when(only(TYPE), _also_elsewhere),
        "task-id-found-in-other-clusters": when(only(TASK_ID), _also_elsewhere),
        "instance-found-in-other-clusters": when(only(INSTANCE), _also_elsewhere),
    },
    "document": {
        "target-version-changes": _later(
            in_one(
                put("spec.addonTargetVersion", "9.9.9"),
                lambda call, task: RUNNING(call, task) and task.type is TaskType.UPGRADE,
            )
        ),
        "final-message-changes": _later(in_one(put("status.message", "Addon task archived"), FINAL, 1)),
        "final-risks-vanish": _later(in_one(put("status.riskList", []), SUCCESS)),
        "expiry-moves-with-every-read": by_call(_expiry_by_read),
        "created-task-loses-risks-under-task-id": when(only(TASK_ID), _without_its_other_risks),
    },
}
